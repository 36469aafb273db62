"""The clock of stages: what it counts, and that nothing else counts."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from augmentation_worker.media.stage_clock import Stage, StageClock


def test_stage_that_fails_counts_too() -> None:
    clock = StageClock()
    with pytest.raises(ValueError, match="broken"), clock.measure(Stage.UPLOAD):
        time.sleep(0.01)
        raise ValueError("broken")
    assert list(clock.seconds()) == [Stage.UPLOAD]
    assert clock.seconds()[Stage.UPLOAD] >= 0.01


def test_only_making_items_counts_not_what_is_done_with_them() -> None:
    def items() -> Iterator[int]:
        for item in range(3):
            time.sleep(0.01)
            yield item

    clock, seen = StageClock(), []
    begin = time.perf_counter()
    for item in clock.over(Stage.DECODE, items()):
        time.sleep(0.1)
        seen.append(item)
    elapsed = time.perf_counter() - begin
    assert seen == [0, 1, 2]
    assert 0.03 <= clock.seconds()[Stage.DECODE] <= elapsed - 0.3


def test_threads_add_up_and_details_are_words() -> None:
    clock = StageClock()

    def work() -> None:
        with clock.measure(Stage.ENCODE):
            time.sleep(0.03)

    with ThreadPoolExecutor(4) as threads:
        for _ in range(4):
            threads.submit(work)
    assert clock.seconds()[Stage.ENCODE] >= 0.12
    assert list(clock.details()) == ["encode"]
    assert clock.details()["encode"].endswith(" s")


def test_details_of_what_computes_are_of_a_processor_and_encoders_have_the_rest() -> None:
    def compute(seconds: float) -> None:
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            pass

    clock = StageClock()
    with clock.measure(Stage.TRANSFORM):
        time.sleep(0.3)
        compute(0.1)
    with clock.measure(Stage.UPLOAD):
        time.sleep(0.2)
    with clock.measure(Stage.ENCODE):
        encoder = threading.Thread(target=compute, args=(0.3,))
        encoder.start()
        encoder.join()
    seconds = {stage: float(text.removesuffix(" s")) for stage, text in clock.details().items()}
    assert seconds["transform"] == 0.1
    assert seconds["upload"] >= 0.2
    assert seconds["encode"] >= 0.3
