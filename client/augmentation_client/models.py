"""Models of the gateway's answers. Fields of a newer gateway are ignored."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

FINAL = ("completed", "failed", "cancelled")


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Submitted(_Answer):
    """A submitted job: created now, or by an earlier request with the same idempotency key."""

    job_id: UUID
    status: str
    message: str | None = None


class NodeEstimate(_Answer):
    """What a job would take on one kind of node; times in minutes, the price in the currency of the class."""

    placement: str
    accelerators: int = 0
    cores: float
    pods: int
    minutes: float
    minutes_at_most: float | None = None
    pod_hours: float
    price: float | None = None


class ClassEstimate(_Answer):
    """What a job would take as a class."""

    class_name: str
    shards: int
    nodes: list[NodeEstimate] = []


class Estimate(ClassEstimate):
    """What a job would take."""

    frames: int
    images: int
    bytes: int
    processor_seconds: float
    other_classes: list[ClassEstimate] = []
    source_job_id: str | None = None
    note: str | None = None


class Tried(_Answer):
    """A dry run: nothing was created. `estimate_missing` says why there is no estimate that was asked for."""

    manifest: dict[str, Any]
    estimate: Estimate | None = None
    estimate_missing: str | None = None


class Cancelled(_Answer):
    """A job that is cancelled or being cancelled."""

    job_id: UUID
    cancelled: bool
    message: str | None = None


class Changed(_Answer):
    """A job of which something was changed."""

    job_id: UUID
    parallelism: int | None
    message: str | None = None


class Retried(_Answer):
    """A restarted job."""

    job_id: UUID
    attempt: int
    message: str | None = None


class PhaseEvent(_Answer):
    """An event of a phase."""

    status: str | None
    message: str | None = None
    error: str | None = None
    timestamp: datetime
    retry_attempt: int = 0
    data: dict[str, Any] | None = None


class Phase(_Answer):
    """A phase of a job: resolve, provision, augment or publish."""

    name: str
    status: str
    started_at: datetime | None = None
    completed_at: datetime | None = None
    events: list[PhaseEvent] = []
    error: str | None = None


class Tally(_Answer):
    """Counts of work items: total, done and failed."""

    total: int = 0
    done: int = 0
    failed: int = 0


class Progress(_Answer):
    """Progress of a job; totals are 0 until its source is resolved."""

    percent: int = 0
    episodes: Tally = Tally()
    frames: Tally = Tally()
    bytes: Tally = Tally()
    frames_per_second: float | None = None
    estimated_seconds_remaining: int | None = None
    estimated_price: float | None = None


class Output(_Answer):
    """The published dataset."""

    dataset_id: str | None = None
    revision: str | None = None
    episodes: int | None = None
    frames: int | None = None
    url: str | None = None


class BadEpisode(_Answer):
    """An episode, or a row of an image dataset, that cannot be used."""

    index: int
    cause: str


class BadEpisodes(_Answer):
    """The selected episodes that cannot be used: their number, the first 20, and the file that lists all."""

    count: int
    items: list[BadEpisode]
    file: str | None = None


class JobStatus(_Answer):
    """A job in detail."""

    job_id: UUID
    current_phase: str
    status: str
    instance_type: str | None = None
    region: str | None = None
    phases: list[Phase] = []
    augmented_dataset_id: str | None = None
    created_at: datetime | None = None
    progress: Progress = Progress()
    error: str | None = None
    output: Output | None = None
    bad_episodes: BadEpisodes | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the job completed, failed or was cancelled."""
        return self.status in FINAL


class JobSummary(_Answer):
    """A job in lists and event streams."""

    job_id: UUID
    name: str
    project_id: UUID | None = None
    dataset_id: str | None = None
    augmentation_type: str
    status: str
    current_phase: str
    percent: int = 0
    node: str | None = None
    instance_type: str | None = None
    queue_position: int | None = None
    error: str | None = None
    augmented_dataset_id: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


class StateCounts(_Answer):
    """Number of jobs per state."""

    queued: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0


class JobPage(_Answer):
    """A page of jobs."""

    jobs: list[JobSummary]
    total: int
    next_cursor: str | None = None
    counts: StateCounts = StateCounts()


class OutputFile(_Answer):
    """A file of the published dataset."""

    path: str
    kind: str
    media_type: str
    url: str | None = None


class Outputs(_Answer):
    """The published files of a job; empty until it is published."""

    job_id: UUID
    output: Output | None = None
    files: list[OutputFile] = []


class StreamedEvent(_Answer):
    """An event of a phase, in an event stream."""

    id: str
    phase: str
    status: str | None
    message: str | None = None
    error: str | None = None
    timestamp: datetime
    retry_attempt: int = 0
    data: dict[str, Any] | None = None


class Event(_Answer):
    """One message of a job's stream.

    Attributes:
        kind: phase (an event of a phase), status (the job changed) or removed (the job was deleted).
        id: id to resume the stream after.
        phase: the event, if kind is phase.
        job: the job, if kind is status.
    """

    kind: Literal["phase", "status", "removed"]
    id: str
    phase: StreamedEvent | None = None
    job: JobSummary | None = None

    @property
    def is_last(self) -> bool:
        """Whether this is the last message of the stream."""
        return self.kind == "removed" or (self.job is not None and self.job.status in FINAL)
