"""Perspective: the four corners of the view move."""

from typing import Any

from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.geometric_transform import GeometricTransform
from augmentation_worker.transforms.homography import Homography, quadrilateral
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval

_DEFAULTS = spec.Perspective()
CORNERS = {"top_left": (0, 0), "top_right": (1, 0), "bottom_right": (1, 1), "bottom_left": (0, 1)}
"""Of the frame, as fractions of its width and height."""


class Perspective(GeometricTransform):
    """Moves each corner of the view by up to the distortion, in either direction.

    Args:
        distortion: range of how far a corner moves at most, percent of the frame's sides.
        border: `edge` or `black`: what is shown beyond the source.
        drift: how far the corners wander over an episode, fraction of the sampled distortion; 0 is constant.
        random: where the values come from. Default: torch's global generator.
    """

    def __init__(
        self,
        distortion: Interval = _DEFAULTS.distortion.bounds,
        border: str = _DEFAULTS.border,
        drift: float = _DEFAULTS.drift,
        *,
        random: KeyedRandom | None = None,
    ) -> None:
        super().__init__(border, drift, random=random)
        self.distortion = distortion

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`geometry`. Sampled: the distortion; x and y of the corners from top left clockwise; the key of the drift."""
        distortion = self._uniform(*self.distortion) / 100
        ranges = ((-distortion, distortion),) * (2 * len(CORNERS))
        return self._geometry(tuple(self._uniform(*each) for each in ranges), ranges)

    @override
    def homography(self, values: tuple[float, ...], height: int, width: int) -> Homography:
        moved = [(x + values[2 * place], y + values[2 * place + 1]) for place, (x, y) in enumerate(CORNERS.values())]
        return quadrilateral(moved, height, width)

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        values = params["geometry"].values
        names = [f"{corner}_{axis}_percent" for corner in CORNERS for axis in "xy"]
        # Records are short: a ten-thousandth of a percent is less than a hundredth of a pixel.
        described = {name: round(100 * value, 4) for name, value in zip(names, values, strict=True)}
        return {**described, **self._described_drift()}
