"""The image of a phase's pods: the class's `image`, or its `cudaImage` where they ask for a GPU."""

from dataclasses import dataclass

from augmentation_api import AugmentationClass, AugmentationJob, PhaseName
from augmentation_api.accelerators import count_accelerators
from augmentation_api.augmentation_class import AugmentationClassSpec, ClassPlacement
from augmentation_operator.children.job import placement_index


@dataclass(frozen=True)
class WorkerImage:
    """An image, and the field of the class that names it."""

    reference: str
    field: str


def worker_image(job: AugmentationJob, augmentation_class: AugmentationClass, phase: PhaseName) -> WorkerImage:
    """The image that a class gives for a phase of a job, at the placement where the job is."""
    spec = augmentation_class.spec
    on_gpu = phase == PhaseName.AUGMENT and asks_for_gpu(spec, spec.placement_at(placement_index(job)))
    if on_gpu and spec.cuda_image is not None:
        return WorkerImage(spec.cuda_image, "cudaImage")
    return WorkerImage(spec.image, "image")


def asks_for_gpu(spec: AugmentationClassSpec, placement: ClassPlacement) -> bool:
    """Whether augment pods get an accelerator at a placement: by their resources, or by a claim of devices."""
    resources = placement.resources or spec.resources
    claims = spec.pod_template.resource_claims if spec.pod_template is not None else []
    return bool(claims) or count_accelerators(resources.model_dump()) > 0
