"""The decision at the heart of the operator: from a job, its class and its children to what should be done next.

A pure function of plain data. It depends only on the present state, so it may be called at any moment, as often as one
likes, after any process was killed: what is recorded stays, what is missing is created, what is done is not repeated.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from augmentation_api import AugmentationClass, AugmentationJob, AugmentationJobStatus, ConditionType, FailureReason
from augmentation_api.notify import Notify
from augmentation_api.spec import SYSTEM_PRIORITY, SYSTEM_PRIORITY_REFUSED
from augmentation_operator.reconcile.children import superfluous_jobs
from augmentation_operator.reconcile.completion import cancel, clean_up, complete, stop_with_namespace
from augmentation_operator.reconcile.deadline import check_deadlines
from augmentation_operator.reconcile.decision import Decision
from augmentation_operator.reconcile.failure_reason import Rejection
from augmentation_operator.reconcile.notification import NotificationOutcome, announce, follow
from augmentation_operator.reconcile.observation import Observation
from augmentation_operator.reconcile.phases import run_phases
from augmentation_operator.reconcile.restart import is_restart_requested, restart
from augmentation_operator.reconcile.status import status_of
from augmentation_operator.reconcile.status_draft import StatusDraft
from augmentation_operator.reconcile.step import Fail, Moment, Situation, Step
from augmentation_operator.reconcile.usage import usage_of

CLASS_GRACE = timedelta(seconds=60)
"""How long a job waits for its class once it was missed: manifests applied together arrive in any order."""


def decide(
    job: AugmentationJob,
    chosen: AugmentationClass | Rejection,
    seen: Observation,
    now: datetime,
    notify: Notify | None = None,
    outcome: NotificationOutcome | None = None,
) -> Decision:
    """What should be done for a job now.

    Args:
        chosen: the class of the job, or why there is none (select_class).
        now: in whole seconds, as the API keeps time.
        notify: where the end of the job is announced; None: nowhere.
        outcome: of the last delivery of the event of its end; None: there was none.
    """
    if job.status.state is not None and job.status.state.is_final:
        if is_restart_requested(job):
            return restart(job, seen, now)
        return follow(job, notify, clean_up(job, seen, now), outcome)
    decision = _decide_unfinished(job, chosen, seen, now)
    after = decision.status
    stops = job.spec.suspend or job.spec.cancel or (after.state is not None and after.state.is_final)
    usage = usage_of(
        job, None if isinstance(chosen, Rejection) else chosen, seen, now, news=after != job.status, ends=stops
    )
    return replace(decision, status=announce(job, notify, after.model_copy(update={"usage": usage})))


def _decide_unfinished(
    job: AugmentationJob, chosen: AugmentationClass | Rejection, seen: Observation, now: datetime
) -> Decision:
    """What should be done for a job that has not ended. Nothing counts against a published result."""
    if (end := complete(job, seen, now)) is not None:
        return end
    if seen.namespace_terminates:
        return stop_with_namespace(job, seen, now)
    if job.spec.cancel:
        return cancel(job, seen, now)
    priority = job.spec.priority_class_name
    if priority is not None and priority.startswith(SYSTEM_PRIORITY):
        # Its pods would preempt everybody's. The CRD rejects it too, unless the API server does not evaluate its rules.
        message = f"spec.{SYSTEM_PRIORITY_REFUSED} (it is {priority})"
        return _rejected(job, Rejection(FailureReason.SPEC_INVALID, message), now)
    if isinstance(chosen, Rejection):
        return _without_class(job, chosen, seen, now)
    situation = Situation(job=job, augmentation_class=chosen, seen=seen, now=now)
    step = run_phases(situation)
    return Decision(
        status=status_of(situation, step),
        apply=step.apply,
        create=step.create,
        patches=step.patches,
        replace_jobs=step.replace_jobs,
        delete_jobs=superfluous_jobs(seen, failed=isinstance(step.outcome, Fail)),
        requeue_after=step.requeue_after,
    )


def _without_class(job: AugmentationJob, rejection: Rejection, seen: Observation, now: datetime) -> Decision:
    """Hold a job whose class is not there; fail it when the class has not come in time.

    What runs may end first, within the deadlines of the job.
    """
    step = check_deadlines(Moment(job=job, seen=seen, now=now))
    accepted = job.status.condition(ConditionType.ACCEPTED)
    missed = now - accepted.last_transition_time if accepted and accepted.status == "False" else timedelta(0)
    if missed >= CLASS_GRACE and all(child.is_finished for child in seen.jobs.values()):
        return _rejected(job, rejection, now)
    draft = StatusDraft(job, now)
    draft.condition(ConditionType.ACCEPTED, False, rejection.reason, rejection.message)
    if isinstance(step.outcome, Fail):
        draft.fail(step.outcome.rejection, step.outcome.phase)
        return Decision(draft.build(), delete_jobs=superfluous_jobs(seen, failed=True))
    draft.message(rejection.message)
    if missed < CLASS_GRACE:
        step = step.then(Step(requeue_after=CLASS_GRACE - missed))
    return Decision(draft.build(), requeue_after=step.requeue_after)


def _rejected(job: AugmentationJob, rejection: Rejection, now: datetime) -> Decision:
    """Fail a job that may not run at all; what runs of it is stopped as of any job that has failed."""
    draft = StatusDraft(job, now)
    draft.condition(ConditionType.ACCEPTED, False, rejection.reason, rejection.message)
    draft.fail(rejection, draft.present_phase)
    return Decision(draft.build())


def refused(job: AugmentationJob, decision: Decision, message: str, now: datetime) -> AugmentationJobStatus:
    """The status of a decision whose children the API server refused to create, in the server's words."""
    draft = StatusDraft(job.model_copy(update={"status": decision.status}), now)
    draft.condition(ConditionType.PLACED, False, "Refused", message)
    draft.message(f"the API server rejected the job's resources: {message}")
    return draft.build()
