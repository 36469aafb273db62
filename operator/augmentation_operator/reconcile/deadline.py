"""The deadlines of a job: how long it may run, and how long it may wait for pods that never run."""

from datetime import datetime, timedelta

from augmentation_api import ConditionType, FailureReason, PhaseName
from augmentation_operator.reconcile.completion import is_published, possible_result
from augmentation_operator.reconcile.failure_reason import Rejection
from augmentation_operator.reconcile.step import Fail, Situation, Step


def check_deadline(situation: Situation) -> Step:
    """Fail a job that ran longer than it may since it started or was resumed, as a batch/v1 Job does."""
    job, now = situation.job, situation.now
    limit, started = job.spec.active_deadline_seconds, job.status.started_at
    admitted, suspended = job.status.condition(ConditionType.ADMITTED), job.status.condition(ConditionType.SUSPENDED)
    is_held = job.spec.suspend or (admitted is not None and admitted.status == "False")
    if limit is None or started is None or is_held or is_published(situation.seen):
        return Step()
    starts = [started]
    if suspended is not None:
        starts.append(suspended.last_transition_time if suspended.status == "False" else now)
    if admitted is not None:
        starts.append(admitted.last_transition_time)
    left = timedelta(seconds=limit) - (now - max(starts))
    if left > timedelta(0):
        return Step(requeue_after=left)
    hint = possible_result(job)
    message = f"the job ran longer than spec.activeDeadlineSeconds ({limit} s): raise it in a new job"
    rejection = Rejection(FailureReason.DEADLINE_EXCEEDED, f"{message} ({hint})" if hint else message)
    return Step(Fail(rejection, situation.present_phase))


def check_pending_deadline(situation: Situation) -> Step:
    """Fail a job that has waited longer than it may for the first pod of a phase, in a queue or for whatever else."""
    job, limit = situation.job, situation.job.spec.pending_deadline_seconds
    since = None if limit is None or job.spec.suspend else _waits_since(situation)
    if limit is None or since is None:
        return Step()
    resumed = job.status.condition(ConditionType.SUSPENDED)
    if resumed is not None:
        since = max(since, situation.now if resumed.status == "True" else resumed.last_transition_time)
    left = timedelta(seconds=limit) - (situation.now - since)
    if left > timedelta(0):
        return Step(requeue_after=left)
    why = next((f": {message}" for message in _obstacles(situation)), "")
    message = (
        f"no pod of the {_phase_with_pods(situation)} phase has run within spec.pendingDeadlineSeconds "
        f"({limit} s){why}. Raise spec.attempt to wait again, or allow more time in a new job"
    )
    return Step(Fail(Rejection(FailureReason.PENDING_DEADLINE_EXCEEDED, message), situation.present_phase))


def _phase_with_pods(situation: Situation) -> PhaseName:
    phase = situation.present_phase
    return PhaseName.AUGMENT if phase == PhaseName.PROVISION else phase


def _waits_since(situation: Situation) -> datetime | None:
    """When the job began to wait for the first pod of its phase; None: it has had one."""
    status, phase = situation.job.status, _phase_with_pods(situation)
    child = situation.child(phase)
    if status.queued_at is None or (child is not None and (child.is_finished or child.failed_pods)):
        return None
    if any(pod.started_at for pod in situation.seen.pods_of(phase)):
        return None
    match phase:
        case PhaseName.RESOLVE:
            return status.queued_at if status.started_at is None else None
        case PhaseName.AUGMENT if status.has_completed(PhaseName.PROVISION):
            # It has had nodes, and waits again where a queue has taken them back.
            admitted = status.condition(ConditionType.ADMITTED)
            return admitted.last_transition_time if admitted is not None and admitted.status == "False" else None
        case PhaseName.AUGMENT:
            before = PhaseName.RESOLVE
        case _:
            before = PhaseName.AUGMENT
    return max(status.queued_at, status.phase(before).completed_at or status.queued_at)


def _obstacles(situation: Situation) -> list[str]:
    """What is recorded of what the job waits for."""
    kinds = (ConditionType.ADMITTED, ConditionType.PLACED)
    conditions = (situation.job.status.condition(kind) for kind in kinds)
    return [each.message for each in conditions if each is not None and each.status == "False" and each.message]
