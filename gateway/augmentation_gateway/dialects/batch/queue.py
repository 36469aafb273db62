"""The queue as the batch API shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.dialects.batch.documents import QueueEntry, QueueList
from augmentation_gateway.jobs.job_id import batch_id
from augmentation_gateway.jobs.top_k import Leading

LONGEST_QUEUE = 1000
"""This API has no pages of it. `depth` counts those, too, that are too far behind to be shown."""


async def queue_view(waiting: AsyncIterator[Sequence[JobRecord]]) -> QueueList:
    """The jobs that wait, the first to run first; those without a position come last, the oldest first."""
    first, number, depth = Leading(LONGEST_QUEUE, _by_place), 0, 0
    async for some in waiting:
        first.add(some)
        number += len(some)
        depth = max(depth, *(place_in_queue(job)[1] or 0 for job in some), 0)
    shown = []
    for index, job in enumerate(first.in_order()):
        position, _ = place_in_queue(job)
        shown.append(
            QueueEntry(id=batch_id(job.uid), name=job.display_name, position=index if position is None else position)
        )
    return QueueList(queue=shown, depth=max(depth, number))


def _by_place(job: JobRecord) -> tuple[bool, int, str, str]:
    position, _ = place_in_queue(job)
    return position is None, position or 0, job.created, job.uid


def place_in_queue(record: JobRecord) -> tuple[int | None, int | None]:
    """Jobs ahead of this one, and all in its queue; None where it is not known."""
    return record.remembered("place in queue", _place_in_queue)


def _place_in_queue(record: JobRecord) -> tuple[int | None, int | None]:
    queue = record.status.queue
    return (queue.position, queue.depth) if queue else (None, None)
