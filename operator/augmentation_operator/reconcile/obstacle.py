"""What keeps pods from starting: reported at once, and a failure where waiting does not help."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from augmentation_api import FailureReason
from augmentation_operator.children.job import ChildJob
from augmentation_operator.children.pod import ChildPod
from augmentation_operator.kubernetes_messages import exceeds_quota
from augmentation_operator.reconcile.observation import Observation

IMAGE_PULL_DEADLINE = timedelta(seconds=120)
"""How long a pod may fail to pull its image before the job fails: long enough for a registry to restart."""
PODS_REFUSED = "PodsRefused"
QUIET = timedelta(seconds=8)
"""How long a Job or pod may be stuck without a reason before its warning Events are read."""


@dataclass(frozen=True)
class Obstacle:
    """Why a pod does not start, or (no `pod`) why there is none: a CamelCase reason, a message with cause and fix."""

    reason: str
    message: str
    pod: ChildPod | None = None


def stuck_without_reason(seen: Observation, now: datetime) -> list[ChildJob | ChildPod]:
    """Jobs without pods, and the oldest pod that does not start, where their own status gives no reason."""
    jobs: list[ChildJob | ChildPod] = [
        child
        for child in seen.jobs.values()
        if not child.is_finished and not child.suspended and not seen.pods_of(child.phase) and _is_old(child, now)
    ]
    waiting = (
        pod
        for pod in seen.pods
        if pod.node and not pod.started_at and not pod.is_finished and not pod.pull_problem and not pod.config_problem
    )
    return [*jobs, *(pod for pod in list(waiting)[:1] if _is_old(pod, now))]


def _is_old(child: ChildJob | ChildPod, now: datetime) -> bool:
    return child.created_at is not None and now - child.created_at >= QUIET


def gravest_obstacle(
    child: ChildJob | None, pods: Sequence[ChildPod], seen: Observation, image: str
) -> Obstacle | None:
    """The obstacle to report: an image before a container before a quota before a node; of each the oldest pod's."""
    return next(_obstacles(child, pods, seen, image), None)


def _obstacles(child: ChildJob | None, pods: Sequence[ChildPod], seen: Observation, image: str) -> Iterator[Obstacle]:
    for pod in pods:
        if pod.pull_problem:
            yield Obstacle(FailureReason.IMAGE_PULL_FAILED, _image_pull_message(pod, image), pod)
    for pod in pods:
        if pod.config_problem:
            yield Obstacle("PodNotStarted", f"pod {pod.name} cannot start: {pod.config_problem}", pod)
    for pod in pods:
        if pod.name in seen.warnings:
            yield Obstacle("PodNotStarted", f"pod {pod.name} cannot start: {seen.warnings[pod.name]}", pod)
    if child is not None and child.name in seen.warnings:
        yield _no_pods(seen.warnings[child.name])
    for pod in pods:
        if pod.unschedulable and not pod.is_finished:
            yield Obstacle("Unschedulable", f"waiting for a node: {pod.unschedulable}", pod)


def _no_pods(warning: str) -> Obstacle:
    if exceeds_quota(warning):
        return Obstacle(
            "QuotaExceeded",
            f"waiting for quota of the namespace: {warning}. Raise the ResourceQuota, or wait until other pods "
            "have ended",
        )
    return Obstacle(PODS_REFUSED, f"Kubernetes creates no pods for this job: {warning}")


def _image_pull_message(pod: ChildPod, image: str) -> str:
    return (
        f"the worker image {image} cannot be pulled ({pod.pull_message or pod.pull_problem}): correct spec.image of "
        "the AugmentationClass, or its imagePullSecrets"
    )
