"""How a job ends: completed, cancelled, and deleted when its time to live is over. Failures: failure_reason.py."""

from datetime import datetime, timedelta

from augmentation_api import AugmentationJob, ConditionType, PhaseName, State
from augmentation_operator.children.job import ChildJob
from augmentation_operator.children.turn import attempt_of
from augmentation_operator.reconcile.conditions import placed_again
from augmentation_operator.reconcile.decision import Decision
from augmentation_operator.reconcile.events import find_event, operator_event, phases_of
from augmentation_operator.reconcile.observation import Observation
from augmentation_operator.reconcile.progress import progress_of
from augmentation_operator.reconcile.status_draft import StatusDraft

REPORT_GRACE = timedelta(seconds=60)
"""How long after a pod succeeded its report may take to be seen before the report counts as missing."""

SOON = timedelta(seconds=2)


def is_published(seen: Observation) -> bool:
    """Whether the publish Job has completed, so that nothing that is asked for later counts.

    What a pod writes is no proof of it: any may have been taken over, and one that has written may go on for ever.
    """
    child = seen.jobs.get(PhaseName.PUBLISH)
    return child is not None and child.is_complete


def reports_result(job: AugmentationJob) -> bool:
    """Whether a publish pod says in the status which commit it has made."""
    return job.status.output is not None and job.status.output.revision is not None


def report_is_due(child: ChildJob, now: datetime) -> bool:
    """Whether what the pod of a complete Job has written should have been seen by now."""
    return now - (child.completed_at or now) > REPORT_GRACE


def complete(job: AugmentationJob, seen: Observation, now: datetime) -> Decision | None:
    """The end of a job whose result is published and reported."""
    child, output = seen.jobs.get(PhaseName.PUBLISH), job.status.output
    if output is None or not reports_result(job) or not is_published(seen):
        return None
    draft = StatusDraft(job, now)
    if (placed := placed_again(job)) is not None:
        draft.condition(ConditionType.PLACED, placed.holds, placed.reason, placed.message)
    ended = (child.completed_at if child else None) or now
    for phase in PhaseName:
        if not draft.is_completed(phase):
            before = seen.jobs.get(phase)
            draft.complete(phase, (before.completed_at if before else None) or ended)
    draft.set(
        state=State.COMPLETED,
        current_phase=PhaseName.PUBLISH,
        completed_at=ended,
        progress=progress_of(job.status.source, job.status.shards, published=True),
    )
    draft.message(f"published {output.dataset_id}: {output.episodes} episodes, {output.frames} frames")
    draft.condition(ConditionType.COMPLETE, True, "Published", "the result is published")
    return Decision(draft.build())


def what_may_be_there(job: AugmentationJob) -> str:
    """What is to be said of the result of a job that was stopped or failed while it published; nothing before that."""
    if job.status.phase(PhaseName.PUBLISH).started_at is None:
        return ""
    output = job.status.output
    dataset = (output.dataset_id if output else None) or "the dataset"
    if output is not None and output.revision is not None:
        return f"its publish pod reported commit {output.revision} of {dataset} and then failed: check {dataset}"
    return f"it was publishing {dataset}: check whether a commit was made"


def cancel(job: AugmentationJob, seen: Observation, now: datetime) -> Decision:
    """Stop everything; the job is cancelled once nothing runs any more.

    A publish pod that has reported its commit only has to exit, and gets REPORT_GRACE to do so: the job is completed
    then. It is stopped afterwards like any other, and what may be there is said.
    """
    draft = StatusDraft(job, now)
    publishing = seen.jobs.get(PhaseName.PUBLISH)
    if publishing is not None and not publishing.is_over and _may_exit(job, publishing, seen, draft, now):
        draft.message("cancelling: waiting for the publish pod, which has reported its result, to end")
        return Decision(draft.build(), requeue_after=SOON)
    if not seen.is_still:
        draft.message("cancelling: waiting for the pods to stop")
        return Decision(draft.build(), delete_jobs=seen.living_jobs, requeue_after=SOON)
    if publishing is not None and publishing.is_complete and not report_is_due(publishing, now):
        draft.message("cancelling: waiting for the last report of the publish pod")
        return Decision(draft.build(), requeue_after=SOON)
    for phase in job.status.phases:
        if phase.started_at and not phase.completed_at:
            there = what_may_be_there(job) if phase.name == PhaseName.PUBLISH else ""
            draft.fail_phase(phase.name, f"cancelled: {there}" if there else "cancelled")
    draft.condition(ConditionType.CANCELLED, True, "CancelledByUser", "spec.cancel was set")
    draft.set(state=State.CANCELLED, cancelled_at=now)
    draft.message(f"cancelled: {what_may_be_there(job) or 'nothing was published'}")
    return Decision(draft.build())


def _may_exit(job: AugmentationJob, publishing: ChildJob, seen: Observation, draft: StatusDraft, now: datetime) -> bool:
    # Not only if a pod is seen to run: what it wrote may be seen before it is.
    nothing_runs = publishing.suspended and all(pod.is_over for pod in seen.pods_of(PhaseName.PUBLISH))
    if not reports_result(job) or nothing_runs:
        return False
    said = "the job is cancelled while its publish pod has reported the result: it has a minute to end"
    event = operator_event(f"cancelling-{attempt_of(job)}", "cancelling", now, message=said)
    draft.record(PhaseName.PUBLISH, event)
    first = find_event(phases_of(job), event.id) or event
    return now - (first.timestamp or now) < REPORT_GRACE


def clean_up(job: AugmentationJob, seen: Observation, now: datetime) -> Decision:
    """A job that has ended: nothing of it runs, and it is deleted when its time to live is over."""
    running = seen.living_jobs
    ended = job.status.cancelled_at or job.status.completed_at
    if job.spec.ttl_seconds_after_finished is None or ended is None:
        return Decision(job.status, delete_jobs=running)
    left = timedelta(seconds=job.spec.ttl_seconds_after_finished) - (now - ended)
    if left > timedelta(0):
        return Decision(job.status, delete_jobs=running, requeue_after=left)
    return Decision(job.status, delete_jobs=running, delete_resource=True)
