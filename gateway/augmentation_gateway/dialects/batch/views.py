"""Jobs and their queue, as the batch dialect shows them."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from augmentation_api.identifiers import ANNOTATION_ORGANISATION
from augmentation_api.status import Shard
from augmentation_api.vocabulary import ShardState, State
from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.jobs.query import TopK
from augmentation_gateway.views.job import Moment, error_of
from augmentation_gateway.views.job_id import batch_id
from augmentation_gateway.views.job_spec import request_of
from augmentation_gateway.views.stage import Stage, failure_reason, stage_of

BatchStatus = Literal["PENDING", "ADMITTED", "RUNNING", "COMPLETED", "FAILED", "PREEMPTED", "CANCELLED"]
_STATUSES: dict[Stage, BatchStatus] = {
    Stage.ACCEPTED: "PENDING",
    Stage.QUEUED: "PENDING",
    Stage.ADMITTED: "ADMITTED",
    Stage.RUNNING: "RUNNING",
    Stage.PREEMPTED: "PREEMPTED",
    Stage.COMPLETED: "COMPLETED",
    Stage.REJECTED: "FAILED",
    Stage.FAILED: "FAILED",
    Stage.CANCELLED: "CANCELLED",
}
MAX_QUEUE = 1000
"""Jobs that the queue shows: this API has no pages of it. `depth` counts the others, too."""


class InputProgress(BaseModel):
    """Episodes by how far they are."""

    pending: int
    processing: int
    completed: int
    failed: int


class JobError(BaseModel):
    """Why a job failed."""

    code: str = Field(description="Typed reason, e.g. SourceNotFound")
    message: str = Field(description="The cause and the fix")


class BatchJob(BaseModel):
    """A batch job."""

    id: str = Field(description="`job_` and the job's UUID in base 36")
    org_id: str = Field(description="Organisation of the key that created it; its namespace, if there was none")
    name: str
    pipeline_type: Literal["batch"]
    pipeline_key: str = Field(description="augmentation-deterministic or augmentation-generative")
    pipeline_version: str
    status: BatchStatus
    parameters: dict[str, Any] = Field(description="In the fields of POST /v1/augmentation")
    retry_count: int = Field(description="Retries of the job and of its pods")
    preemption_count: int
    queue_position: int | None = Field(description="Null if not queued")
    queue_depth: int | None = Field(description="Null if not queued")
    input_progress: InputProgress | None = Field(description="Null in answers to writes")
    created_at: Moment
    updated_at: Moment
    started_at: Moment | None
    completed_at: Moment | None
    failed_at: Moment | None
    cancelled_at: Moment | None
    error: JobError | None


class QueueEntry(BaseModel):
    """A pending job."""

    id: str
    name: str
    position: int = Field(description="Jobs ahead of it")


class QueueDepth(BaseModel):
    """Number of pending jobs of a pipeline type."""

    pipeline_type: Literal["batch", "training"]
    depth: int


class QueueList(BaseModel):
    """The pending jobs, the first to run first."""

    queue: list[QueueEntry]
    depth: int
    queues: list[QueueDepth] = Field(description="The depth by pipeline type; all jobs here are batch jobs")


def batch_status(record: JobRecord) -> BatchStatus:
    """Status of a job, in this API's words."""
    stage = stage_of(record)
    if stage is Stage.RESOLVING:
        # The pod that inspects the source is a worker, too.
        return "RUNNING" if record.state is State.RUNNING else "ADMITTED"
    return _STATUSES[stage]


