"""Patches of existing objects."""

from dataclasses import dataclass

from augmentation_kube import Resource
from augmentation_operator.children.job import LABEL_QUEUE
from augmentation_operator.manifests.ownership import Manifest


@dataclass(frozen=True)
class Patch:
    """A JSON merge patch of one object in the namespace of its job."""

    resource: Resource
    name: str
    body: Manifest


def suspend_job(name: str, suspend: bool) -> Patch:
    """Stop the pods of a Job, or let it start them again."""
    return Patch(Resource.JOBS, name, {"spec": {"suspend": suspend}})


def queue_job(name: str, queue: str) -> Patch:
    """Put a Job into a LocalQueue of Kueue."""
    return Patch(Resource.JOBS, name, {"metadata": {"labels": {LABEL_QUEUE: queue}}})
