"""The watch over encoders: a call that waits for ever is found, one that works or returns is not."""

import os
import threading
import time

import pytest

from augmentation_worker.__main__ import _exit_code_of
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.media.video import encoder_watch
from augmentation_worker.media.video.encoder_watch import EncoderWatch

LONGEST_IDLE = 0.4


def test_call_that_waits_for_ever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # A hub of an earlier test is in this process, and looks around ten times a second.
    monkeypatch.setattr(encoder_watch, "_IDLE_SHARE", 0.3)
    found, returned = threading.Event(), threading.Event()
    watch = EncoderWatch(LONGEST_IDLE, lambda seconds: found.set())

    def hang() -> None:
        with watch.call():
            returned.wait()

    thread = threading.Thread(target=hang, daemon=True)
    thread.start()
    assert found.wait(30)
    returned.set()
    thread.join()


def test_calls_that_return_and_those_that_work_are_not_found() -> None:
    found = threading.Event()
    watch = EncoderWatch(LONGEST_IDLE, lambda seconds: found.set())
    until = time.monotonic() + 2 * LONGEST_IDLE
    while time.monotonic() < until:
        with watch.call():
            time.sleep(0.01)
    with watch.call():
        until = time.process_time() + 3 * LONGEST_IDLE
        while time.process_time() < until:
            pass
    time.sleep(2 * LONGEST_IDLE)
    assert not found.is_set()


def test_program_ends_with_a_failure_that_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    failures: list[WorkerFailure] = []
    monkeypatch.setattr(encoder_watch, "WATCH", EncoderWatch(LONGEST_IDLE, lambda seconds: None))
    monkeypatch.setattr(os, "_exit", codes.append)
    assert _exit_code_of(lambda: encoder_watch.WATCH.on_stall(300), failures.append) == 0
    assert codes == [failures[0].reason.exit_code]
    assert not failures[0].reason.is_permanent
    assert "encoder has not answered for 300 s" in failures[0].message
