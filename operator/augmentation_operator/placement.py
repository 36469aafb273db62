"""Where the work runs: the rung of the class's ladder, and what the node's labels say of it."""

from collections.abc import Mapping

from augmentation_api import AugmentationClass
from augmentation_api.status import Placement
from augmentation_operator.observation import ChildPod


def placement_of(
    augmentation_class: AugmentationClass, pods: tuple[ChildPod, ...], node_labels: Mapping[str, Mapping[str, str]]
) -> Placement | None:
    """Placement of the first augment pod that has a node; None while none has.

    A pod's node is shown even before its labels are known, or if the node is gone again.
    """
    node = next((pod.node for pod in pods if pod.node), None)
    if node is None:
        return None
    labels, names = node_labels.get(node, {}), augmentation_class.spec.instance_labels
    return Placement(
        placement=augmentation_class.spec.placements[0].name,
        node=node,
        instance_type=labels.get(names.instance_type),
        region=labels.get(names.region),
        zone=labels.get(names.zone),
        accelerator=labels.get(names.accelerator),
    )
