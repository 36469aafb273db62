"""The attempt and the placement of a job: both are part of the names of its Jobs."""

from augmentation_api import AugmentationJob


def attempt_of(job: AugmentationJob) -> int:
    """The current attempt of a job: the recorded one, or the one it begins with."""
    if job.status.state is None:
        return job.spec.attempt
    return job.status.attempt or 0


def placement_index(job: AugmentationJob) -> int:
    """Index of the current placement among those of the class."""
    return (job.status.placement.rung or 0) if job.status.placement else 0
