"""How a job ends: completed, cancelled, and deleted when its time to live is over. Failures: failure_policy.py."""

from datetime import datetime, timedelta

from augmentation_api import AugmentationJob, ConditionType, PhaseName, State
from augmentation_operator.decision import Decision
from augmentation_operator.observation import ChildJob, Observation
from augmentation_operator.progress import progress_of
from augmentation_operator.status_draft import StatusDraft

REPORT_GRACE = timedelta(seconds=60)
"""How long after a pod succeeded its report may take to be seen before the report counts as missing."""

SOON = timedelta(seconds=2)


def is_published(job: AugmentationJob) -> bool:
    """Whether a publish pod has reported the result. It does so last, so nothing that is asked for later counts."""
    return job.status.output is not None and job.status.output.revision is not None


def report_is_due(child: ChildJob, now: datetime) -> bool:
    """Whether what the pod of a complete Job has written should have been seen by now."""
    return now - (child.completed_at or now) > REPORT_GRACE


def completed(job: AugmentationJob, seen: Observation, now: datetime) -> Decision | None:
    """The end of a job whose result is published, unless its publish pod is still about to exit."""
    child, output = seen.jobs.get(PhaseName.PUBLISH), job.status.output
    if output is None or not is_published(job) or not _publish_pod_is_gone(job, seen):
        return None
    draft = StatusDraft(job, now)
    draft.placed()
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


def _publish_pod_is_gone(job: AugmentationJob, seen: Observation) -> bool:
    child = seen.jobs.get(PhaseName.PUBLISH)
    if child is None:
        return job.status.phase(PhaseName.PUBLISH).started_at is not None
    if child.is_over:
        return True
    # The pod was stopped after its report: its Job would start another one only to find everything done.
    stopped = job.spec.suspend or job.spec.cancel
    return stopped and all(pod.is_over for pod in seen.pods_of(PhaseName.PUBLISH))


def cancelled(job: AugmentationJob, seen: Observation, now: datetime) -> Decision:
    """Stop everything; the job is cancelled once nothing runs any more and nothing can have been published."""
    draft = StatusDraft(job, now)
    publishing = seen.jobs.get(PhaseName.PUBLISH)
    if not seen.is_still:
        draft.message("cancelling: waiting for the pods to stop")
        return Decision(draft.build(), delete_jobs=seen.living_jobs, look_again_after=SOON)
    if publishing is not None and publishing.is_complete and not report_is_due(publishing, now):
        draft.message("cancelling: waiting for the last report of the publish pod")
        return Decision(draft.build(), look_again_after=SOON)
    for phase in job.status.phases:
        if phase.started_at and not phase.completed_at:
            draft.fail_phase(phase.name, "cancelled")
    draft.condition(ConditionType.CANCELLED, True, "CancelledByUser", "spec.cancel was set")
    draft.set(state=State.CANCELLED, cancelled_at=now)
    draft.message("cancelled: nothing was published")
    return Decision(draft.build())


def settled(job: AugmentationJob, seen: Observation, now: datetime) -> Decision:
    """A job that has ended: nothing of it runs, and it is deleted when its time to live is over."""
    running = seen.living_jobs
    ended = job.status.cancelled_at or job.status.completed_at
    if job.spec.ttl_seconds_after_finished is None or ended is None:
        return Decision(job.status, delete_jobs=running)
    left = ended + timedelta(seconds=job.spec.ttl_seconds_after_finished) - now
    if left > timedelta(0):
        return Decision(job.status, delete_jobs=running, look_again_after=left)
    return Decision(job.status, delete_jobs=running, delete_resource=True)
