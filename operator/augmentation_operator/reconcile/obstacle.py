"""What keeps pods from starting: reported at once, and a failure where waiting does not help."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from augmentation_api import FailureReason, PhaseName
from augmentation_operator.children.job import ChildJob
from augmentation_operator.children.other_container import PULL_PROBLEMS, OtherContainer
from augmentation_operator.children.pod import ChildPod
from augmentation_operator.kubernetes_messages import exceeds_quota, limited_resources, missing_resources
from augmentation_operator.manifests.worker_image import WorkerImage, worker_image
from augmentation_operator.reconcile.observation import Observation
from augmentation_operator.reconcile.step import Situation

IMAGE_PULL_DEADLINE = timedelta(seconds=120)
"""How long a pod may fail to pull its image before the job fails: long enough for a registry to restart."""
PODS_REFUSED = "PodsRefused"
SIDECAR_GRACE = timedelta(seconds=30)
"""How long other containers of a pod may take to end after the worker."""
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


def gravest_obstacle(situation: Situation, phase: PhaseName) -> Obstacle | None:
    """The obstacle to report: an image before a container before a quota before a node; of each the oldest pod's."""
    return next(_obstacles(situation, phase), None)


def _obstacles(situation: Situation, phase: PhaseName) -> Iterator[Obstacle]:
    child, seen, now = situation.child(phase), situation.seen, situation.now
    pods = seen.pods_of(phase)
    yield from _of_containers(pods, worker_image(situation.job, situation.augmentation_class, phase))
    for pod in pods:
        if pod.name in seen.warnings:
            yield Obstacle("PodNotStarted", f"pod {pod.name} cannot start: {seen.warnings[pod.name]}", pod)
    if child is not None and child.name in seen.warnings:
        yield _no_pods(seen.warnings[child.name], phase, situation.augmentation_class.metadata.name)
    for pod in pods:
        if pod.unschedulable and not pod.is_finished:
            yield Obstacle("Unschedulable", f"waiting for a node: {pod.unschedulable}", pod)
    for pod in pods:
        if pod.lasting and now - (pod.finished_at or now) >= SIDECAR_GRACE:
            yield _lasting(pod)


def _of_containers(pods: Sequence[ChildPod], image: WorkerImage) -> Iterator[Obstacle]:
    for pod in pods:
        if pod.pull_problem:
            yield Obstacle(FailureReason.IMAGE_PULL_FAILED, _image_pull_message(pod, image), pod)
    for pod in pods:
        if pod.blocked is not None:
            yield _blocked(pod, pod.blocked)
    for pod in pods:
        if pod.config_problem:
            yield Obstacle("PodNotStarted", f"pod {pod.name} cannot start: {pod.config_problem}", pod)


def _blocked(pod: ChildPod, other: OtherContainer) -> Obstacle:
    """A problem of another container. The worker may run without it: then the pod does not end, but nothing fails."""
    where = "correct it where it comes from, podTemplate of the AugmentationClass or a webhook of the cluster"
    said = f"({other.message or other.reason})"
    if other.reason not in PULL_PROBLEMS:
        message = f"the container {other.name} of pod {pod.name}, which is not the worker's, does not start {said}"
        return Obstacle("SidecarNotStarted", f"{message}: {where}", pod)
    message = (
        f"the image {other.image} of the container {other.name}, which is not the worker's, cannot be pulled {said}"
    )
    reason = FailureReason.IMAGE_PULL_FAILED if pod.started_at is None else "SidecarNotStarted"
    return Obstacle(reason, f"{message}: {where}", pod)


def _lasting(pod: ChildPod) -> Obstacle:
    names = ", ".join(pod.lasting)
    ended = pod.termination
    how = "has failed" if ended is not None and ended.exit_code else "is done"
    return Obstacle(
        "SidecarRunning",
        f"the worker of pod {pod.name} {how}, but the container {names} keeps the pod from ending: make it a native "
        "sidecar (an init container with restartPolicy Always; of Istio, ENABLE_NATIVE_SIDECARS), or keep it out of "
        "the job's pods with an annotation or label in podTemplate of the AugmentationClass (of Istio, the label "
        'sidecar.istio.io/inject: "false")',
        pod,
    )


def _no_pods(warning: str, phase: PhaseName, class_name: str) -> Obstacle:
    fields = ", ".join(
        f"{_resources_field(phase)}.{field}" for field in missing_resources(warning) or limited_resources(warning)
    )
    fix = f". Set {fields} of the AugmentationClass {class_name}" if fields else ""
    if exceeds_quota(warning):
        return Obstacle(
            "QuotaExceeded",
            f"waiting for quota of the namespace: {warning}. Raise the ResourceQuota, or wait until other pods "
            "have ended",
        )
    return Obstacle(PODS_REFUSED, f"Kubernetes creates no pods for this job: {warning}{fix}")


def _resources_field(phase: PhaseName) -> str:
    return "resources" if phase == PhaseName.AUGMENT else "metadataResources"


def _image_pull_message(pod: ChildPod, image: WorkerImage) -> str:
    return (
        f"the worker image {image.reference} cannot be pulled ({pod.pull_message or pod.pull_problem}): correct "
        f"spec.{image.field} of the AugmentationClass, or its imagePullSecrets, which are Secrets in the job's "
        "namespace"
    )
