"""Lighting: brightness, contrast and colour temperature, the same for every frame of an episode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from augmentation_api import transforms as spec
from augmentation_api.spec import Augmentation
from augmentation_worker.transforms.color_temperature import (
    REFERENCE_KELVIN,
    srgb_decode,
    srgb_encode,
    temperature_gains,
)
from augmentation_worker.transforms.draws import Draws
from augmentation_worker.transforms.keyed import Description, KeyedTransform, mean_of_images
from augmentation_worker.transforms.lookup_table import CHANNELS, LEVELS, LookupTable, round_to_uint8

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Share of R, G, B in luma: ITU-R BT.601-7, 2.5.1."""


@dataclass(frozen=True)
class LightingParameters:
    """One light, as drawn for one copy of an episode.

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
    """Draws one light and applies it.

    Args:
        brightness: range of the brightness shift, percent of full scale.
        contrast: range of the contrast change, percent.
        color_temperature: range of the colour temperature, kelvin.
        episode_mean: mean of R, G, B over the episode, 0 to 1, the dataset's `stats/CAMERA/mean`; contrast pivots on
            its luma. Default: the mean of what is passed in, which is right for a whole clip.
        draws: where the values come from. Default: torch's global generator, as in torchvision.
    """

    def __init__(
        self,
        brightness: tuple[float, float] = (-15.0, 15.0),
        contrast: tuple[float, float] = (-10.0, 10.0),
        color_temperature: tuple[float, float] = (4000.0, 6500.0),
        *,
        episode_mean: Sequence[float] | None = None,
        draws: Draws | None = None,
    ) -> None:
        super().__init__(draws)
        if episode_mean is not None and len(episode_mean) != CHANNELS:
            raise ValueError(f"episode_mean is the mean of R, G and B: 3 numbers, not {len(episode_mean)}")
        self.brightness = brightness
        self.contrast = contrast
        self.color_temperature = color_temperature
        self.episode_mean = None if episode_mean is None else tuple(float(value) for value in episode_mean)

    @classmethod
    def from_augmentation(cls, augmentation: Augmentation, draws: Draws, episode_mean: tuple[float, ...]) -> Self:
        """See KeyedTransform."""
        ranges: spec.Lighting = augmentation.lighting
        return cls(
            brightness=(ranges.brightness.min, ranges.brightness.max),
            contrast=(ranges.contrast.min, ranges.contrast.max),
            color_temperature=(ranges.color_temperature.min, ranges.color_temperature.max),
            episode_mean=episode_mean,
            draws=draws,
        )

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """One light: `lighting` (LightingParameters) and `table` (its LookupTable).

        The values are drawn in the order brightness, contrast, colour temperature; all three, always.

        Raises:
            ValueError: if there is neither an `episode_mean` nor an image to take the mean of.
        """
        brightness = self._uniform(*self.brightness)
        contrast = self._uniform(*self.contrast)
        temperature = self._uniform(*self.color_temperature)
        mean = self.episode_mean if self.episode_mean is not None else mean_of_images(flat_inputs)
        luma = sum(weight * value for weight, value in zip(LUMA_WEIGHTS, mean, strict=True))
        lighting = LightingParameters(brightness, contrast, temperature, luma + brightness / 100)
        return {"lighting": lighting, "table": lighting.lookup_table()}

    def apply(self, frames: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        """See KeyedTransform."""
        table: LookupTable = params["table"]
        return table.apply(frames)

    def describe(self, params: dict[str, Any]) -> Description:
        """See KeyedTransform."""
        lighting: LightingParameters = params["lighting"]
        return lighting.to_dict()
