"""Full disks: which one is full decides what helps."""

import errno

from augmentation_api import FailureReason
from augmentation_worker.failure import WorkerFailure


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised from, is that of a full disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False


def scratch_full() -> WorkerFailure:
    """The scratch folder is full."""
    return WorkerFailure(
        FailureReason.STORAGE_EXHAUSTED,
        "the pod's scratch space is full: raise scratchSize in the AugmentationClass, or augment fewer frames per "
        "shard (framesPerShard)",
    )


def output_full(name: str) -> WorkerFailure:
    """The place of the result is full."""
    return WorkerFailure(
        FailureReason.STORAGE_EXHAUSTED,
        f"the result does not fit into {name}: there is no space left; make space there, or publish somewhere else "
        "(spec.output)",
    )
