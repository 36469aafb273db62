"""What a queue answers when a job asks for nodes: the same answers from the built-in queue and from Kueue."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from augmentation_api.status import Queue
from augmentation_api.vocabulary import AdmissionReason
from augmentation_operator.manifests.manifest import Patch


@dataclass(frozen=True)
class Admitted:
    """The job may take nodes.

    Attributes:
        reason, message: of the Admitted condition.
        is_new: not recorded yet. It is recorded before any Job is created, so that a restart counts the slot as taken.
    """

    reason: AdmissionReason
    message: str
    is_new: bool = False


@dataclass(frozen=True)
class NotQueued:
    """Nothing limits the job, or it is suspended and in no queue: whatever its Job does is up to the operator."""


@dataclass(frozen=True)
class Interruption:
    """A queue took back what it had given to a job: why, and when."""

    message: str
    at: datetime


@dataclass(frozen=True)
class Waiting:
    """The job may not take nodes yet.

    Attributes:
        reason, message: of the Admitted condition; the message is also that of the status.
        place: in the queue; None: unknown.
        patches: what makes the job's objects wait, or lets them queue.
        requeue_after: when the answer may be another one.
        keeps_job: the job's batch Job is created and kept while it waits: the queue itself holds it suspended.
        interruption: what the queue took back and has not given again.
    """

    reason: AdmissionReason
    message: str
    place: Queue | None = None
    patches: tuple[Patch, ...] = ()
    requeue_after: timedelta | None = None
    keeps_job: bool = False
    interruption: Interruption | None = None


@dataclass(frozen=True)
class Refused:
    """The queue admitted the job and cannot start it: waiting does not help.

    Attributes:
        message: cause and fix.
        patches: as of Waiting.
    """

    message: str
    patches: tuple[Patch, ...] = ()


Admission = Admitted | NotQueued | Waiting | Refused
