"""Sharpness, the same for every frame of an episode: what distinguishes a pixel from its surroundings, scaled."""

from typing import Any

import numpy as np
from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.cpu import kernels
from augmentation_worker.transforms.frames import Frames
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval, KeyedTransform

_DEFAULTS = spec.Sharpness()


class Sharpness(KeyedTransform):
    """Softens or sharpens, as torchvision's adjust_sharpness and Pillow's ImageEnhance.Sharpness do.

    Args:
        factor: range of the factor on the detail: 0 is blurred, 1 unchanged, 2 twice as sharp.
        random: where the values come from. Default: torch's global generator.
    """

    def __init__(self, factor: Interval = _DEFAULTS.factor.bounds, *, random: KeyedRandom | None = None) -> None:
        super().__init__(random)
        self.factor = factor

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`factor`."""
        return {"factor": self._uniform(*self.factor)}

    @override
    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        gain = gain_of(params["factor"])
        if not isinstance(frames, np.ndarray):
            from augmentation_worker.transforms.kernels_in_torch import sharpen_in_torch  # noqa: PLC0415 (torch)

            return sharpen_in_torch(frames, gain)
        values = np.ascontiguousarray(frames)
        result = np.empty_like(values)
        kernels.sharpen(values, result, np.int32(gain))
        return result

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        return {"factor": params["factor"]}


def gain_of(factor: float) -> int:
    """What is added of the detail, as a fixed-point number of which 65536 is one: factor - 1."""
    return round((factor - 1) * (1 << kernels.SHARPNESS_BITS))
