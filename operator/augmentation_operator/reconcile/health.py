"""The conditions Ready, Reconciling and Stalled, by which Flux, Argo CD and kubectl know the health of any resource.

They follow from the state and the other conditions. The rules are those of kstatus (sigs.k8s.io/cli-utils,
pkg/kstatus/status/generic.go): Reconciling or Stalled decide where one is True, and are absent otherwise; then Ready
does.

| job | Ready | in addition | health by kstatus |
|---|---|---|---|
| queued, running | False | Reconciling | InProgress |
| more than its queue has in all | False | Stalled | Failed |
| suspended | absent | | Current, as that of a suspended batch/v1 Job |
| completed | True | | Current |
| failed, cancelled | False | Stalled | Failed |
"""

from datetime import datetime

from augmentation_api import AugmentationJob, AugmentationJobStatus, ConditionType, State
from augmentation_api.status import Condition
from augmentation_api.vocabulary import HEALTH_CONDITIONS, SUSPENDED_STATE, AdmissionReason

_ENDS = {
    State.COMPLETED: ConditionType.COMPLETE,
    State.FAILED: ConditionType.FAILED,
    State.CANCELLED: ConditionType.CANCELLED,
}
_OBSTACLES = (ConditionType.ACCEPTED, ConditionType.ADMITTED, ConditionType.PLACED)


def display_state(job: AugmentationJob, state: State | None) -> str | None:
    """The state as `kubectl get` shows it."""
    return SUSPENDED_STATE if _is_suspended(job, state) else state


def with_health(job: AugmentationJob, status: AugmentationJobStatus, now: datetime) -> list[Condition]:
    """The conditions of a status with those that say how the job is.

    Args:
        status: all of the new status but these conditions.
        now: when one of them changes, if it does.
    """
    reason, message = _cause(job, status)
    state = status.state
    present = {ConditionType.READY: state == State.COMPLETED}
    if state in (State.FAILED, State.CANCELLED):
        present[ConditionType.STALLED] = True
    elif _is_suspended(job, state):
        present = {}
    elif state != State.COMPLETED and _never_fits(status):
        present[ConditionType.STALLED] = True
    elif state != State.COMPLETED:
        present[ConditionType.RECONCILING] = True
    others = [condition for condition in status.conditions if condition.type not in HEALTH_CONDITIONS]
    return others + [_condition(job.status, kind, holds, reason, message, now) for kind, holds in present.items()]


def _is_suspended(job: AugmentationJob, state: State | None) -> bool:
    return job.spec.suspend and not job.spec.cancel and not (state is not None and state.is_final)


def _never_fits(status: AugmentationJobStatus) -> bool:
    """Whether the job waits for what no other job's end gives it. Other waits may end while manifests are applied."""
    admitted = status.condition(ConditionType.ADMITTED)
    return admitted is not None and admitted.status == "False" and admitted.reason == AdmissionReason.EXCEEDS_QUOTA


def _condition(
    recorded: AugmentationJobStatus, kind: ConditionType, holds: bool, reason: str, message: str, now: datetime
) -> Condition:
    status = "True" if holds else "False"
    before = recorded.condition(kind)
    since = before.last_transition_time if before is not None and before.status == status else now
    return Condition(type=kind, status=status, reason=reason, message=message, last_transition_time=since)


def _cause(job: AugmentationJob, status: AugmentationJobStatus) -> tuple[str, str]:
    """The gravest reason for the state of a job, CamelCase, and the sentence for people."""
    message = status.message or ""
    if status.state in _ENDS:
        end = status.condition(_ENDS[status.state])
        return (end.reason, end.message or message) if end is not None else (status.state.capitalize(), message)
    if job.spec.cancel:
        return "Cancelling", message
    for kind in _OBSTACLES:
        obstacle = status.condition(kind)
        if obstacle is not None and obstacle.status == "False":
            return obstacle.reason, message
    return ("Running" if status.state == State.RUNNING else "Starting"), message