def job_view(record: JobRecord, *, write: bool = False) -> BatchJob:
    """A job; in the answer to a write without its inputs."""
    status, own_status = record.status, batch_status(record)
    queue = status.queue if own_status == "PENDING" else None
    return BatchJob(
        id=batch_id(record.uid),
        org_id=record.annotation(ANNOTATION_ORGANISATION) or record.namespace,
        name=record.display_name,
        pipeline_type="batch",
        pipeline_key=f"augmentation-{record.type}",
        pipeline_version=str(record.raw["apiVersion"]).rpartition("/")[2],
        status=own_status,
        parameters=request_of(record),
        retry_count=record.attempt + (status.retry_count or 0),
        preemption_count=status.preemption_count or 0,
        queue_position=queue.position if queue else None,
        queue_depth=queue.depth if queue else None,
        input_progress=None if write else _progress(record),
        created_at=status.created_at or record.created_at,
        updated_at=_updated_at(record),
        started_at=status.started_at,
        completed_at=status.completed_at if record.state is State.COMPLETED else None,
        failed_at=status.completed_at if record.state is State.FAILED else None,
        cancelled_at=status.cancelled_at if record.state is State.CANCELLED else None,
        error=JobError(code=failure_reason(record) or "Failed", message=error_of(status) or "The job failed.")
        if record.state is State.FAILED
        else None,
    )


def encode_status(record: JobRecord, _: ClassRecord | None = None) -> bytes:
    """The body of a status response."""
    return job_view(record).model_dump_json().encode()


def _updated_at(record: JobRecord) -> datetime:
    """The latest time in the job's status."""
    status = record.status
    moments = [status.queued_at, status.started_at, status.completed_at, status.cancelled_at]
    moments += [condition.last_transition_time for condition in status.conditions]
    moments += [shard.updated_at for shard in status.shards]
    moments += [moment for phase in status.phases for moment in (phase.started_at, phase.completed_at)]
    moments += [event.timestamp for phase in status.phases for event in phase.events]
    return max((moment for moment in moments if moment is not None), default=status.created_at or record.created_at)


def _progress(record: JobRecord) -> InputProgress:
    """Counts of what `inputs_view` lists, without a loop over the episodes."""
    status = record.status
    selected = (status.source.selected_episodes if status.source else None) or 0
    if record.state is State.COMPLETED:
        return InputProgress(pending=0, processing=0, completed=selected, failed=0)
    shards = [(shard, shard.episodes) for shard in status.shards if shard.episodes is not None]
    completed, failed = sum(tally.done for _, tally in shards), sum(tally.failed for _, tally in shards)
    processing = sum(is_working(shard, record) and tally.done + tally.failed < tally.total for shard, tally in shards)
    return InputProgress(
        pending=max(0, selected - completed - failed - processing),
        processing=processing,
        completed=completed,
        failed=failed,
    )


async def queue_view(waiting: AsyncIterator[Sequence[JobRecord]]) -> QueueList:
    """The pending jobs, the first to run first; those without a position come last, the oldest first."""
    first, number, depth = TopK(MAX_QUEUE, _by_place), 0, 0
    async for jobs in waiting:
        first.add(jobs)
        number += len(jobs)
        depth = max(depth, *(place_in_queue(job)[1] or 0 for job in jobs), 0)
    entries = []
    for index, job in enumerate(first.in_order()):
        position, _ = place_in_queue(job)
        entries.append(
            QueueEntry(id=batch_id(job.uid), name=job.display_name, position=index if position is None else position)
        )
    depth = max(depth, number)
    return QueueList(queue=entries, depth=depth, queues=[QueueDepth(pipeline_type="batch", depth=depth)])


def _by_place(job: JobRecord) -> tuple[bool, int, str, str]:
    position, _ = place_in_queue(job)
    return position is None, position or 0, job.created, job.uid


def place_in_queue(record: JobRecord) -> tuple[int | None, int | None]:
    """Jobs ahead of this one, and all jobs in its queue; None if that is not known."""
    return record.fact("place in queue", _place_in_queue)


def _place_in_queue(record: JobRecord) -> tuple[int | None, int | None]:
    queue = record.status.queue
    return (queue.position, queue.depth) if queue else (None, None)


def is_working(shard: Shard, record: JobRecord) -> bool:
    """Whether a shard is processing an episode now."""
    return record.state is State.RUNNING and shard.state is ShardState.RUNNING
