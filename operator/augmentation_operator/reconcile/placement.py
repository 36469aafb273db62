"""Where the work runs: the placements of the class, tried one after another, and the node that was found.

A job falls back to the next placement when none of its pods has a node within the time limit of the present one; the
last one waits without a limit. The placement is recorded before anything is created for it, and never goes back within
an attempt.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from augmentation_api import AugmentationJob, ConditionType, PhaseName
from augmentation_api.status import Placement
from augmentation_operator.children.job import ChildJob, attempt_of, placement_index
from augmentation_operator.queueing.admission import Admission, Admitted, NotQueued
from augmentation_operator.reconcile.decision import SOON
from augmentation_operator.reconcile.obstacle import gravest_obstacle
from augmentation_operator.reconcile.phase_events import operator_event
from augmentation_operator.reconcile.progress import shards_of_attempt
from augmentation_operator.reconcile.status import placed_on
from augmentation_operator.reconcile.step import Situation, Statement, Step, Wait


def place(situation: Situation, child: ChildJob | None, admission: Admission | None) -> Step:
    """Say where the augment pods run, or wait for a node; proceed where the augment Job may be there.

    Args:
        child: the augment Job of the present placement, if there is one.
        admission: what the queue answered about it.
    """
    started = [pod.started_at for pod in situation.seen.pods_of(PhaseName.AUGMENT) if pod.started_at]
    if started or any(shard.state for shard in shards_of_attempt(situation.job)):
        step = _provisioned(situation, min(started, default=situation.now))
    else:
        step = _waiting_for_node(situation, child, admission)
    if child is not None and not situation.has_completed(PhaseName.PROVISION):
        step = replace(step, begun=((PhaseName.PROVISION, child.created_at), *step.begun))
    return step


def waiting_placement(situation: Situation) -> Placement:
    """The placement whose nodes a job waits for: the recorded one, or the first from now on."""
    recorded = situation.job.status.placement
    if recorded is not None and recorded.tried_since is not None:
        return recorded
    return _placement_from_now(situation, placement_index(situation.job))


def _provisioned(situation: Situation, at: datetime) -> Step:
    """The first augment pod runs: say where."""
    placement = _placement_of_pods(situation) or situation.job.status.placement
    is_first = not situation.has_completed(PhaseName.PROVISION)
    step = Step(completed=((PhaseName.PROVISION, at),), begun=((PhaseName.AUGMENT, at),), placement=placement)
    if placement is None:
        return step
    placed, attempt = placed_on(placement), attempt_of(situation.job)
    key = f"placed-{attempt}" if attempt else "placed"
    event = operator_event(key, "placed", situation.now, message=placed.message)
    return replace(
        step,
        placed=placed if is_first or situation.runs_pods else None,
        events=((PhaseName.PROVISION, event),),
    )


def _waiting_for_node(situation: Situation, child: ChildJob | None, admission: Admission | None) -> Step:
    """Fall back to the next placement when no node was found in time, and wait for pods of earlier ones to end.

    One of these pods may have got its node just now.
    """
    seen = situation.seen
    step = Step()
    if not situation.has_completed(PhaseName.PROVISION) and not situation.job.spec.suspend:
        step = Step(placement=waiting_placement(situation))
        left = _time_left(situation)
        has_node = any(pod.node for pod in seen.pods_of(PhaseName.AUGMENT))
        is_waiting = (
            child is not None and not child.is_finished and not has_node and _may_start(situation.job, admission)
        )
        if is_waiting and left is not None and left <= timedelta(0):
            return step.then(_fallback(situation))
        step = replace(step, requeue_after=left if is_waiting else None)
    if all(job.is_finished for job in seen.earlier_jobs) and all(pod.is_finished for pod in seen.earlier_pods):
        return step
    return step.then(Step(Wait(), requeue_after=SOON))


def _may_start(job: AugmentationJob, admission: Admission | None) -> bool:
    """Whether no queue holds the Job, and that is on record. Time before that counts towards no limit."""
    is_recorded = job.status.is_true(ConditionType.ADMITTED)
    return isinstance(admission, NotQueued) or (isinstance(admission, Admitted) and is_recorded)


def _fallback(situation: Situation) -> Step:
    """Record the next placement, with what kept the pods of this one from a node."""
    job, spec = situation.job, situation.augmentation_class.spec
    index = placement_index(job)
    present, following = spec.placement_at(index), spec.placement_at(index + 1)
    obstacle = gravest_obstacle(situation, PhaseName.AUGMENT)
    why = (
        f"placement {present.name}: no node within {present.time_limit_seconds} s"
        f"{f' ({obstacle.message})' if obstacle else ''}; trying {following.name}"
    )
    event = operator_event(f"rung-{attempt_of(job)}-{index}", "placement given up", situation.now, error=why)
    return Step(
        Wait(),
        events=((PhaseName.PROVISION, event),),
        placed=Statement(False, "PlacementTimedOut", why),
        placement=_placement_from_now(situation, index + 1),
        activity=why,
        requeue_after=timedelta(0),
    )


def _time_left(situation: Situation) -> timedelta | None:
    """How long nodes of the present placement may still be waited for, zero or less when it has passed; None: no limit.

    The time for which a job was suspended, or waited in a queue, does not count.
    """
    job, placements = situation.job, situation.augmentation_class.spec.placements
    recorded, index = job.status.placement, placement_index(job)
    if recorded is None or recorded.tried_since is None or index >= len(placements) - 1:
        return None
    pauses = (job.status.condition(kind) for kind in (ConditionType.SUSPENDED, ConditionType.ADMITTED))
    since = max([recorded.tried_since, *(pause.last_transition_time for pause in pauses if pause)])
    return since + timedelta(seconds=placements[index].time_limit_seconds) - situation.now


def _placement_of_pods(situation: Situation) -> Placement | None:
    """Placement of the first augment pod that has a node; None while none has.

    A pod's node is shown even before its labels are known, or if the node is gone again.
    """
    job, spec = situation.job, situation.augmentation_class.spec
    node = next((pod.node for pod in situation.seen.pods_of(PhaseName.AUGMENT) if pod.node), None)
    if node is None:
        return None
    labels, names = situation.seen.node_labels.get(node, {}), spec.instance_labels
    return Placement(
        placement=spec.placement_at(placement_index(job)).name,
        rung=placement_index(job),
        tried_since=job.status.placement.tried_since if job.status.placement else None,
        node=node,
        instance_type=labels.get(names.instance_type),
        region=labels.get(names.region),
        zone=labels.get(names.zone),
        accelerator=labels.get(names.accelerator),
    )


def _placement_from_now(situation: Situation, index: int) -> Placement:
    name = situation.augmentation_class.spec.placement_at(index).name
    return Placement(placement=name, rung=index, tried_since=situation.now)
