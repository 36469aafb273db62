"""Shadow: a part of the scene is darker, behind a straight soft edge that stands still over an episode."""

from dataclasses import dataclass
from functools import cached_property
from math import cos, radians, sin
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.cpu import kernels
from augmentation_worker.transforms.frames import Frames
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval, KeyedTransform
from augmentation_worker.transforms.mask import multiply
from augmentation_worker.transforms.once_per_size import OncePerSize

_DEFAULTS = spec.Shadow()
_MIDDLE = (0.2, 0.8)
"""Where in the frame the edge goes through, as fractions: a shadow of everything or of nothing would be no shadow."""


@dataclass(frozen=True)
class ShadowParameters:
    """A shadow as sampled for one copy of an episode.

    Attributes:
        strength_percent: how much darker the shaded part is.
        softness: width of the edge, fraction of the frame's diagonal.
        angle_degrees: direction in which the shadow lies, 0 to 360: 0 is right, 90 up.
        left, top: a point of the edge, fractions of the frame.
    """

    strength_percent: float
    softness: float
    angle_degrees: float
    left: float
    top: float

    @cached_property
    def factors(self) -> OncePerSize[NDArray[np.int32]]:
        """The mask by height and width."""
        return OncePerSize(self.mask)

    def mask(self, height: int, width: int) -> NDArray[np.int32]:
        """int32 [height, width]: what each pixel is multiplied by; 65536 is one.

        Across the edge the light falls by the smoothstep 3t² - 2t³.
        """
        angle = radians(self.angle_degrees)
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
        along = (columns - self.left * width) * cos(angle) - (rows - self.top * height) * sin(angle)
        edge = max(1.0, self.softness * float(np.hypot(height, width)))
        depth = np.clip(along / edge + 0.5, 0, 1)
        shade = depth * depth * (3 - 2 * depth) * self.strength_percent / 100
        mask: NDArray[np.int32] = np.floor((1 - shade) * (1 << kernels.MASK_BITS) + 0.5).astype(np.int32)
        return mask


class Shadow(KeyedTransform):
    """Darkens one side of a straight soft edge.

    The light that casts it is the scene's: strength, softness and direction. Where the edge goes through a frame
    depends on where the camera looks, which nobody knows here: that is each camera's own.

    Args:
        strength: range of how much darker the shaded part is, percent.
        softness: range of the edge's width, fraction of the frame's diagonal.
        random: where the values come from. Default: torch's global generator.
    """

    of_scene: ClassVar[bool] = True

    def __init__(
        self,
        strength: Interval = _DEFAULTS.strength.bounds,
        softness: Interval = _DEFAULTS.softness.bounds,
        *,
        random: KeyedRandom | None = None,
    ) -> None:
        super().__init__(random)
        self.strength = strength
        self.softness = softness

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`shadow` (ShadowParameters). Sampled in the order of its attributes."""
        return {
            "shadow": ShadowParameters(
                self._uniform(*self.strength),
                self._uniform(*self.softness),
                self._uniform(0, 360),
                self._uniform_of_camera(*_MIDDLE),
                self._uniform_of_camera(*_MIDDLE),
            )
        }

    @override
    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        return multiply(frames, params["shadow"].factors(*frames.shape[-2:]))

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        shadow: ShadowParameters = params["shadow"]
        return {
            "strength_percent": shadow.strength_percent,
            "softness_percent": 100 * shadow.softness,
            "angle_degrees": shadow.angle_degrees,
        }
