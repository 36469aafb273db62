"""The status of a job, as the native dialect shows it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from augmentation_api.status import BadEpisodes, OutputStatus, Phase, PhaseEvent, Tally
from augmentation_api.vocabulary import PhaseName, PhaseStatus, State
from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.jobs.outputs import page_url, planned, published
from augmentation_gateway.views.job import Moment, error_of


class PhaseEventView(BaseModel):
    """A single event within a phase."""

    status: str | None = Field(description="What happened, in one word")
    message: str | None = None
    error: str | None = None
    timestamp: Moment = Field(description="Event timestamp")
    retry_attempt: int = Field(0, description="Retry attempt number")
    data: dict[str, Any] | None = None


class PhaseView(BaseModel):
    """A phase of the job with its events."""

    name: str = Field(description="Phase name: resolve, provision, augment, publish")
    status: str = Field(description="Phase status: pending, in_progress, completed, failed")
    started_at: Moment | None = None
    completed_at: Moment | None = None
    events: list[PhaseEventView] = Field(default=[], description="Events in this phase")
    error: str | None = None


class TallyView(BaseModel):
    """Total, done and failed, of one kind."""

    total: int = 0
    done: int = 0
    failed: int = 0


class ProgressView(BaseModel):
    """Progress of the job; totals are 0 until the source has been resolved."""

    percent: int = Field(0, description="0 to 100; 100 only when completed")
    episodes: TallyView = Field(default=TallyView(), description="Source episodes")
    frames: TallyView = Field(default=TallyView(), description="Augmented frames")
    bytes: TallyView = Field(default=TallyView(), description="Bytes of augmented video")
    frames_per_second: float | None = None
    estimated_seconds_remaining: int | None = None


class OutputView(BaseModel):
    """The dataset that was published."""

    dataset_id: str | None = None
    revision: str | None = None
    episodes: int | None = None
    frames: int | None = None
    url: str | None = None


class BadEpisodeView(BaseModel):
    """An episode, or a row, that cannot be used."""

    index: int = Field(description="Number of the episode or row in the source")
    cause: str = Field(description="Camera or column, frame and file, and what is wrong with it")


class BadEpisodesView(BaseModel):
    """The selected episodes that cannot be used."""

    count: int
    items: list[BadEpisodeView] = Field(description="The first 20 of them")
    file: str | None = Field(None, description="File of the published dataset that lists all of them")


class AugmentationStatusResponse(BaseModel):
    """Detailed status of an augmentation job."""

    job_id: UUID = Field(description="Unique job identifier")
    current_phase: str = Field(description="Current phase name")
    status: str = Field(description="Overall job status: queued, running, completed, failed, cancelled")
    instance_type: str | None = None
    region: str | None = None
    phases: list[PhaseView] = Field(default=[], description="Phase history in chronological order")
    augmented_dataset_id: str | None = Field(None, description="The published dataset, once the job has completed")
    created_at: Moment | None = None
    progress: ProgressView = Field(default=ProgressView(), description="Progress of the job")
    error: str | None = Field(None, description="Why the job failed, or what blocks it, and the fix")
    output: OutputView | None = Field(None, description="The published dataset, once there is one")
    bad_episodes: BadEpisodesView | None = Field(
        None, description="Selected episodes that cannot be used; null while none is known. See on_bad_episode"
    )


def encode_status(record: JobRecord, runs_as: ClassRecord | None = None) -> bytes:
    """The body of GET /v1/augmentation/{job_id}."""
    return status_view(record, runs_as).model_dump_json().encode()


def status_view(record: JobRecord, runs_as: ClassRecord | None) -> AugmentationStatusResponse:
    """A job as the native dialect shows it. Works without any field: the status of a new job is empty."""
    status = record.status
    created_at = status.created_at or record.metadata.creation_timestamp
    placement, progress, output = status.placement, status.progress, status.output
    in_order = sorted(status.phases, key=lambda phase: _ORDER[phase.name])
    return AugmentationStatusResponse(
        job_id=UUID(record.uid),
        current_phase=status.current_phase or PhaseName.RESOLVE,
        status=record.state,
        instance_type=placement.instance_type if placement else None,
        region=placement.region if placement else None,
        phases=[_phase_view(phase, created_at) for phase in in_order or [Phase(name=PhaseName.RESOLVE)]],
        augmented_dataset_id=output.dataset_id if output and record.state is State.COMPLETED else None,
        created_at=created_at,
        progress=ProgressView(
            percent=progress.percent,
            episodes=_tally_view(progress.episodes),
            frames=_tally_view(progress.frames),
            bytes=_tally_view(progress.bytes),
            frames_per_second=progress.frames_per_second,
            estimated_seconds_remaining=progress.estimated_seconds_remaining,
        )
        if progress
        else ProgressView(),
        error=error_of(status),
        output=output_view(published(record) or planned(output), runs_as) if output else None,
        bad_episodes=_bad_episodes_view(status.bad_episodes),
    )


_ORDER = {name: position for position, name in enumerate(PhaseName)}


def _phase_view(phase: Phase, created_at: datetime | None) -> PhaseView:
    events = [_event_view(event, phase.started_at or created_at) for event in phase.events]
    return PhaseView(
        name=phase.name,
        status=phase.status or PhaseStatus.PENDING,
        started_at=phase.started_at,
        completed_at=phase.completed_at,
        # Several shards write them, each its own; the API server keeps them in the order of their owners.
        events=sorted(events, key=lambda event: event.timestamp),
        error=phase.error,
    )


def _event_view(event: PhaseEvent, otherwise_at: datetime | None) -> PhaseEventView:
    return PhaseEventView(
        status=event.status,
        message=event.message,
        error=event.error,
        # Every writer sets one; a hand-written status may not, and this field is required.
        timestamp=event.timestamp or otherwise_at or datetime.fromtimestamp(0).astimezone(),
        retry_attempt=event.retry_attempt or 0,
        data=dict(event.data) if event.data is not None else None,
    )


def output_view(output: OutputStatus, runs_as: ClassRecord | None) -> OutputView:
    """A published dataset."""
    return OutputView(
        dataset_id=output.dataset_id,
        revision=output.revision,
        episodes=output.episodes,
        frames=output.frames,
        url=page_url(output, runs_as),
    )


def _bad_episodes_view(found: BadEpisodes | None) -> BadEpisodesView | None:
    if found is None:
        return None
    items = [BadEpisodeView(index=item.index, cause=item.cause) for item in found.items]
    return BadEpisodesView(count=found.count, items=items, file=found.file)


def _tally_view(tally: Tally) -> TallyView:
    return TallyView(total=tally.total, done=tally.done, failed=tally.failed)
