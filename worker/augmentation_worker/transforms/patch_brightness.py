"""Patch brightness: soft patches of the scene are darker or brighter, and stand still over an episode."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.frames import Frames
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval, KeyedTransform
from augmentation_worker.transforms.mask import fixed_point, multiply
from augmentation_worker.transforms.once_per_size import OncePerSize

_DEFAULTS = spec.PatchBrightness()


@dataclass(frozen=True)
class BrightnessPatch:
    """One patch. Fractions of the frame, so that what is sampled does not depend on the resolution.

    Attributes:
        left, top: its middle, 0 to 1 from the first to the last pixel.
        sigma: standard deviation of its gaussian outline, of the width across and of the height down.
        factor: what the values in its middle are multiplied by.
    """

    left: float
    top: float
    sigma: float
    factor: float

    def factors(self, height: int, width: int) -> NDArray[np.float64]:
        """float64 [height, width]: what each pixel is multiplied by, 1 far away."""
        across = np.exp(-((_places(width) - self.left) ** 2) / (2 * self.sigma**2))
        down = np.exp(-((_places(height) - self.top) ** 2) / (2 * self.sigma**2))
        return 1 + (self.factor - 1) * np.multiply.outer(down, across)


@dataclass(frozen=True)
class BrightnessPatches:
    """The patches sampled for one copy of an episode."""

    patches: tuple[BrightnessPatch, ...]

    @cached_property
    def factors(self) -> OncePerSize[NDArray[np.int32]]:
        """By height and width, int32 [height, width]: what each pixel is multiplied by; 65536 is one."""
        return OncePerSize(self._mask)

    def _mask(self, height: int, width: int) -> NDArray[np.int32]:
        factors = np.ones((height, width))
        for patch in self.patches:
            factors *= patch.factors(height, width)
        return fixed_point(factors)


def _places(count: int) -> NDArray[np.float64]:
    return np.arange(count) / max(1, count - 1)


class PatchBrightness(KeyedTransform):
    """Multiplies the frame by soft patches, as LeRobot's GaussianPatchBrightness does.

    Args:
        patches: range of their number.
        sigma: range of the standard deviation of a patch, fraction of the frame's sides.
        factor: range of what the values in the middle of a patch are multiplied by.
        random: where the values come from. Default: torch's global generator.
    """

    def __init__(
        self,
        patches: tuple[int, int] = _DEFAULTS.patches.bounds,
        sigma: Interval = _DEFAULTS.sigma.bounds,
        factor: Interval = _DEFAULTS.factor.bounds,
        *,
        random: KeyedRandom | None = None,
    ) -> None:
        super().__init__(random)
        self.patches = patches
        self.sigma = sigma
        self.factor = factor

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`patches` (BrightnessPatches). Sampled: their number; then per patch its left, top, sigma and factor."""
        count = self._integer(*self.patches)
        return {"patches": BrightnessPatches(tuple(self._patch() for _ in range(count)))}

    @override
    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        return multiply(frames, params["patches"].factors(*frames.shape[-2:]))

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        patches: tuple[BrightnessPatch, ...] = params["patches"].patches
        factors = [patch.factor for patch in patches]
        return {"patches": len(patches), "darkest_factor": min(factors), "brightest_factor": max(factors)}

    def _patch(self) -> BrightnessPatch:
        left, top = self._uniform(0, 1), self._uniform(0, 1)
        return BrightnessPatch(left, top, self._uniform(*self.sigma), self._uniform(*self.factor))
