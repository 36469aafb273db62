"""The contract of the project: the AugmentationJob and AugmentationClass resources and the words they use.

Plain data and plain functions; no I/O. Every other part imports it, and it imports none of them.
"""

from augmentation_api.augmentation_class import AugmentationClassSpec, ClassPlacement
from augmentation_api.failure import FailureReason
from augmentation_api.resource import AugmentationClass, AugmentationJob, ObjectMeta
from augmentation_api.spec import Augmentation, AugmentationJobSpec, Output, Source
from augmentation_api.status import AugmentationJobStatus
from augmentation_api.transforms import TransformName
from augmentation_api.vocabulary import AugmentationType, ConditionType, PhaseName, PhaseStatus, State

__all__ = [
    "Augmentation",
    "AugmentationClass",
    "AugmentationClassSpec",
    "AugmentationJob",
    "AugmentationJobSpec",
    "AugmentationJobStatus",
    "AugmentationType",
    "ClassPlacement",
    "ConditionType",
    "FailureReason",
    "ObjectMeta",
    "Output",
    "PhaseName",
    "PhaseStatus",
    "Source",
    "State",
    "TransformName",
]
