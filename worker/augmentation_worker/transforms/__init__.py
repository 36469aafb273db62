"""How pixels change: transforms drawn once an episode, the same on every device."""

from augmentation_worker.transforms.lighting import Lighting, LightingParameters
from augmentation_worker.transforms.pipeline import (
    IMPLEMENTED_TRANSFORMS,
    EpisodeTransform,
    draw_pipeline,
    transforms_of_copies,
)

__all__ = [
    "IMPLEMENTED_TRANSFORMS",
    "EpisodeTransform",
    "Lighting",
    "LightingParameters",
    "draw_pipeline",
    "transforms_of_copies",
]
