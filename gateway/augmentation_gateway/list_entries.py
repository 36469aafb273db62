"""The entries of a list, of which one that cannot be shown does not hide the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from augmentation_gateway.records import JobRecord

Shown = TypeVar("Shown")

logger = logging.getLogger(__name__)


def entries(jobs: Iterable[JobRecord], encode: Callable[[JobRecord], bytes]) -> bytes:
    """Jobs as the entries of a JSON list. One that cannot be encoded is left out, and the log says so."""
    return b",".join(encoded for _, encoded in legible(jobs, encode))


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
