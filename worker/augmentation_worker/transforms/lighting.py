"""Lighting: brightness, contrast and colour temperature, the same for every frame of an episode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.color_temperature import (
    REFERENCE_KELVIN,
    srgb_decode,
    srgb_encode,
    temperature_gains,
)
from augmentation_worker.transforms.frames import CHANNELS, Frames
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval, KeyedTransform
from augmentation_worker.transforms.lookup_table import LEVELS, LookupTable, round_to_uint8

_DEFAULTS = spec.Lighting()
LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Share of R, G, B in luma: ITU-R BT.601-7, 2.5.1."""


@dataclass(frozen=True)
class LightingParameters:
    """Lighting as sampled for one copy of an episode.

    Attributes:
        brightness_percent: shift of every channel, percent of full scale.
        contrast_percent: change of the distance from the pivot, percent.
        color_temperature_kelvin: colour temperature of the light; 6500 changes nothing.
        contrast_pivot: the value that contrast leaves alone, 1 is full scale: the mean luma of the episode after the
            brightness shift. Of the episode, not of the frame: a frame's own mean would make the copy flicker.
    """

    brightness_percent: float
    contrast_percent: float
    color_temperature_kelvin: float
    contrast_pivot: float

    def lookup_table(self) -> LookupTable:
        """The table of all three changes, composed in double precision, clipped and rounded once.

        With values of 0..1: brightness v + b/100; contrast p + (v - p) (1 + c/100); colour temperature
        encode(gain * decode(v)) with the sRGB curve.
        """
        values = np.tile(np.arange(LEVELS) / (LEVELS - 1), (CHANNELS, 1))
        values = values + self.brightness_percent / 100
        values = self.contrast_pivot + (values - self.contrast_pivot) * (1 + self.contrast_percent / 100)
        if self.color_temperature_kelvin != REFERENCE_KELVIN:
            gains = temperature_gains(self.color_temperature_kelvin)
            values = srgb_encode(gains[:, None] * srgb_decode(values))
        return LookupTable(round_to_uint8(values * (LEVELS - 1)))

    def to_dict(self) -> Description:
        """The parameters for reports: plain numbers, units in the names."""
        return {
            "brightness_percent": self.brightness_percent,
            "contrast_percent": self.contrast_percent,
            "color_temperature_kelvin": self.color_temperature_kelvin,
            "contrast_pivot_percent": 100 * self.contrast_pivot,
        }


class Lighting(KeyedTransform):
    """Changes the lighting: brightness, contrast and colour temperature.

    Args:
        brightness: range of the brightness shift, percent of full scale.
        contrast: range of the contrast change, percent.
        color_temperature: range of the colour temperature, kelvin.
        episode_mean: mean of R, G, B over the episode, 0 to 1, the dataset's `stats/CAMERA/mean`; contrast pivots on
            its luma. Default: the mean of what is passed in, which is right for a whole clip.
        random: where the values come from. Default: torch's global generator, as in torchvision.
    """

    of_scene: ClassVar[bool] = True

    def __init__(
        self,
        brightness: Interval = _DEFAULTS.brightness.bounds,
        contrast: Interval = _DEFAULTS.contrast.bounds,
        color_temperature: Interval = _DEFAULTS.color_temperature.bounds,
        *,
        episode_mean: Sequence[float] | None = None,
        random: KeyedRandom | None = None,
    ) -> None:
        super().__init__(random, episode_mean)
        self.brightness = brightness
        self.contrast = contrast
        self.color_temperature = color_temperature

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`lighting` (LightingParameters) and `table`, its LookupTable.

        Sampled in the order brightness, contrast, colour temperature; all three, always.

        Raises:
            ValueError: if there is neither an `episode_mean` nor an image to take the mean of.
        """
        brightness = self._uniform(*self.brightness)
        contrast = self._uniform(*self.contrast)
        temperature = self._uniform(*self.color_temperature)
        luma = sum(weight * value for weight, value in zip(LUMA_WEIGHTS, self._mean(flat_inputs), strict=True))
        lighting = LightingParameters(brightness, contrast, temperature, luma + brightness / 100)
        return {"lighting": lighting, "table": lighting.lookup_table()}

    @override
    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        table: LookupTable = params["table"]
        return table.apply(frames)

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        lighting: LightingParameters = params["lighting"]
        return lighting.to_dict()
