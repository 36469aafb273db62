"""Restart of a job that failed or was cancelled: `spec.attempt` is above the recorded attempt.

What is finished stays: the pinned revision, the number of shards and the shards' records, so that a new attempt makes
only the episodes that are missing. Where publish has missed what a shard recorded, all shards run again, look for what
is lost and make that. Each attempt has Jobs with names of their own, so that a late report about a Job of an earlier
attempt is never taken for one of the present.
"""

from datetime import datetime

from augmentation_api import AugmentationJob, ConditionType, FailureReason, PhaseName, State
from augmentation_operator.children.job import attempt_of
from augmentation_operator.reconcile.decision import SOON, Decision
from augmentation_operator.reconcile.observation import Observation
from augmentation_operator.reconcile.phase_events import operator_event
from augmentation_operator.reconcile.status_draft import StatusDraft


def is_restart_requested(job: AugmentationJob) -> bool:
    """Whether a job that has ended is to start again."""
    return job.status.state in (State.FAILED, State.CANCELLED) and job.spec.attempt > attempt_of(job)


def restart(job: AugmentationJob, seen: Observation, now: datetime) -> Decision:
    """The first step of a new attempt, once no pod of an earlier one can write what a new pod is about to write."""
    if not seen.is_still:
        return Decision(job.status, delete_jobs=seen.living_jobs, requeue_after=SOON)
    draft, attempt = StatusDraft(job, now), job.spec.attempt
    failed = job.status.condition(ConditionType.FAILED)
    is_augmented = job.status.has_completed(PhaseName.AUGMENT) and (
        failed is None or failed.reason != FailureReason.RECORDS_LOST
    )
    for phase in PhaseName:
        # Provision goes with augment: the nodes of the last attempt are gone.
        with_augment = phase in (PhaseName.PROVISION, PhaseName.AUGMENT)
        if not job.status.has_completed(phase) or (with_augment and not is_augmented):
            draft.reset(phase)
    for kind in (ConditionType.FAILED, ConditionType.CANCELLED):
        if job.status.condition(kind) is not None:
            draft.condition(kind, False, "StartedAgain", f"attempt {attempt} has begun")
    draft.remove_condition(ConditionType.PLACED)
    draft.remove_condition(ConditionType.ADMITTED)
    message, reason = f"attempt {attempt} begins", job.status.message
    event = operator_event(f"attempt-{attempt}", "started again", now, message=message, error=reason)
    draft.record(job.status.current_phase or PhaseName.RESOLVE, event)
    draft.set(
        attempt=attempt,
        state=State.QUEUED,
        current_phase=draft.present_phase,
        queued_at=now,
        started_at=None,
        completed_at=None,
        cancelled_at=None,
        placement=None,
        class_snapshot=None,
        retry_count=None,
        queue=None,
        notification=None,
    )
    draft.message(f"attempt {attempt}: starting again with {draft.present_phase}")
    return Decision(draft.build(), requeue_after=SOON)
