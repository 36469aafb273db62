"""Gamma: a power law on the encoded values, the same for every frame of an episode."""

from typing import Any, Self

import numpy as np
import torch

from augmentation_api.spec import Augmentation
from augmentation_worker.transforms.draws import Draws
from augmentation_worker.transforms.keyed import CHANNELS, Description, KeyedTransform
from augmentation_worker.transforms.lookup_table import LEVELS, LookupTable, round_to_uint8


class Gamma(KeyedTransform):
    """value ** gamma, with values of 0 to 1: above 1 the dark parts get darker, below 1 lighter.

    Args:
        gamma: range of the exponent.
        draws: where the values come from. Default: torch's global generator.
    """

    def __init__(self, gamma: tuple[float, float] = (0.7, 1.5), *, draws: Draws | None = None) -> None:
        super().__init__(draws)
        self.gamma = gamma

    @classmethod
    def from_augmentation(cls, augmentation: Augmentation, draws: Draws, episode_mean: tuple[float, ...]) -> Self:
        """See KeyedTransform."""
        return cls((augmentation.gamma.exponent.min, augmentation.gamma.exponent.max), draws=draws)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`gamma`, the exponent, and `table`."""
        gamma = self._uniform(*self.gamma)
        values = (np.arange(LEVELS) / (LEVELS - 1)) ** gamma * (LEVELS - 1)
        return {"gamma": gamma, "table": LookupTable(round_to_uint8(np.tile(values, (CHANNELS, 1))))}

    def apply(self, frames: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        """See KeyedTransform."""
        table: LookupTable = params["table"]
        return table.apply(frames)

    def describe(self, params: dict[str, Any]) -> Description:
        """See KeyedTransform."""
        return {"gamma": params["gamma"]}
