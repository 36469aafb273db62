"""The phases of a job, in order: each is entered when the one before it is complete."""

from dataclasses import replace
from datetime import timedelta

from augmentation_api import FailureReason, PhaseName
from augmentation_api.status import Progress
from augmentation_operator.children.job import ChildJob
from augmentation_operator.manifests.manifest import suspend_job
from augmentation_operator.manifests.worker_image import worker_image
from augmentation_operator.queueing.admission import Admission, Admitted, Refused, Waiting
from augmentation_operator.queueing.kueue.admission import queue_name_of
from augmentation_operator.reconcile.admission import (
    admission_of_augment,
    admission_of_unlimited,
    admission_step,
    scale,
)
from augmentation_operator.reconcile.children import children_of_phase, is_outdated, shard_count_of
from augmentation_operator.reconcile.completion import report_is_due, reports_result
from augmentation_operator.reconcile.deadline import check_deadlines, note_first_pod
from augmentation_operator.reconcile.decision import SOON
from augmentation_operator.reconcile.failure_reason import Rejection, why_failed
from augmentation_operator.reconcile.placement import place, waiting_placement
from augmentation_operator.reconcile.pods import ACTIVITY, watch_pods
from augmentation_operator.reconcile.progress import expected_of, progress_of, shards_of_attempt
from augmentation_operator.reconcile.status import placed_again
from augmentation_operator.reconcile.step import Fail, Proceed, Situation, Statement, Step, Wait


def run_phases(situation: Situation) -> Step:
    """Take the steps in order until one has to wait, or fails."""
    step = Step()
    for next_step in (check_deadlines, _resolve, _stop_at_preview, _check_size, _augment, _publish):
        step = step.then(next_step(situation))
        if not isinstance(step.outcome, Proceed):
            break
    return step


def _resolve(situation: Situation) -> Step:
    if situation.has_completed(PhaseName.RESOLVE):
        return Step()
    source, preview = situation.job.status.source, situation.job.status.preview
    is_resolved = source is not None and source.selected_frames is not None
    if situation.job.spec.preview is not None:
        step = _run_single_pod(situation, PhaseName.RESOLVE, "status.preview", is_resolved and preview is not None)
    else:
        step = _run_single_pod(situation, PhaseName.RESOLVE, "status.source", is_resolved)
    child = situation.child(PhaseName.RESOLVE)
    if child is None or not isinstance(step.outcome, Proceed):
        return step
    return replace(step, completed=((PhaseName.RESOLVE, child.completed_at),))


def _stop_at_preview(situation: Situation) -> Step:
    """Let a preview go no further; it is complete at the next look (completion.py)."""
    if situation.job.spec.preview is None:
        return Step()
    return Step(Wait(), requeue_after=timedelta(0))


def _check_size(situation: Situation) -> Step:
    """Fail a job whose number of shards is lost."""
    source = situation.job.status.source
    if situation.job.status.shard_count or (source is not None and source.selected_frames is not None):
        return Step()
    missing = (
        "status.source is missing or cannot be read, although the resolve phase has completed: a worker has "
        "overwritten it. Create the job again"
    )
    return Step(Fail(Rejection(FailureReason.INTERNAL_ERROR, missing), PhaseName.PROVISION))


def _augment(situation: Situation) -> Step:
    if situation.has_completed(PhaseName.AUGMENT):
        return Step()
    if situation.job.status.shard_count is None:
        return _fix_shard_count(situation)
    child = situation.child(PhaseName.AUGMENT)
    admission = admission_of_augment(situation, child)
    if isinstance(admission, Waiting) and not admission.keeps_job:
        waiting = Step(Wait(), begun=((PhaseName.PROVISION, None),), current_phase=PhaseName.PROVISION)
        return admission_step(admission, PhaseName.PROVISION).then(waiting)
    if isinstance(admission, Admitted) and admission.is_new:
        return Step(Wait(), admission=admission, requeue_after=timedelta(0))
    placed = place(situation, child, admission)
    is_provisioned = situation.has_completed(PhaseName.PROVISION) or bool(placed.completed)
    shown = PhaseName.AUGMENT if is_provisioned else PhaseName.PROVISION
    if not isinstance(placed.outcome, Proceed):
        return admission_step(admission, shown).then(placed)
    run = replace(_run(situation, PhaseName.AUGMENT, shown, admission, placed.placed), progress=_progress(situation))
    if child is not None and isinstance(run.outcome, Wait):
        run = replace(run, patches=run.patches + scale(situation, child))
    if child is not None and isinstance(run.outcome, Proceed):
        ended = child.completed_at
        started = (pod.started_at for pod in situation.seen.pods_of(PhaseName.AUGMENT) if pod.started_at)
        provisioned = (PhaseName.PROVISION, min(started, default=ended))
        run = replace(run, completed=(provisioned, (PhaseName.AUGMENT, ended)))
    return placed.then(run)


