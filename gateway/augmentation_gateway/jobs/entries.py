"""The entries of a list, of which one that cannot be shown does not hide the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.jobs.turns import in_turns

Shown = TypeVar("Shown")

ENCODED_AT_ONCE = 5
"""The first time a job is shown takes up to a millisecond."""

logger = logging.getLogger(__name__)


async def entries(jobs: Sequence[JobRecord], encode: Callable[[JobRecord], bytes]) -> bytes:
    """Jobs as the entries of a JSON list. One that cannot be encoded is left out, and the log says so."""
    encoded: list[bytes] = []
    async for turn in in_turns(jobs, ENCODED_AT_ONCE):
        encoded += [each for _, each in legible(turn, encode)]
    return b",".join(encoded)


def legible(jobs: Iterable[JobRecord], show: Callable[[JobRecord], Shown]) -> Iterator[tuple[JobRecord, Shown]]:
    """Each job with what `show` makes of it, without those of which it can make nothing."""
    for job in jobs:
        try:
            shown = show(job)
        except Exception:  # whatever it is: it is this job's alone
            if job.complain_once():
                named = {"job": f"{job.namespace}/{job.name}", "uid": job.uid}
                logger.exception("a job cannot be shown and is left out of lists", extra={"fields": named})
            continue
        yield job, shown
