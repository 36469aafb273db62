"""The status that a step leads to: facts from the step, one function per condition, one message by priority.

A condition is derived from what is recorded, observed and answered by the queue. None: what is recorded stays.
"""

from augmentation_api import AugmentationJob, AugmentationJobStatus, ConditionType, PhaseName, State
from augmentation_api.status import Placement
from augmentation_api.vocabulary import AdmissionReason
from augmentation_operator.queueing.admission import Admission, Admitted, NotQueued, Waiting
from augmentation_operator.reconcile.class_selection import snapshot_of
from augmentation_operator.reconcile.status_draft import StatusDraft
from augmentation_operator.reconcile.step import Fail, Situation, Statement, Step


def status_of(situation: Situation, step: Step) -> AugmentationJobStatus:
    """The status of a job whose phases answer `step`."""
    job, draft = situation.job, StatusDraft(situation.job, situation.now)
    class_name = situation.augmentation_class.metadata.name
    draft.set(class_name=class_name)
    statements = {
        ConditionType.ACCEPTED: Statement(True, "ClassSelected", f"runs as AugmentationClass {class_name}"),
        ConditionType.SUSPENDED: _suspended(job),
        ConditionType.ADMITTED: _admitted(job, step.admission),
        ConditionType.PLACED: step.placed,
    }
    for kind, statement in statements.items():
        if statement is not None:
            draft.condition(kind, *statement)
    for phase, at in step.begun:
        draft.begin(phase, at)
    for phase, at in step.completed:
        draft.complete(phase, at)
    for phase, event in step.events:
        draft.record(phase, event)
    if job.status.class_snapshot is None and draft.is_completed(PhaseName.PROVISION):
        draft.set(class_snapshot=snapshot_of(situation.augmentation_class, situation.now))
    facts = {name: getattr(step, name) for name in ("current_phase", "placement", "progress", "shard_count")}
    draft.set(**{name: value for name, value in facts.items() if value is not None}, **_counters(situation, step))
    if isinstance(step.admission, Admitted | NotQueued | Waiting):
        draft.set(queue=step.admission.place if isinstance(step.admission, Waiting) else None)
    if isinstance(step.outcome, Fail):
        draft.fail(step.outcome.rejection, step.outcome.phase)
    else:
        if (message := message_of(situation, step)) is not None:
            draft.message(message)
        is_held = job.spec.suspend or draft.is_false(ConditionType.ADMITTED)
        if is_held and not situation.runs_pods:
            draft.remove_condition(ConditionType.PLACED)
    return draft.build()


def message_of(situation: Situation, step: Step) -> str | None:
    """The message of a job that has not failed, the first that applies; None: the recorded one still does.

    That it is suspended, what it waits for in a queue, what its pods wait for or do.
    """
    if situation.job.spec.suspend:
        return "suspended: set spec.suspend to false to resume it"
    if isinstance(step.admission, Waiting):
        return step.admission.message
    return step.activity


def _counters(situation: Situation, step: Step) -> dict[str, object]:
    """What the Jobs and pods that were looked at say of the attempt as a whole."""
    recorded, seen = situation.job.status, situation.seen
    counters: dict[str, object] = {}
    started = [pod.started_at for phase in step.observed for pod in seen.pods_of(phase) if pod.started_at]
    if started:
        counters = {"state": State.RUNNING, "started_at": recorded.started_at or min(started)}
    if step.observed or step.activity:
        retries = sum(child.failed_pods - child.has_failed for child in seen.jobs.values())
        counters["retry_count"] = max(0, retries, recorded.retry_count or 0)
    return counters


def _suspended(job: AugmentationJob) -> Statement | None:
    """Suspended: as the user wishes; absent until that was wished for the first time."""
    if job.spec.suspend:
        return Statement(True, "SuspendedByUser", "spec.suspend is true")
    if job.status.condition(ConditionType.SUSPENDED) is not None:
        return Statement(False, "Resumed", "spec.suspend is false")
    return None


def _admitted(job: AugmentationJob, admission: Admission | None) -> Statement | None:
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
