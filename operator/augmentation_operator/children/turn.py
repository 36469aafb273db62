"""The attempt of a job, and which placement of its class it is on: both are part of the names of its Jobs."""

from augmentation_api import AugmentationJob


def attempt_of(job: AugmentationJob) -> int:
    """The attempt a job is in: the recorded one, or what it begins with."""
    if job.status.state is None:
        return job.spec.attempt
    return job.status.attempt or 0


def placement_index(job: AugmentationJob) -> int:
    """Which placement of its class a job is on, from 0."""
    return (job.status.placement.rung or 0) if job.status.placement else 0
