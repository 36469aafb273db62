"""One function per condition of a job: what it says, from what is recorded, observed and answered by the queue.

None: nothing new, so what is recorded stays.
"""

from augmentation_api import AugmentationJob, ConditionType, PhaseName
from augmentation_api.status import Placement
from augmentation_api.vocabulary import AdmissionReason
from augmentation_operator.queueing.admission import Admission, Admitted, NotQueued, Waiting
from augmentation_operator.reconcile.step import Situation, Statement


def accepted(situation: Situation) -> Statement:
    """Accepted: the job has a class."""
    return Statement(True, "ClassSelected", f"runs as AugmentationClass {situation.augmentation_class.metadata.name}")


def suspended(job: AugmentationJob) -> Statement | None:
    """Suspended: as the user wishes; absent until that was wished for the first time."""
    if job.spec.suspend:
        return Statement(True, "SuspendedByUser", "spec.suspend is true")
    if job.status.condition(ConditionType.SUSPENDED) is not None:
        return Statement(False, "Resumed", "spec.suspend is false")
    return None


def admitted(job: AugmentationJob, admission: Admission | None) -> Statement | None:
    """Admitted: what the queue answers; absent until a queue was asked."""
    recorded = job.status.condition(ConditionType.ADMITTED)
    match admission:
        case Admitted(reason, message):
            return Statement(True, reason, message)
        case Waiting(reason, message) if recorded is not None or not job.spec.suspend:
            return Statement(False, reason, message)
        case NotQueued() if recorded is not None and job.spec.suspend:
            return Statement(False, AdmissionReason.SUSPENDED, "spec.suspend is true")
        case NotQueued() if recorded is not None and recorded.status == "False":
            return Statement(True, AdmissionReason.NO_LIMIT, "the class no longer limits its jobs")
    return None


def placed_on(placement: Placement) -> Statement:
    """Placed: a pod runs on a node."""
    instance = f" ({placement.instance_type})" if placement.instance_type else ""
    return Statement(True, "Running", f"running on {placement.node}{instance}")


def placed_again(job: AugmentationJob) -> Statement | None:
    """Placed: pods run, or ran, after something had kept them from it or they had been held."""
    recorded = job.status.condition(ConditionType.PLACED)
    if recorded.status == "False" if recorded else job.status.has_completed(PhaseName.PROVISION):
        return Statement(True, "Running", "running")
    return None
