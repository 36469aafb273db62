"""The seconds that a shard spends in each of its stages: what a benchmark and the status say of where the time goes.

Cost: two readings of two clocks and one lock for each batch of frames and stage, under a millionth of the work.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TypeVar

Item = TypeVar("Item")


class Stage(StrEnum):
    """A stage of a shard's work."""

    METADATA = "metadata"
    """Reading the source's metadata, and planning."""
    DOWNLOAD = "download"
    DECODE = "decode"
    TRANSFORM = "transform"
    """Transforms, hashes and statistics."""
    ENCODE = "encode"
    JOIN = "join"
    """Joining episodes to files, and checking the files."""
    BUFFER = "buffer"
    """Waiting for memory between a GPU and encoders that are behind."""
    GPU = "gpu"
    """Waiting for a GPU's kernels and copies."""
    HASH = "hash"
    """Hashes and statistics of what a GPU has made; on the CPU they belong to transform."""
    UPLOAD = "upload"


COMPUTING = (Stage.DECODE, Stage.TRANSFORM, Stage.HASH, Stage.ENCODE)
"""Stages that take a processor. By the clock they also wait for one, where there are more threads than cores."""


class StageClock:
    """Adds up seconds by stage. Any thread may use it.

    Stages that several threads are in at once count for each of them, so that the sum may exceed what went by on the
    wall. An encoder with threads of its own counts while the thread that feeds it waits for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = dict.fromkeys(Stage, 0.0)
        self._processor = dict.fromkeys(Stage, 0.0)
        self._began: float | None = None

    @contextmanager
    def measure(self, stage: Stage) -> Iterator[None]:
        """Count what runs inside, whether it fails or not."""
        begin = self._read()
        try:
            yield
        finally:
            self._add(stage, begin)

    def over(self, stage: Stage, items: Iterable[Item]) -> Iterator[Item]:
        """The items, counting what it takes to make each, and not what is done with them."""
        iterator = iter(items)
        while True:
            begin = self._read()
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self._add(stage, begin)
            yield item

    def seconds(self) -> dict[Stage, float]:
        """Seconds so far, of the stages that took any."""
        with self._lock:
            return {stage: seconds for stage, seconds in self._seconds.items() if seconds}

    def details(self) -> dict[str, str]:
        """The seconds as details of an event, `{"decode": "12.3 s"}`: of a processor where a stage computes.

        Encoders work in threads of their own, so what the process takes besides all stages counts as theirs.
        """
        seconds = self.seconds()
        with self._lock:
            processor = dict(self._processor)
        if self._began is not None and Stage.ENCODE in seconds:
            processor[Stage.ENCODE] += max(0.0, time.process_time() - self._began - sum(processor.values()))
        seconds |= {stage: processor[stage] for stage in COMPUTING if stage in seconds}
        return {stage.value: f"{each:.1f} s" for stage, each in seconds.items()}

    def _read(self) -> tuple[float, float]:
        if self._began is None:
            self._began = time.process_time()
        return time.perf_counter(), time.thread_time()

    def _add(self, stage: Stage, begin: tuple[float, float]) -> None:
        seconds, processor = time.perf_counter() - begin[0], time.thread_time() - begin[1]
        with self._lock:
            self._seconds[stage] += seconds
            self._processor[stage] += processor
