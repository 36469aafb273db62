"""Why a job cannot run: a reason with a sentence, and the one rejection that holds whatever the class."""

from dataclasses import dataclass

from augmentation_api import AugmentationJob, FailureReason
from augmentation_api.spec import SYSTEM_PRIORITY, SYSTEM_PRIORITY_REFUSED


@dataclass(frozen=True)
class Rejection:
    """A typed reason, and a message that names the cause and the fix."""

    reason: FailureReason
    message: str


def forbidden_priority(job: AugmentationJob) -> Rejection | None:
    """The rejection of a job whose pods would have a priority of Kubernetes' own, and preempt everybody's.

    The CRD rejects such a job too; this is for API servers that do not evaluate its rules.
    """
    priority = job.spec.priority_class_name
    if priority is None or not priority.startswith(SYSTEM_PRIORITY):
        return None
    return Rejection(FailureReason.SPEC_INVALID, f"spec.{SYSTEM_PRIORITY_REFUSED} (it is {priority})")
