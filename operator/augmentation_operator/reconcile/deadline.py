"""The deadlines of a job: how long it may run, and how long it may wait for pods that never run."""

from datetime import datetime, timedelta

from augmentation_api import ConditionType, FailureReason, PhaseName
from augmentation_operator.children.job import attempt_of
from augmentation_operator.reconcile.completion import is_published, possible_result
from augmentation_operator.reconcile.failure_reason import Rejection
from augmentation_operator.reconcile.phase_events import OPERATOR_EVENT, operator_event
from augmentation_operator.reconcile.step import Fail, Moment, Situation, Step

_RAN = "placed"


def check_deadlines(moment: Moment) -> Step:
    """Fail a job that ran, or waited for pods, longer than it may."""
    step = _check_deadline(moment)
    return step if isinstance(step.outcome, Fail) else step.then(_check_pending_deadline(moment))


def _check_deadline(moment: Moment) -> Step:
    """Fail a job that ran longer than it may since it started or was resumed, as a batch/v1 Job does."""
    job, now = moment.job, moment.now
    limit, started = job.spec.active_deadline_seconds, job.status.started_at
    admitted, suspended = job.status.condition(ConditionType.ADMITTED), job.status.condition(ConditionType.SUSPENDED)
    is_held = job.spec.suspend or (admitted is not None and admitted.status == "False")
    if limit is None or started is None or is_held or is_published(moment.seen):
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
    return Step(Fail(rejection, moment.present_phase))


def _check_pending_deadline(moment: Moment) -> Step:
    """Fail a job that has waited longer than it may for the first pod of a phase, in a queue or for whatever else."""
    job, limit = moment.job, moment.job.spec.pending_deadline_seconds
    since = None if limit is None or job.spec.suspend else _waits_since(moment)
    if limit is None or since is None:
        return Step()
    resumed = job.status.condition(ConditionType.SUSPENDED)
    if resumed is not None:
        since = max(since, moment.now if resumed.status == "True" else resumed.last_transition_time)
    left = timedelta(seconds=limit) - (moment.now - since)
    if left > timedelta(0):
        return Step(requeue_after=left)
    why = next((f": {message}" for message in _obstacles(moment)), "")
    message = (
        f"no pod of the {_phase_with_pods(moment)} phase has run within spec.pendingDeadlineSeconds "
        f"({limit} s){why}. Raise spec.attempt to wait again, or allow more time in a new job"
    )
    return Step(Fail(Rejection(FailureReason.PENDING_DEADLINE_EXCEEDED, message), moment.present_phase))


def _phase_with_pods(moment: Moment) -> PhaseName:
    phase = moment.present_phase
    return PhaseName.AUGMENT if phase == PhaseName.PROVISION else phase


def _waits_since(moment: Moment) -> datetime | None:
    """When the job began to wait for the first pod of its phase; None: it has had one."""
    status, phase = moment.job.status, _phase_with_pods(moment)
    child = moment.child(phase)
    if status.queued_at is None or (child is not None and (child.is_finished or child.failed_pods)):
        return None
    if any(pod.started_at for pod in moment.seen.pods_of(phase)):
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
        case _ if _has_run(moment, phase):
            return None
        case _:
            before = PhaseName.AUGMENT
    return max(status.queued_at, status.phase(before).completed_at or status.queued_at)


def note_first_pod(situation: Situation, phase: PhaseName) -> Step:
    """Record that a pod of publish has run: one that is gone with its node leaves no other trace."""
    started = min((pod.started_at for pod in situation.seen.pods_of(phase) if pod.started_at), default=None)
    if situation.job.spec.pending_deadline_seconds is None or started is None:
        return Step()
    key = f"{phase}-ran-{attempt_of(situation.job)}"
    return Step(events=((phase, operator_event(key, _RAN, started, message="the first pod runs")),))


def _has_run(moment: Moment, phase: PhaseName) -> bool:
    """Whether a pod of a phase has run in this attempt, or was retried, of which events may have taken the place."""
    begun = moment.job.status.queued_at
    return any(
        event.id.startswith(OPERATOR_EVENT)
        and event.status in (_RAN, "retrying", "preempted")
        and (begun is None or event.timestamp is None or event.timestamp >= begun)
        for event in moment.job.status.phase(phase).events
    )


def _obstacles(moment: Moment) -> list[str]:
    """What is recorded of what the job waits for."""
    kinds = (ConditionType.ADMITTED, ConditionType.PLACED)
    conditions = (moment.job.status.condition(kind) for kind in kinds)
    return [each.message for each in conditions if each is not None and each.status == "False" and each.message]
