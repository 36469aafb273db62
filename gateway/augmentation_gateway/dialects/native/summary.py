"""Summaries of jobs for lists, and the data of events in streams: one line of JSON each."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from augmentation_api.vocabulary import PhaseName, State
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.jobs.events import JobEvent
from augmentation_gateway.views.job import Moment, error_of


class AugmentationSummary(BaseModel):
    """An augmentation job in a list."""

    job_id: UUID = Field(description="Unique job identifier")
    name: str = Field(description="Display name; that of the resource if the job has none")
    project_id: UUID | None = None
    dataset_id: str | None = Field(
        None, description="Dataset that is augmented, `owner/name` or the URL of a store; null if it is on a volume"
    )
    augmentation_type: str = Field(description="deterministic or generative")
    status: str = Field(description="Overall job status: queued, running, completed, failed, cancelled")
    current_phase: str = Field(description="Current phase name")
    percent: int = Field(0, description="0 to 100; 100 only when completed")
    node: str | None = None
    instance_type: str | None = None
    queue_position: int | None = Field(None, description="Jobs ahead of this one in its queue")
    error: str | None = Field(None, description="Why the job failed, or what blocks it, and the fix")
    augmented_dataset_id: str | None = Field(None, description="The published dataset, once the job has completed")
    created_at: Moment | None = None
    started_at: Moment | None = None
    finished_at: Moment | None = Field(None, description="When it completed, failed or was cancelled")


class StateCounts(BaseModel):
    """Number of jobs in each state."""

    queued: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0


class AugmentationList(BaseModel):
    """A page of augmentation jobs."""

    jobs: list[AugmentationSummary]
    total: int = Field(description="Jobs on all pages")
    next_cursor: str | None = Field(None, description="For the next page; null on the last one")
    counts: StateCounts = Field(
        StateCounts(), description="Jobs in each state, of those that pass all filters but `status`"
    )


class StreamedEvent(BaseModel):
    """Data of a `phase` event in the stream."""

    id: str = Field(description="Unique in the job's phase")
    phase: str = Field(description="Phase name: resolve, provision, augment, publish")
    status: str | None = Field(description="What happened, in one word")
    message: str | None = None
    error: str | None = None
    timestamp: Moment = Field(description="Event timestamp")
    retry_attempt: int = Field(0, description="Retry attempt number")
    data: dict[str, Any] | None = None


def encode_summary(record: JobRecord) -> bytes:
    """A job as an entry of a list and as the data of a `status` event: one line."""
    return summary_view(record).model_dump_json().encode()


def summary_view(record: JobRecord) -> AugmentationSummary:
    """The summary of a job."""
    status = record.status
    return AugmentationSummary(
        job_id=UUID(record.uid),
        name=record.display_name,
        project_id=record.project_id,
        dataset_id=record.dataset_id,
        augmentation_type=record.type,
        status=record.state,
        current_phase=status.current_phase or PhaseName.RESOLVE,
        percent=status.progress.percent if status.progress else 0,
        node=status.placement.node if status.placement else None,
        instance_type=status.placement.instance_type if status.placement else None,
        queue_position=status.queue.position if status.queue else None,
        error=error_of(status),
        augmented_dataset_id=status.output.dataset_id if status.output and record.state is State.COMPLETED else None,
        created_at=status.created_at or record.metadata.creation_timestamp,
        started_at=status.started_at,
        finished_at=record.finished_at,
    )


def encode_event(event: JobEvent) -> bytes:
    """The data of a `phase` event: one line."""
    return (
        StreamedEvent(
            id=event.event.id,
            phase=event.phase,
            status=event.event.status,
            message=event.event.message,
            error=event.event.error,
            timestamp=event.at,
            retry_attempt=event.event.retry_attempt or 0,
            data=dict(event.event.data) if event.event.data is not None else None,
        )
        .model_dump_json()
        .encode()
    )
