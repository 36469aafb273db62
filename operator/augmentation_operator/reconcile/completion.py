"""The end of a job: completed, cancelled, and deleted after its time to live or with its namespace.

For failures see failure_reason.py.
"""

from datetime import datetime, timedelta

from augmentation_api import AugmentationJob, ConditionType, PhaseName, State
from augmentation_api.counted import counted
from augmentation_api.status import Progress
from augmentation_operator.children.job import ChildJob, attempt_of
from augmentation_operator.reconcile.decision import SOON, Decision
from augmentation_operator.reconcile.kubernetes_events import NAMESPACE_TERMINATING
from augmentation_operator.reconcile.observation import Observation
from augmentation_operator.reconcile.phase_events import find_event, operator_event, phases_of
from augmentation_operator.reconcile.progress import progress_of
from augmentation_operator.reconcile.status import placed_again
from augmentation_operator.reconcile.status_draft import StatusDraft

REPORT_GRACE = timedelta(seconds=60)
"""How long after its pod succeeded a report may take to be observed before it counts as missing."""


def is_published(seen: Observation) -> bool:
    """Whether the publish Job has completed, so that nothing requested later counts.

    What a pod writes is no proof of it: any pod may have been taken over, and one that has reported may run forever.
    """
    child = seen.jobs.get(PhaseName.PUBLISH)
    return child is not None and child.is_complete


def reports_result(job: AugmentationJob) -> bool:
    """Whether a publish pod has reported in the status which commit it made."""
    return job.status.output is not None and job.status.output.revision is not None


def report_is_due(child: ChildJob, now: datetime) -> bool:
    """Whether what the pod of a complete Job wrote should have been observed by now."""
    return now - (child.completed_at or now) > REPORT_GRACE


def complete(job: AugmentationJob, seen: Observation, now: datetime) -> Decision | None:
    """Complete a job whose result is published and reported, or whose preview is drawn; None: it is not."""
    if job.spec.preview is not None:
        return _complete_preview(job, now)
    child, output = seen.jobs.get(PhaseName.PUBLISH), job.status.output
    if output is None or not reports_result(job) or not is_published(seen):
        return None
    draft = StatusDraft(job, now)
    if (placed := placed_again(job)) is not None:
        draft.condition(ConditionType.PLACED, *placed)
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
    bad = job.status.bad_episodes
    skipped = f"; skipped {bad.count} that cannot be used (status.badEpisodes)" if bad and bad.file else ""
    made = f"{counted(output.episodes or 0, 'episode')}, {counted(output.frames or 0, 'frame')}"
    draft.message(f"published {output.dataset_id}: {made}{skipped}")
    draft.condition(ConditionType.COMPLETE, True, "Published", "the result is published")
    return Decision(draft.build())


def _complete_preview(job: AugmentationJob, now: datetime) -> Decision | None:
    if not job.status.has_completed(PhaseName.RESOLVE) or job.status.preview is None:
        return None
    draft = StatusDraft(job, now)
    ended = job.status.phase(PhaseName.RESOLVE).completed_at or now
    draft.set(
        state=State.COMPLETED, current_phase=PhaseName.RESOLVE, completed_at=ended, progress=Progress(percent=100)
    )
    draft.message("the preview is drawn (status.preview); nothing was published")
    draft.condition(ConditionType.COMPLETE, True, "PreviewDrawn", "the preview is drawn")
    return Decision(draft.build())


def possible_result(job: AugmentationJob) -> str:
    """A hint at the result of a job that was stopped or failed while it published; empty before that."""
    if job.status.phase(PhaseName.PUBLISH).started_at is None:
        return ""
    output = job.status.output
    dataset = (output.dataset_id if output else None) or "the dataset"
    if output is not None and output.revision is not None:
        return f"its publish pod reported commit {output.revision} of {dataset} and then failed: check {dataset}"
    return f"it was publishing {dataset}: check whether a commit was made"


def cancel(job: AugmentationJob, seen: Observation, now: datetime) -> Decision:
    """Stop all pods; the job is cancelled once none runs.

    A publish pod that has reported its commit only has to exit, and has REPORT_GRACE to do so: then the job completes.
    After that it is stopped like any other, and the message says what it may have published.
    """
    draft = StatusDraft(job, now)
    publishing = seen.jobs.get(PhaseName.PUBLISH)
    if publishing is not None and reports_result(job) and _may_exit(publishing, seen):
        message = "the job is cancelled after its publish pod reported the result: the pod has a minute to end"
        event = operator_event(f"cancelling-{attempt_of(job)}", "cancelling", now, message=message)
        draft.record(PhaseName.PUBLISH, event)
        since = (find_event(phases_of(job), event.id) or event).timestamp or now
        if now - since < REPORT_GRACE:
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
            hint = possible_result(job) if phase.name == PhaseName.PUBLISH else ""
            draft.fail_phase(phase.name, f"cancelled: {hint}" if hint else "cancelled")
    draft.condition(ConditionType.CANCELLED, True, "CancelledByUser", "spec.cancel was set")
    draft.set(state=State.CANCELLED, cancelled_at=now)
    draft.message(f"cancelled: {possible_result(job) or 'nothing was published'}")
    return Decision(draft.build())


def _may_exit(publishing: ChildJob, seen: Observation) -> bool:
    """Whether a publish pod may be running and about to exit. Its report may be observed before the pod."""
    is_stopped = publishing.suspended and all(pod.is_finished for pod in seen.pods_of(PhaseName.PUBLISH))
    return not publishing.is_finished and not is_stopped


def stop_with_namespace(job: AugmentationJob, seen: Observation, now: datetime) -> Decision:
    """Delete the Jobs of a job whose namespace is being deleted, before that gets to the job itself.

    Kubernetes deletes pods before Jobs (KEP-5080). The Job controller keeps a failed pod of a Job with a
    backoffLimitPerIndex until there is another one in its place, and a namespace that is being deleted takes no more
    pods: without this neither would ever be gone (kubernetes#108297).
    """
    draft = StatusDraft(job, now)
    draft.message("the namespace is being deleted: the job's pods are stopped")
    draft.condition(ConditionType.PLACED, False, NAMESPACE_TERMINATING, "the namespace is being deleted")
    return Decision(draft.build(), delete_jobs=seen.living_jobs, requeue_after=None if seen.is_still else SOON)


def clean_up(job: AugmentationJob, seen: Observation, now: datetime) -> Decision:
    """Stop what still runs of a job that has ended, and delete the job after its time to live.

    Its status follows each change of the spec: `kubectl wait` ignores conditions of an older generation.
    """
    running, observed = seen.living_jobs, StatusDraft(job, now).build()
    ended = job.status.cancelled_at or job.status.completed_at
    if job.spec.ttl_seconds_after_finished is None or ended is None:
        return Decision(observed, delete_jobs=running)
    left = timedelta(seconds=job.spec.ttl_seconds_after_finished) - (now - ended)
    if left > timedelta(0):
        return Decision(observed, delete_jobs=running, requeue_after=left)
    return Decision(observed, delete_jobs=running, delete_resource=True)
