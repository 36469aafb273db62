"""Which queue is asked whether a job may take nodes, and what its answer adds to the step of a phase."""

from augmentation_api import PhaseName
from augmentation_api.status import PhaseEvent
from augmentation_operator.children.job import ChildJob
from augmentation_operator.queueing import built_in
from augmentation_operator.queueing.admission import Admission, Interruption, Refused, Waiting
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
        return kueue.admission_of(job, child, seen.kueue, queue)
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
    match admission:
        case Waiting(interruption=Interruption(message, at)):
            event = operator_event(f"evicted-{int(at.timestamp())}", "preempted", at, error=message)
            events: tuple[tuple[PhaseName, PhaseEvent], ...] = ((shown, event),)
        case _:
            events = ()
    return Step(
        admission=admission,
        events=events,
        patches=admission.patches if isinstance(admission, Waiting | Refused) else (),
        requeue_after=admission.requeue_after if isinstance(admission, Waiting) else None,
    )
