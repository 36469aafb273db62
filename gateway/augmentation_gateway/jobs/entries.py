"""Work on thousands of jobs, in slices between which other requests are answered, and despite jobs that are unreadable.

All requests of a process share one event loop. A list of ten thousand jobs is some tens of milliseconds of work, the
first time some hundreds; liveness probes and status reads are answered in between.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from augmentation_gateway.cache.records import JobRecord

SLICE_SECONDS: Final = 0.005
SLICE_ITEMS: Final = 50
ENCODED_PER_SLICE: Final = 5
"""The first time that a job is encoded takes up to a millisecond."""

Item = TypeVar("Item")
Shown = TypeVar("Shown")

_log = logging.getLogger(__name__)


async def slices(items: Sequence[Item], size: int = SLICE_ITEMS) -> AsyncIterator[Sequence[Item]]:
    """Slices of a sequence that does not change, one after the other, with a pause after every few milliseconds."""
    began = time.perf_counter()
    for start in range(0, len(items), size):
        yield items[start : start + size]
        if time.perf_counter() - began > SLICE_SECONDS:
            await asyncio.sleep(0)
            began = time.perf_counter()


async def entries(jobs: Sequence[JobRecord], encode: Callable[[JobRecord], bytes]) -> bytes:
    """Jobs as the entries of a JSON list. One that cannot be encoded is left out and logged."""
    encoded: list[bytes] = []
    async for some in slices(jobs, ENCODED_PER_SLICE):
        encoded += [body for _, body in legible(some, encode)]
    return b",".join(encoded)


def legible(jobs: Iterable[JobRecord], show: Callable[[JobRecord], Shown]) -> Iterator[tuple[JobRecord, Shown]]:
    """Each job with what `show` returns for it, without those for which it fails."""
    for job in jobs:
        try:
            shown = show(job)
        except Exception:  # whatever it is: it is this job's alone
            if job.report_once():
                fields = {"job": f"{job.namespace}/{job.name}", "uid": job.uid}
                _log.exception("a job cannot be shown and is left out of lists", extra={"fields": fields})
            continue
        yield job, shown
