"""The version of the keys by which values are sampled: what a seed means. Plain data: no torch.

A job keeps the version of the release that resolved it, and a result that by which it was made: both mean the same
pixels for ever.
"""

from typing import Final

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_api.vocabulary import AcrossCameras
from augmentation_worker.failure import WorkerFailure

KEY_VERSION: Final = 2
"""1: every camera samples for itself. 2: what belongs to the scene is sampled for all its cameras, unless
`acrossCameras` is independent, which is version 1."""
FIRST_KEY_VERSION: Final = 1
"""Of what says none: releases before there were two."""


def effective_spec(spec: AugmentationJobSpec, key_version: int) -> AugmentationJobSpec:
    """A spec with everything said that its augmentation left out, as a release with this version of the keys meant it.

    Raises:
        WorkerFailure: SPEC_UNSUPPORTED for a version of a later release.
    """
    if not FIRST_KEY_VERSION <= key_version <= KEY_VERSION:
        raise WorkerFailure(
            FailureReason.SPEC_UNSUPPORTED,
            f"keyVersion {key_version}: this release samples by versions {FIRST_KEY_VERSION} to {KEY_VERSION}; use the "
            "release that resolved the job or made the result, or a later one",
        )
    augmentation = spec.augmentation
    if key_version == FIRST_KEY_VERSION:
        augmentation = augmentation.model_copy(update={"across_cameras": AcrossCameras.INDEPENDENT})
    return spec.model_copy(update={"augmentation": augmentation.effective})
