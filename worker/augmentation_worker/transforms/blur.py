"""Blur, the same for every frame of an episode: motion blur along a line, or the gaussian that stands for defocus."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, cos, radians, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.cpu import blur_kernels
from augmentation_worker.transforms.frames import Frames
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval, KeyedTransform

KINDS = ("motion", "defocus")
_DEFAULTS = spec.Blur()
_REACH_IN_SIGMAS = 3.0  # where a gaussian's weights round to nothing
_LEAST_KERNEL = 3


@dataclass(frozen=True)
class BlurParameters:
    """Blur as sampled for one copy of an episode.

    Attributes:
        kind: motion or defocus.
        motion_length: length of the streak, pixels, odd.
        motion_angle_degrees: its direction, 0 to 180: 0 is horizontal, 90 vertical, counted counter-clockwise.
        defocus_sigma: standard deviation of the gaussian, pixels.
    """

    kind: str
    motion_length: int
    motion_angle_degrees: float
    defocus_sigma: float

    @cached_property
    def line(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Offsets (rows, columns) of the pixels on the streak: `motion_length` of them, one per pixel of its length.

        The streak goes through the pixel itself and is symmetric about it. Each weighs the same.
        """
        angle = radians(self.motion_angle_degrees)
        direction = np.array([-sin(angle), cos(angle)])
        steps = np.arange(self.motion_length) - self.motion_length // 2
        # Rounded half away from zero, which keeps the line symmetric.
        offsets = np.multiply.outer(steps, direction)
        rounded = np.copysign(np.floor(np.abs(offsets) + 0.5), offsets).astype(np.int64)
        return np.ascontiguousarray(rounded[:, 0]), np.ascontiguousarray(rounded[:, 1])

    def reciprocal(self) -> np.uint32:
        """1 / motion_length as a fixed-point number."""
        return np.uint32(round((1 << blur_kernels.RECIPROCAL_BITS) / self.motion_length))

    @cached_property
    def weights(self) -> NDArray[np.uint16]:
        """uint16 [reach + 1]: weights at distance 0, 1, 2, … of a gaussian; on both sides together they sum to 256."""
        reach = max(1, ceil(_REACH_IN_SIGMAS * self.defocus_sigma))
        exact = np.exp(-(np.arange(reach + 1) ** 2) / (2 * self.defocus_sigma**2))
        exact *= (1 << blur_kernels.KERNEL_BITS) / (exact[0] + 2 * exact[1:].sum())
        # Rounded so that sums come out right, not single weights: a wide gaussian's are only a few 256ths each.
        side = np.diff(np.floor(np.cumsum(exact[1:]) + 0.5), prepend=0.0)
        rounded = np.array([(1 << blur_kernels.KERNEL_BITS) - 2 * side.sum(), *side])
        last = int(np.flatnonzero(rounded)[-1])
        return rounded[: last + 1].astype(np.uint16)


class Blur(KeyedTransform):
    """Blurs; the borders of a frame are repeated outwards.

    Args:
        kind: `motion`, `defocus`, or `mixed` to sample one of them.
        motion_kernel: range of the streak's length, pixels; the sampled length is odd. Its angle is any.
        defocus_sigma: range of the gaussian's standard deviation, pixels.
        random: where the values come from. Default: torch's global generator.
    """

    def __init__(
        self,
        kind: str = _DEFAULTS.kind,
        motion_kernel: tuple[int, int] = _DEFAULTS.motion_kernel.bounds,
        defocus_sigma: Interval = _DEFAULTS.defocus_sigma.bounds,
        *,
        random: KeyedRandom | None = None,
    ) -> None:
        super().__init__(random)
        self.kind = kind
        self.motion_kernel = motion_kernel
        self.defocus_sigma = defocus_sigma

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`blur` (BlurParameters). Sampled in the order kind, length, angle, sigma; all of them, always."""
        kind = self._kind(self.kind, KINDS)
        low, high = self.motion_kernel
        # The odd numbers from the first one in the range; a range of one even number gives the odd one below it.
        first = max(_LEAST_KERNEL, low | 1 if low < high else (low - 1) | 1)
        length = first + 2 * self._integer(0, max(0, (high - first) // 2))
        blur = BlurParameters(kind, length, self._uniform(0, 180), self._uniform(*self.defocus_sigma))
        return {"blur": blur}

    @override
    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        blur: BlurParameters = params["blur"]
        if not isinstance(frames, np.ndarray):
            from augmentation_worker.transforms.kernels_in_torch import blur_in_torch  # noqa: PLC0415 (torch)

            return blur_in_torch(frames, blur)
        values = np.ascontiguousarray(frames)
        result = np.empty_like(values)
        if blur.kind == "motion":
            blur_kernels.average_along(values, result, *blur.line)
        else:
            blur_kernels.convolve_separably(values, result, blur.weights)
        return result

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        blur: BlurParameters = params["blur"]
        if blur.kind == "motion":
            return {
                "kind": blur.kind,
                "motion_length_pixels": blur.motion_length,
                "motion_angle_degrees": blur.motion_angle_degrees,
            }
        return {"kind": blur.kind, "defocus_sigma_pixels": blur.defocus_sigma}
