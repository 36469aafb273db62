"""What no job may have, whoever made it; kept here too, for clusters whose API server does not keep it."""

from augmentation_api import AugmentationJob, FailureReason
from augmentation_api.spec import SYSTEM_PRIORITY, SYSTEM_PRIORITY_REFUSED
from augmentation_operator.reconcile.rejection import Rejection


def refusal_of(job: AugmentationJob) -> Rejection | None:
    """Why a job may not run at all: its pods would have a priority of Kubernetes' own, and stop everybody's."""
    priority = job.spec.priority_class_name
    if priority is None or not priority.startswith(SYSTEM_PRIORITY):
        return None
    return Rejection(FailureReason.SPEC_INVALID, f"spec.{SYSTEM_PRIORITY_REFUSED} (it is {priority})")
