"""Hue and saturation, the same for every frame of an episode; brightness stays."""

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

_DEFAULTS = spec.HueSaturation()

RGB_TO_YIQ = np.array(
    [[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]], dtype=np.float64
)
"""Luma and the two axes of colour: FCC NTSC standard, 47 CFR 73.682(a)(20)."""


def color_matrix(hue_degrees: float, saturation_percent: float) -> NDArray[np.int32]:
    """int32 [3, 3], 16384 is one: colours turned about the axis of greys and stretched away from it.

    In YIQ the angle of (I, Q) is the hue and its length the saturation; luma Y stays. Each row sums to exactly one, so
    that a grey stays the grey it was. Without a change of hue it is what torchvision's adjust_saturation does.
    """
    angle, stretch = radians(hue_degrees), 1 + saturation_percent / 100
    turn = np.array(
        [
            [1, 0, 0],
            [0, stretch * cos(angle), -stretch * sin(angle)],
            [0, stretch * sin(angle), stretch * cos(angle)],
        ]
    )
    exact = np.linalg.inv(RGB_TO_YIQ) @ turn @ RGB_TO_YIQ
    matrix: NDArray[np.int32] = np.floor(exact * (1 << kernels.MATRIX_BITS) + 0.5).astype(np.int32)
    matrix[np.diag_indices(3)] += (1 << kernels.MATRIX_BITS) - matrix.sum(axis=1, dtype=np.int32)
    return matrix


class HueSaturation(KeyedTransform):
    """Turns hues and changes saturation.

    Args:
        hue: range of the turn, degrees.
        saturation: range of the change, percent; -100 leaves greys.
        random: where the values come from. Default: torch's global generator.
    """

    of_scene: ClassVar[bool] = True

    def __init__(
        self,
        hue: Interval = _DEFAULTS.hue.bounds,
        saturation: Interval = _DEFAULTS.saturation.bounds,
        *,
        random: KeyedRandom | None = None,
    ) -> None:
        super().__init__(random)
        self.hue = hue
        self.saturation = saturation

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`hue_degrees`, `saturation_percent` and `matrix`. Sampled in that order."""
        hue, saturation = self._uniform(*self.hue), self._uniform(*self.saturation)
        return {"hue_degrees": hue, "saturation_percent": saturation, "matrix": color_matrix(hue, saturation)}

    @override
    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        matrix: NDArray[np.int32] = params["matrix"]
        if not isinstance(frames, np.ndarray):
            from augmentation_worker.transforms.kernels_in_torch import multiply_colors_in_torch  # noqa: PLC0415 (torch)

            return multiply_colors_in_torch(frames, matrix)
        values = np.ascontiguousarray(frames).reshape(*frames.shape[:2], -1)
        result = np.empty_like(values)
        kernels.multiply_colors(values, result, matrix)
        return result.reshape(frames.shape)

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        return {"hue_degrees": params["hue_degrees"], "saturation_percent": params["saturation_percent"]}
