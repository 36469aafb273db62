"""The seconds that a shard spends in each of its stages: what a benchmark and the status say of where the time goes.

Cost: two readings of the clock and one lock for each batch of frames and stage, under a millionth of the work.
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


class StageClock:
    """Adds up seconds by stage. Any thread may use it.

    Stages that several threads are in at once count for each of them, so that the sum may exceed what went by on the
    wall. An encoder with threads of its own counts while the thread that feeds it waits for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = dict.fromkeys(Stage, 0.0)

    @contextmanager
    def measure(self, stage: Stage) -> Iterator[None]:
        """Count what runs inside, whether it fails or not."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._add(stage, time.perf_counter() - begin)

    def over(self, stage: Stage, items: Iterable[Item]) -> Iterator[Item]:
        """The items, counting what it takes to make each, and not what is done with them."""
        iterator = iter(items)
        while True:
            begin = time.perf_counter()
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self._add(stage, time.perf_counter() - begin)
            yield item

    def seconds(self) -> dict[Stage, float]:
        """Seconds so far, of the stages that took any."""
        with self._lock:
            return {stage: seconds for stage, seconds in self._seconds.items() if seconds}

    def details(self) -> dict[str, str]:
        """The seconds as details of an event: `{"decode": "12.3 s"}`."""
        return {stage.value: f"{seconds:.1f} s" for stage, seconds in self.seconds().items()}

    def _add(self, stage: Stage, seconds: float) -> None:
        with self._lock:
            self._seconds[stage] += seconds
