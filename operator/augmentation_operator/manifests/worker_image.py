"""The image of a phase's pods: a small one, without torch, where the class has one and the phase makes no pixels."""

from dataclasses import dataclass

from augmentation_api import AugmentationClass, AugmentationJobSpec, PhaseName
from augmentation_api.vocabulary import OnBadEpisode


@dataclass(frozen=True)
class WorkerImage:
    """An image, and the field of the class that names it."""

    reference: str
    field: str


def worker_image(spec: AugmentationJobSpec, augmentation_class: AugmentationClass, phase: PhaseName) -> WorkerImage:
    """The image that a class gives for a phase of a job."""
    names = augmentation_class.spec
    if names.metadata_image is None or makes_pixels(spec, phase):
        return WorkerImage(names.image, "image")
    return WorkerImage(names.metadata_image, "metadataImage")


def makes_pixels(spec: AugmentationJobSpec, phase: PhaseName) -> bool:
    """Whether a phase transforms frames: resolve for a preview, and publish for that of a result whose first
    episodes were left out."""
    match phase:
        case PhaseName.RESOLVE:
            return spec.preview is not None
        case PhaseName.PUBLISH:
            return spec.on_bad_episode is OnBadEpisode.SKIP
        case _:
            return True
