"""Manifests and patches of the children, and the metadata that all have: name, labels, owner."""

from dataclasses import dataclass
from typing import Any

from augmentation_api import AugmentationJob, PhaseName
from augmentation_api.identifiers import LABEL_JOB_NAME, LABEL_JOB_UID, LABEL_PHASE
from augmentation_kube import Resource
from augmentation_operator.children.job import ANNOTATION_MIN_PARALLELISM, LABEL_QUEUE

Manifest = dict[str, Any]


def child_labels(job: AugmentationJob, phase: PhaseName | None = None) -> dict[str, str]:
    """Labels by which a child, and the pods it creates, are selected."""
    labels = {
        "app.kubernetes.io/managed-by": "augmentation-operator",
        LABEL_JOB_UID: job.metadata.uid,
        LABEL_JOB_NAME: job.metadata.name,
    }
    return labels | {LABEL_PHASE: phase} if phase else labels


def child_metadata(job: AugmentationJob, name: str, phase: PhaseName | None = None) -> Manifest:
    """The metadata of a child object, which the garbage collector deletes with its AugmentationJob."""
    return {
        "name": name,
        "namespace": job.metadata.namespace,
        "labels": child_labels(job, phase),
        "ownerReferences": [
            {
                "apiVersion": job.api_version,
                "kind": job.kind,
                "name": job.metadata.name,
                "uid": job.metadata.uid,
                "controller": True,
                # Foreground deletion of the job waits for it, and so for the pods.
                "blockOwnerDeletion": True,
            }
        ],
    }


@dataclass(frozen=True)
class Patch:
    """A JSON merge patch of one object in the namespace of its job."""

    resource: Resource
    name: str
    body: Manifest


def suspend_job(name: str, suspend: bool) -> Patch:
    """Stop the pods of a Job, or let it start them again."""
    return Patch(Resource.JOBS, name, {"spec": {"suspend": suspend}})


def scale_job(name: str, parallelism: int, least: int | None) -> Patch:
    """Change how many pods of a Job run concurrently, and with how many Kueue may start it (None: only with all)."""
    annotations = {ANNOTATION_MIN_PARALLELISM: str(least) if least else None}
    return Patch(Resource.JOBS, name, {"metadata": {"annotations": annotations}, "spec": {"parallelism": parallelism}})


def queue_job(name: str, queue: str) -> Patch:
    """Put a Job into a LocalQueue of Kueue."""
    return Patch(Resource.JOBS, name, {"metadata": {"labels": {LABEL_QUEUE: queue}}})
