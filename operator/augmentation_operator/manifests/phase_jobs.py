"""The batch/v1 Jobs of the three phases that run pods: resolve, augment (one index per shard), publish."""

from augmentation_api import AugmentationClass, AugmentationJob, PhaseName
from augmentation_api.failure import PERMANENT_EXIT_CODES
from augmentation_api.identifiers import phase_job_name
from augmentation_api.pod_container import WORKER_CONTAINER
from augmentation_operator.children.job import (
    ANNOTATION_MIN_PARALLELISM,
    LABEL_QUEUE,
    LABEL_WORKLOAD_PRIORITY,
    attempt_of,
    placement_index,
)
from augmentation_operator.manifests.manifest import Manifest, child_metadata
from augmentation_operator.manifests.worker_pod import worker_pod

# Kubernetes itself retries pods by this policy: an evicted or preempted pod does not count, a permanent failure fails
# the Job at once, and any other failure is retried with backoff up to the limit.
_POD_FAILURE_POLICY = {
    "rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {
            "action": "FailJob",
            "onExitCodes": {
                "containerName": WORKER_CONTAINER,
                "operator": "In",
                "values": list(PERMANENT_EXIT_CODES),
            },
        },
    ]
}


def augment_job(
    job: AugmentationJob, augmentation_class: AugmentationClass, shard_count: int, queue: str | None = None
) -> Manifest:
    """The Indexed Job that writes the augmented episodes, one index per shard.

    Only this Job waits in a queue of Kueue: the other two take a CPU for seconds, and should not wait for accelerators.

    Args:
        queue: the LocalQueue of Kueue; None: none.
    """
    metadata = _metadata(job, PhaseName.AUGMENT)
    parallelism = parallelism_of(job, augmentation_class, shard_count)
    if queue:
        metadata["labels"][LABEL_QUEUE] = queue
        if least := least_parallelism(augmentation_class, parallelism):
            metadata["annotations"] = {ANNOTATION_MIN_PARALLELISM: str(least)}
    # Not only with a queue: a LocalQueue `default` takes Jobs that name none.
    priority = job.spec.workload_priority_class_name or augmentation_class.spec.workload_priority_class_name
    if priority:
        metadata["labels"][LABEL_WORKLOAD_PRIORITY] = priority
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            # Kueue starts it. Its webhook would suspend it too, if it is installed.
            **({"suspend": True} if queue else {}),
            "completionMode": "Indexed",
            "completions": shard_count,
            "parallelism": parallelism,
            "backoffLimitPerIndex": job.spec.backoff_limit_per_shard,
            # One failed shard means no result: the others need not continue.
            "maxFailedIndexes": 0,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": _POD_FAILURE_POLICY,
            "template": worker_pod(job, augmentation_class, PhaseName.AUGMENT, shard_count),
        },
    }


def parallelism_of(job: AugmentationJob, augmentation_class: AugmentationClass, shard_count: int) -> int:
    """How many shards of a job may run concurrently."""
    limit = augmentation_class.spec.limits.max_parallelism
    return min(job.spec.parallelism or shard_count, shard_count, limit)


def least_parallelism(augmentation_class: AugmentationClass, parallelism: int) -> int | None:
    """With how many concurrent shards Kueue may start a job, at least; None: only with all."""
    least = augmentation_class.spec.min_parallelism
    return least if least < parallelism else None


def single_pod_job(
    job: AugmentationJob, augmentation_class: AugmentationClass, phase: PhaseName, shard_count: int
) -> Manifest:
    """The Job of resolve, which pins and validates the source, or of publish, which merges and commits the results.

    Args:
        shard_count: 0 for resolve, which computes what it depends on.
    """
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(job, phase),
        "spec": {
            "backoffLimit": job.spec.backoff_limit_per_shard,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": _POD_FAILURE_POLICY,
            "template": worker_pod(job, augmentation_class, phase, shard_count),
        },
    }


def _metadata(job: AugmentationJob, phase: PhaseName) -> Manifest:
    placement = placement_index(job) if phase == PhaseName.AUGMENT else 0
    name = phase_job_name(job.metadata.name, job.metadata.uid, phase, attempt_of(job), placement)
    return child_metadata(job, name, phase)
