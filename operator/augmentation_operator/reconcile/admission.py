"""Which queue is asked whether a job may take nodes, and what its answer adds to the step of a phase."""

from dataclasses import replace

from augmentation_api import PhaseName
from augmentation_operator.children.job import ChildJob
from augmentation_operator.manifests.manifest import Patch, scale_job
from augmentation_operator.manifests.phase_jobs import least_parallelism, parallelism_of
from augmentation_operator.queueing import built_in
from augmentation_operator.queueing.admission import Admission, Refused, Waiting
from augmentation_operator.queueing.kueue import admission as kueue
from augmentation_operator.reconcile.phase_events import operator_event
from augmentation_operator.reconcile.step import Situation, Step


def admission_of_augment(situation: Situation, child: ChildJob | None) -> Admission | None:
    """The answer of the queue that the augment Job waits in: Kueue's or the built-in one, never both."""
    job, seen, augmentation_class = situation.job, situation.seen, situation.augmentation_class
    queue = kueue.queue_name_of(job, augmentation_class)
    if child is None and queue is not None:
        return None if job.spec.suspend else kueue.admission_to_queue(job, queue, seen.kueue)
    if child is not None and kueue.is_managed(child, seen.kueue):
        wanted = parallelism_of(job, augmentation_class, job.status.shard_count or 1)
        return kueue.admission_of(job, child, seen.kueue, queue, wanted)
    return built_in.admission_of(job, seen.place, child, augmentation_class.metadata.name)


def admission_of_unlimited(situation: Situation, child: ChildJob | None) -> Admission | None:
    """The answer about the Job of another phase: no queue of ours limits it, but Kueue may manage all Jobs."""
    view = situation.seen.kueue
    if child is None or not kueue.is_managed(child, view):
        return None
    return kueue.admission_of(
        situation.job, child, view, kueue.queue_name_of(situation.job, situation.augmentation_class)
    )


def admission_step(admission: Admission | None, shown: PhaseName) -> Step:
    """What a queue's answer asks for, whatever the phase does next."""
    if not isinstance(admission, Waiting):
        return Step(admission=admission, patches=admission.patches if isinstance(admission, Refused) else ())
    step = Step(admission=admission, patches=admission.patches, requeue_after=admission.requeue_after)
    if (interruption := admission.interruption) is None:
        return step
    key = f"evicted-{int(interruption.at.timestamp())}"
    event = operator_event(key, "preempted", interruption.at, error=interruption.message)
    return replace(step, events=((shown, event),))


def scale(situation: Situation, child: ChildJob) -> tuple[Patch, ...]:
    """What brings an augment Job to the parallelism that the job asks for now, and the least one that its class names.

    Kueue decides with how many pods a Job runs that it manages: it would stop one that somebody scales. So the change
    waits until the Job does.
    """
    job, augmentation_class = situation.job, situation.augmentation_class
    wanted = parallelism_of(job, augmentation_class, job.status.shard_count or 1)
    managed = kueue.is_managed(child, situation.seen.kueue)
    least = least_parallelism(augmentation_class, wanted) if managed else None
    is_right = child.parallelism == wanted and child.least_parallelism == least
    if child.is_finished or is_right or (managed and not child.suspended):
        return ()
    return (scale_job(child.name, wanted, least),)
