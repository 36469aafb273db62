"""Affine: rotation, zoom and shift of the frame."""

from typing import Any

from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.geometric_transform import GeometricTransform
from augmentation_worker.transforms.homography import Homography, similarity
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval

_DEFAULTS = spec.Affine()


class Affine(GeometricTransform):
    """Turns and zooms about the middle of the frame, then shifts.

    Args:
        rotation: range of the rotation, degrees, counter-clockwise.
        shift_x, shift_y: ranges of the shift to the right and down, percent of the frame's sides.
        zoom: range of the zoom; above 1 everything is larger.
        border: `edge` or `black`: what is shown beyond the source.
        drift: how far the sampled values wander over an episode, fraction of half their ranges; 0 is constant.
        random: where the values come from. Default: torch's global generator.
    """

    def __init__(
        self,
        rotation: Interval = _DEFAULTS.rotation.bounds,
        shift_x: Interval = _DEFAULTS.shift_x.bounds,
        shift_y: Interval = _DEFAULTS.shift_y.bounds,
        zoom: Interval = _DEFAULTS.zoom.bounds,
        border: str = _DEFAULTS.border,
        drift: float = _DEFAULTS.drift,
        *,
        random: KeyedRandom | None = None,
    ) -> None:
        super().__init__(border, drift, random=random)
        self.rotation = rotation
        self.shift_x = shift_x
        self.shift_y = shift_y
        self.zoom = zoom

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`geometry`. Sampled in the order rotation, shift right, shift down, zoom; then the key of the drift."""
        ranges = (self.rotation, self.shift_x, self.shift_y, self.zoom)
        return self._geometry(tuple(self._uniform(*each) for each in ranges), ranges)

    @override
    def homography(self, values: tuple[float, ...], height: int, width: int) -> Homography:
        rotation, shift_x, shift_y, zoom = values
        return similarity(rotation, (shift_x / 100, shift_y / 100), zoom, height, width)

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        rotation, shift_x, shift_y, zoom = params["geometry"].values
        return {
            "rotation_degrees": rotation,
            "shift_x_percent": shift_x,
            "shift_y_percent": shift_y,
            "zoom": zoom,
            **self._described_drift(),
        }