def _publish(situation: Situation) -> Step:
    is_reported = reports_result(situation.job)
    step = note_first_pod(situation, PhaseName.PUBLISH).then(
        _run_single_pod(situation, PhaseName.PUBLISH, "status.output.revision", is_reported)
    )
    return replace(step, outcome=Wait()) if isinstance(step.outcome, Proceed) else step


def _fix_shard_count(situation: Situation) -> Step:
    """Record the number of shards before anything is created from it: later steps depend on the same number."""
    job, augmentation_class = situation.job, situation.augmentation_class
    step = Step(
        Wait(),
        current_phase=PhaseName.PROVISION,
        shard_count=shard_count_of(situation),
        requeue_after=timedelta(0),
    )
    limited = augmentation_class.spec.limits.max_jobs_per_namespace is not None
    if job.spec.suspend or limited or queue_name_of(job, augmentation_class):
        return step
    # All that is known as it begins, so that the next step has nothing left to write.
    return replace(
        step,
        begun=((PhaseName.PROVISION, None),),
        activity=ACTIVITY[PhaseName.PROVISION],
        placement=waiting_placement(situation),
        progress=_progress(situation),
    )


def _run(
    situation: Situation,
    phase: PhaseName,
    shown: PhaseName,
    admission: Admission | None,
    running: Statement | None = None,
) -> Step:
    """Create the batch Job of a phase and follow it; proceed once it is complete.

    Args:
        shown: the phase as the status names it.
        admission: the answer of the queue that was asked about the Job.
        running: what the Placed condition says while a pod runs; None: derived from what is recorded.
    """
    child = situation.child(phase)
    queued = admission_step(admission, shown)
    if child is None:
        return queued.then(_begun(situation, phase, shown))
    step = queued.then(Step(Wait(), current_phase=shown, begun=((shown, child.created_at),), observed=(phase,)))
    if child.has_failed:
        return replace(step, outcome=Fail(why_failed(child, situation.seen.pods_of(phase)), shown))
    running = running or placed_again(situation.job)
    if child.is_complete:
        return replace(step, outcome=Proceed(), placed=running)
    if is_outdated(situation, phase):
        return step.then(_replaced(situation, child))
    match admission:
        case Refused(message):
            following = Step(Fail(Rejection(FailureReason.QUEUE_REFUSED, message), shown))
        case Waiting():
            following = Step(Wait())
        case _:
            suspend = situation.job.spec.suspend
            patches = (suspend_job(child.name, suspend),) if child.suspended != suspend else ()
            following = Step(patches=patches).then(watch_pods(situation, phase, shown, running))
    return step.then(following)


def _begun(situation: Situation, phase: PhaseName, shown: PhaseName) -> Step:
    """Create the batch Job of a phase."""
    if any(not pod.is_finished for pod in situation.seen.pods_of(phase)):
        # Of a Job that was deleted: their work is that of the pods that come next.
        return Step(Wait(), requeue_after=SOON)
    step = Step(Wait(), current_phase=shown)
    if situation.job.spec.suspend:
        return step
    step = replace(step, begun=((shown, None),), activity=ACTIVITY[shown])
    return children_of_phase(situation, phase).then(step)


def _replaced(situation: Situation, child: ChildJob) -> Step:
    """Replace a waiting Job, since its class has changed."""
    return Step(
        Wait(),
        activity=f"the AugmentationClass {situation.augmentation_class.metadata.name} has changed: the pods that wait "
        "are replaced",
        replace_jobs=(child.name,),
        requeue_after=SOON,
    )


def _run_single_pod(situation: Situation, phase: PhaseName, field: str, is_reported: bool) -> Step:
    """Run the Job of resolve or publish; proceed once the field that its pod writes is observed too.

    A report that is not observed may be late: it is waited for a little, then treated as missing.
    """
    child = situation.child(phase)
    step = _run(situation, phase, phase, admission_of_unlimited(situation, child))
    if child is None or is_reported or not isinstance(step.outcome, Proceed):
        return step
    if not report_is_due(child, situation.now):
        return step.then(Step(Wait(), requeue_after=SOON))
    image = worker_image(situation.job, situation.augmentation_class, phase)
    message = (
        f"the {phase} pod succeeded without writing {field}: does the class's {image.field} {image.reference} keep the "
        "worker contract of this version?"
    )
    return step.then(Step(Fail(Rejection(FailureReason.INTERNAL_ERROR, message), phase), requeue_after=SOON))


def _progress(situation: Situation) -> Progress:
    job = situation.job
    expected = expected_of(job, situation.augmentation_class, shard_count_of(situation))
    return progress_of(job.status.source, shards_of_attempt(job), expected, published=False)
