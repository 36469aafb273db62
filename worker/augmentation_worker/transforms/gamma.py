"""Gamma: a power law on the encoded values, the same for every frame of an episode."""

from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.frames import CHANNELS, Frames
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval, KeyedTransform
from augmentation_worker.transforms.lookup_table import LEVELS, LookupTable, round_to_uint8

_DEFAULTS = spec.Gamma()


class Gamma(KeyedTransform):
    """value ** gamma, with values of 0 to 1: above 1 the dark parts get darker, below 1 lighter.

    Args:
        exponent: range of the exponent.
        random: where the values come from. Default: torch's global generator.
    """

    of_scene: ClassVar[bool] = True

    def __init__(self, exponent: Interval = _DEFAULTS.exponent.bounds, *, random: KeyedRandom | None = None) -> None:
        super().__init__(random)
        self.exponent = exponent

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`gamma`, the exponent, and `table`."""
        gamma = self._uniform(*self.exponent)
        values = (np.arange(LEVELS) / (LEVELS - 1)) ** gamma * (LEVELS - 1)
        return {"gamma": gamma, "table": LookupTable(round_to_uint8(np.tile(values, (CHANNELS, 1))))}

    @override
    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        table: LookupTable = params["table"]
        return table.apply(frames)

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        return {"gamma": params["gamma"]}
