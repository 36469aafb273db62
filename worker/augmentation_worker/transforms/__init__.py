"""How pixels change: transforms drawn once an episode, the same on every device."""

from augmentation_worker.transforms.blur import Blur
from augmentation_worker.transforms.gamma import Gamma
from augmentation_worker.transforms.hue_saturation import HueSaturation
from augmentation_worker.transforms.jpeg import Jpeg
from augmentation_worker.transforms.lighting import Lighting, LightingParameters
from augmentation_worker.transforms.noise import Noise
from augmentation_worker.transforms.occlusion import Occlusion
from augmentation_worker.transforms.pipeline import EpisodeTransform, draw_pipeline
from augmentation_worker.transforms.shadow import Shadow

__all__ = [
    "Blur",
    "EpisodeTransform",
    "Gamma",
    "HueSaturation",
    "Jpeg",
    "Lighting",
    "LightingParameters",
    "Noise",
    "Occlusion",
    "Shadow",
    "draw_pipeline",
]
