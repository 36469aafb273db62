"""Crop and resize: a part of the frame, resized to the whole."""

from math import sqrt
from typing import Any

from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.geometric_transform import GeometricTransform
from augmentation_worker.transforms.homography import Homography, crop
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval

_DEFAULTS = spec.CropResize()
_ANYWHERE = (0.0, 1.0)


class CropResize(GeometricTransform):
    """Shows a part of the frame at the size of the whole.

    Args:
        size: range of the crop's side, fraction of the frame's; its square is the crop's area.
        aspect: range of the crop's width over its height, compared with the frame's.
        drift: how far the sampled values wander over an episode, fraction of half their ranges; 0 is constant.
        random: where the values come from. Default: torch's global generator.
    """

    def __init__(
        self,
        size: Interval = _DEFAULTS.size.bounds,
        aspect: Interval = _DEFAULTS.aspect.bounds,
        drift: float = _DEFAULTS.drift,
        *,
        random: KeyedRandom | None = None,
    ) -> None:
        super().__init__(None, drift, random=random)
        self.size = size
        self.aspect = aspect

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`geometry`. Sampled in the order size, aspect, place across and down; then the key of the drift."""
        ranges = (self.size, self.aspect, _ANYWHERE, _ANYWHERE)
        return self._geometry(tuple(self._uniform(*each) for each in ranges), ranges)

    @override
    def homography(self, values: tuple[float, ...], height: int, width: int) -> Homography:
        return crop(*crop_box(values), height, width)

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        left, top, width, height = (100 * part for part in crop_box(params["geometry"].values))
        return {
            "left_percent": left,
            "top_percent": top,
            "width_percent": width,
            "height_percent": height,
            **self._described_drift(),
        }


def crop_box(values: tuple[float, ...]) -> tuple[float, float, float, float]:
    """Left, top, width and height of the crop, fractions of the frame. One that does not fit is made smaller."""
    size, aspect, across, down = values
    width, height = size * sqrt(aspect), size / sqrt(aspect)
    too_large = max(1.0, width, height)
    width, height = width / too_large, height / too_large
    return across * (1 - width), down * (1 - height), width, height
