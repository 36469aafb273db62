"""One step of a job: whether the next may begin, and what has to be recorded and created meanwhile. Plain data."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from augmentation_api import AugmentationClass, AugmentationJob, PhaseName
from augmentation_api.status import PhaseEvent, Placement, Progress
from augmentation_operator.children.job import ChildJob
from augmentation_operator.manifests.manifest import Manifest, Patch
from augmentation_operator.queueing.admission import Admission
from augmentation_operator.reconcile.failure_reason import Rejection
from augmentation_operator.reconcile.observation import Observation


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What deadlines depend on: a job that has not ended, what is observed, and the time."""

    job: AugmentationJob
    seen: Observation
    now: datetime

    def has_completed(self, phase: PhaseName) -> bool:
        """Whether a phase is recorded as completed."""
        return self.job.status.has_completed(phase)

    def child(self, phase: PhaseName) -> ChildJob | None:
        """The batch Job of a phase."""
        return self.seen.jobs.get(phase)

    @property
    def present_phase(self) -> PhaseName:
        """The first phase that is not recorded as completed."""
        return next((name for name in PhaseName if not self.has_completed(name)), PhaseName.PUBLISH)

    @property
    def runs_pods(self) -> bool:
        """Whether a container of any phase runs."""
        return any(pod.runs for pod in self.seen.pods)


@dataclass(frozen=True, kw_only=True)
class Situation(Moment):
    """All that a step depends on: in addition the class of the job."""

    augmentation_class: AugmentationClass


@dataclass(frozen=True)
class Proceed:
    """This step is done; the next one may begin."""


@dataclass(frozen=True)
class Wait:
    """Something has to happen, or time to pass, before the next step may begin."""


@dataclass(frozen=True)
class Fail:
    """The job fails in a phase: waiting does not help."""

    rejection: Rejection
    phase: PhaseName


Outcome = Proceed | Wait | Fail


class Statement(NamedTuple):
    """What a condition says: whether it holds, a CamelCase reason, and a message."""

    holds: bool
    reason: str
    message: str


@dataclass(frozen=True)
class Step:
    """What one step answers. None: nothing to say, so what is recorded stays.

    Attributes:
        outcome: whether the next step may begin.
        current_phase: as the status names it.
        begun, completed: phases that have, and when; None: now.
        observed: phases whose batch Job was looked at.
        events: of phases, in order.
        admission: the answer of the queue that was asked.
        placed: what the Placed condition says.
        placement: where the job waits for nodes, or has one.
        activity: what the job's pods do or wait for, in a sentence.
        apply, create, patches, replace_jobs: as of Decision.
        requeue_after: when to decide again if nothing changes before.
    """

    outcome: Outcome = field(default_factory=Proceed)
    current_phase: PhaseName | None = None
    begun: tuple[tuple[PhaseName, datetime | None], ...] = ()
    completed: tuple[tuple[PhaseName, datetime | None], ...] = ()
    observed: tuple[PhaseName, ...] = ()
    events: tuple[tuple[PhaseName, PhaseEvent], ...] = ()
    admission: Admission | None = None
    placed: Statement | None = None
    placement: Placement | None = None
    progress: Progress | None = None
    shard_count: int | None = None
    activity: str | None = None
    apply: tuple[Manifest, ...] = ()
    create: tuple[Manifest, ...] = ()
    patches: tuple[Patch, ...] = ()
    replace_jobs: tuple[str, ...] = ()
    requeue_after: timedelta | None = None

    def then(self, following: "Step") -> "Step":
        """Both steps as one. Of what both speak about, the later one counts, as it is further in the job's life."""
        fields = vars(self) | {name: value for name, value in vars(following).items() if value is not None}
        for name in _COLLECTED:
            fields[name] = getattr(self, name) + getattr(following, name)
        delays = [step.requeue_after for step in (self, following) if step.requeue_after is not None]
        return Step(**fields | {"requeue_after": min(delays, default=None)})


_COLLECTED = ("begun", "completed", "observed", "events", "apply", "create", "patches", "replace_jobs")
