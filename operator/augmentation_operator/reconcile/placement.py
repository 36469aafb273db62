"""Where the work runs: the ladder of placements of the class, gone down a rung at a time, and the node that was found.

A rung is given up when none of its pods has a node within its time limit; the last one waits without a limit. The rung
is recorded before anything is made for it, and never goes back within an attempt.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from augmentation_api import AugmentationClass, AugmentationJob, ConditionType
from augmentation_api.status import Placement
from augmentation_operator.children.pod import ChildPod
from augmentation_operator.children.turn import placement_index


def waited_for(job: AugmentationJob, augmentation_class: AugmentationClass, now: datetime) -> Placement:
    """The rung whose nodes a job waits for: the recorded one, or the first from now on."""
    recorded = job.status.placement
    if recorded is not None and recorded.tried_since is not None:
        return recorded
    return _on_rung(placement_index(job), augmentation_class, now)


def next_rung(job: AugmentationJob, augmentation_class: AugmentationClass, now: datetime) -> Placement:
    """The rung after the present one, from now on."""
    return _on_rung(placement_index(job) + 1, augmentation_class, now)


def time_left(job: AugmentationJob, augmentation_class: AugmentationClass, now: datetime) -> timedelta | None:
    """How long the present rung may still be waited for, zero or less when it is over; None: for ever.

    The time for which a job was suspended, or waited in a queue, does not count.
    """
    recorded, ladder = job.status.placement, augmentation_class.spec.placements
    if recorded is None or recorded.tried_since is None or placement_index(job) >= len(ladder) - 1:
        return None
    pauses = (job.status.condition(kind) for kind in (ConditionType.SUSPENDED, ConditionType.ADMITTED))
    since = max([recorded.tried_since, *(pause.last_transition_time for pause in pauses if pause)])
    return since + timedelta(seconds=ladder[placement_index(job)].time_limit_seconds) - now


def placement_of(
    job: AugmentationJob,
    augmentation_class: AugmentationClass,
    pods: tuple[ChildPod, ...],
    node_labels: Mapping[str, Mapping[str, str]],
) -> Placement | None:
    """Placement of the first augment pod that has a node; None while none has.

    A pod's node is shown even before its labels are known, or if the node is gone again.
    """
    node = next((pod.node for pod in pods if pod.node), None)
    if node is None:
        return None
    labels, names = node_labels.get(node, {}), augmentation_class.spec.instance_labels
    return Placement(
        placement=augmentation_class.spec.placement_at(placement_index(job)).name,
        rung=placement_index(job),
        tried_since=job.status.placement.tried_since if job.status.placement else None,
        node=node,
        instance_type=labels.get(names.instance_type),
        region=labels.get(names.region),
        zone=labels.get(names.zone),
        accelerator=labels.get(names.accelerator),
    )


def _on_rung(rung: int, augmentation_class: AugmentationClass, now: datetime) -> Placement:
    return Placement(placement=augmentation_class.spec.placement_at(rung).name, rung=rung, tried_since=now)
