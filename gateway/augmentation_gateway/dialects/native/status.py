"""The status of a job, as the native dialect shows it."""

from uuid import UUID

from pydantic import BaseModel, Field

from augmentation_api.status import BadEpisodes, OutputStatus, Tally
from augmentation_api.vocabulary import PhaseName, State
from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.jobs.outputs import page_url, planned, published
from augmentation_gateway.views.job import Moment, error_of
from augmentation_gateway.views.phases import PhaseView, phase_views


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
    bytes: TallyView = Field(
        default=TallyView(), description="Bytes of augmented video; total is an estimate until all are there"
    )
    frames_per_second: float | None = None
    estimated_seconds_remaining: int | None = Field(
        None, description="Until the augment phase completes, of the time in which its pods run"
    )
    estimated_price: float | None = Field(
        None, description="Of all augment pods, by the price of their class; null where it has none"
    )


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
    return AugmentationStatusResponse(
        job_id=UUID(record.uid),
        current_phase=status.current_phase or PhaseName.RESOLVE,
        status=record.state,
        instance_type=placement.instance_type if placement else None,
        region=placement.region if placement else None,
        phases=phase_views(record),
        augmented_dataset_id=output.dataset_id if output and record.state is State.COMPLETED else None,
        created_at=created_at,
        progress=ProgressView(
            percent=progress.percent,
            episodes=_tally_view(progress.episodes),
            frames=_tally_view(progress.frames),
            bytes=_tally_view(progress.bytes),
            frames_per_second=progress.frames_per_second,
            estimated_seconds_remaining=progress.estimated_seconds_remaining,
            estimated_price=progress.estimated_price,
        )
        if progress
        else ProgressView(),
        error=error_of(status),
        output=output_view(published(record) or planned(output), runs_as) if output else None,
        bad_episodes=_bad_episodes_view(status.bad_episodes),
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
