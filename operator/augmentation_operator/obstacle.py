"""What keeps pods from starting: told at once, and given up on where waiting cannot help."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from augmentation_api import FailureReason
from augmentation_operator.observation import ChildPod

IMAGE_PULL_DEADLINE = timedelta(seconds=120)
"""How long a pod may fail to pull its image before the job fails: long enough for a registry to restart."""


@dataclass(frozen=True)
class Obstacle:
    """Why a pod does not start: a CamelCase reason, and a message that names cause and fix."""

    pod: ChildPod
    reason: str
    message: str

    @property
    def is_image(self) -> bool:
        """Whether its image cannot be pulled."""
        return self.reason == FailureReason.IMAGE_PULL_FAILED

    @property
    def is_final(self) -> bool:
        """Whether no waiting can help."""
        return self.pod.pull_problem == "InvalidImageName"


def gravest_obstacle(pods: Sequence[ChildPod], image: str) -> Obstacle | None:
    """The obstacle to tell of: an image before a container before a node, and of each the oldest pod's."""
    for pod in pods:
        if pod.pull_problem:
            return Obstacle(pod, FailureReason.IMAGE_PULL_FAILED, _image_pull_message(pod, image))
    for pod in pods:
        if pod.config_problem:
            return Obstacle(pod, "PodNotStarted", f"pod {pod.name} cannot start: {pod.config_problem}")
    for pod in pods:
        if pod.unschedulable and not pod.is_over:
            return Obstacle(pod, "Unschedulable", f"waiting for a node: {pod.unschedulable}")
    return None


def _image_pull_message(pod: ChildPod, image: str) -> str:
    return (
        f"the worker image {image} cannot be pulled ({pod.pull_message or pod.pull_problem}): correct spec.image of "
        "the AugmentationClass, or its imagePullSecrets"
    )
