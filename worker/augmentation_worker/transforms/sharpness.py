"""Sharpness, the same for every frame of an episode: what distinguishes a pixel from its surroundings, scaled."""

from typing import Any

import numpy as np
import torch
from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms import kernels
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval, KeyedTransform

_DEFAULTS = spec.Sharpness()
_WEIGHTS = 13  # of 3x3 pixels, of which the middle one counts five times


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
    def apply(self, frames: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        gain = gain_of(params["factor"])
        if frames.device.type != "cpu":
            return sharpen_in_torch(frames, gain)
        values = frames.contiguous().numpy()
        result = np.empty_like(values)
        kernels.sharpen(values, result, np.int32(gain))
        return torch.from_numpy(result)

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        return {"factor": params["factor"]}


def gain_of(factor: float) -> int:
    """What is added of the detail, as a fixed-point number of which 65536 is one: factor - 1."""
    return round((factor - 1) * (1 << kernels.SHARPNESS_BITS))


def sharpen_in_torch(frames: torch.Tensor, gain: int) -> torch.Tensor:
    """The twin of kernels.sharpen in plain torch, for any device."""
    result = frames.clone(memory_format=torch.contiguous_format)
    height, width = frames.shape[-2:]
    if height < 3 or width < 3:
        return result
    values = frames.to(torch.int32)
    middle = values[..., 1:-1, 1:-1]
    square = sum(
        values[..., row : height - 2 + row, column : width - 2 + column] for row in range(3) for column in range(3)
    )
    exact = middle * (_WEIGHTS << kernels.SHARPNESS_BITS) + gain * (9 * middle - square)
    rounded = exact.clamp_(min=0) + (_WEIGHTS << (kernels.SHARPNESS_BITS - 1))
    sharpened = torch.div(rounded, _WEIGHTS << kernels.SHARPNESS_BITS, rounding_mode="floor")
    result[..., 1:-1, 1:-1] = sharpened.clamp_(max=255).to(torch.uint8)
    return result
