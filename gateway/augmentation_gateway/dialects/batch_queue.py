"""The queue as the batch API shows it."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from augmentation_gateway.dialects.batch_documents import QueueEntry, QueueList
from augmentation_gateway.job_id import batch_id
from augmentation_gateway.job_list import Order, first_of
from augmentation_gateway.records import JobRecord
from augmentation_gateway.turns import in_turns

LONGEST_QUEUE = 1000
"""This API has no pages of it. `depth` counts those, too, that are too far behind to be shown."""


async def queue_view(waiting: Sequence[JobRecord]) -> QueueList:
    """The jobs that wait, the first to run first; of those without a position, the oldest."""
    places: list[tuple[int, int, JobRecord]] = []
    depth = len(waiting)
    async for turn in in_turns(await first_of(waiting, Order.OLDEST, len(waiting))):
        for job in turn:
            position, of = place_in_queue(job)
            places.append((len(places) if position is None else position, len(places), job))
            depth = max(depth, of or 0)
    first = heapq.nsmallest(LONGEST_QUEUE, places)
    shown = [QueueEntry(id=batch_id(job.uid), name=job.display_name, position=position) for position, _, job in first]
    return QueueList(queue=shown, depth=depth)


def place_in_queue(record: JobRecord) -> tuple[int | None, int | None]:
    """Jobs ahead of this one, and all in its queue; None where it is not known."""
    return record.remembered("place in queue", _place_in_queue)


def _place_in_queue(record: JobRecord) -> tuple[int | None, int | None]:
    queue = record.status.queue
    return (queue.position, queue.depth) if queue else (None, None)
