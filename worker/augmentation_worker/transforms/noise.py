"""Sensor noise, new in every frame: gaussian, or shot noise, whose variance grows with the signal."""

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.cpu import kernels, noise_kernels
from augmentation_worker.transforms.cpu.quantile_pairs import pair_quantiles
from augmentation_worker.transforms.cpu.step_table import NO_STEPS, step_table
from augmentation_worker.transforms.frames import Frames
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval, KeyedTransform

KINDS = ("gaussian", "shot")
_DEFAULTS = spec.Noise()
_UNIFORM_BITS = 16
_NORMAL_BITS, _STRENGTH_BITS = 12, 8  # of fraction; together kernels.FRACTION_BITS


@cache
def gaussian_table() -> NDArray[np.int16]:
    """int16 [65536]: the standard normal quantile of each 16-bit number, in 1/4096.

    Entry u is that of (u + 1/2) / 65536, so the table is symmetric, its mean exactly 0, its ends at 4.3 sigma.
    """
    quantile = NormalDist().inv_cdf
    entries = 1 << _UNIFORM_BITS
    upper = [round(quantile((index + 0.5) / entries) * (1 << _NORMAL_BITS)) for index in range(entries // 2, entries)]
    return np.array([*(-value for value in reversed(upper)), *upper], dtype=np.int16)


@cache
def _pairs_of_quantiles() -> NDArray[np.uint16]:
    return pair_quantiles(gaussian_table())


@dataclass(frozen=True)
class NoiseParameters:
    """Noise as sampled for one copy of an episode.

    Attributes:
        kind: gaussian or shot.
        gaussian_sigma: standard deviation of gaussian noise, of 255.
        shot_scale: variance of shot noise over the value it is added to, both of 255.
        key: two 32-bit words, of the generator.
    """

    kind: str
    gaussian_sigma: float
    shot_scale: float
    key: tuple[int, int]

    def table(self) -> NDArray[np.int16]:
        """int16 [65536]: for each 16-bit random number the noise to add, or what `strength` is to be multiplied by."""
        if self.kind == "shot":
            return gaussian_table()
        sigma = int(self.gaussian_sigma * (1 << _STRENGTH_BITS) + 0.5)
        rounded = gaussian_table().astype(np.int64) * sigma + (1 << (kernels.FRACTION_BITS - 1))
        return (rounded >> kernels.FRACTION_BITS).astype(np.int16)

    def strength(self) -> NDArray[np.int32]:
        """int32 [256]: the standard deviation of shot noise at each value, in 1/256; empty for gaussian noise."""
        if self.kind == "gaussian":
            return np.empty(0, dtype=np.int32)
        sigma = np.sqrt(self.shot_scale * np.arange(256, dtype=np.float64))
        return np.floor(sigma * (1 << _STRENGTH_BITS) + 0.5).astype(np.int32)


class Noise(KeyedTransform):
    """Adds noise, each value of each frame its own.

    The noise of a value depends on the key, the frame's index in the episode, and its place in the frame: never on the
    batch, the shard or the device. Its bits are Philox4x32-10's, its distribution a table of normal quantiles.

    Args:
        kind: `gaussian`, `shot`, or `mixed` to sample one of them.
        gaussian_sigma: range of the standard deviation of gaussian noise, of 255.
        shot_scale: range of the scale of shot noise: its variance is scale x value, of 255.
        random: where the values come from. Default: torch's global generator.
    """

    def __init__(
        self,
        kind: str = _DEFAULTS.kind,
        gaussian_sigma: Interval = _DEFAULTS.gaussian_sigma.bounds,
        shot_scale: Interval = _DEFAULTS.shot_scale.bounds,
        *,
        random: KeyedRandom | None = None,
    ) -> None:
        super().__init__(random)
        self.kind = kind
        self.gaussian_sigma = gaussian_sigma
        self.shot_scale = shot_scale

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`noise` (NoiseParameters), `table`, `steps`, `strength`.

        Sampled in the order kind, sigma, scale, key; all, always.
        """
        kind = self._kind(self.kind, KINDS)
        sigma, scale = self._uniform(*self.gaussian_sigma), self._uniform(*self.shot_scale)
        noise = NoiseParameters(kind, sigma, scale, self._key())
        table, steps, strength = noise.table(), NO_STEPS, noise.strength().astype(np.int16)
        if not len(strength) and abs(table).max() <= np.iinfo(np.int8).max:
            table = table.astype(np.int8)
            steps = step_table(table)
        return {"noise": noise, "table": table, "steps": steps, "strength": strength}

    @override
    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        key, first_frame = params["noise"].key, int(params.get("first_frame", 0))
        if not isinstance(frames, np.ndarray):
            from augmentation_worker.transforms.kernels_in_torch import add_noise_in_torch  # noqa: PLC0415 (torch)

            return add_noise_in_torch(frames, key, first_frame, params["table"], params["strength"])
        values = np.ascontiguousarray(frames).reshape(len(frames), -1)
        result = np.empty_like(values)
        key0, key1 = np.uint32(key[0]), np.uint32(key[1])
        if len(params["strength"]):
            noise_kernels.add_shot_noise(
                values, result, key0, key1, first_frame, _pairs_of_quantiles(), params["strength"]
            )
        else:
            noise_kernels.add_noise(values, result, key0, key1, first_frame, params["table"], params["steps"])
        return result.reshape(frames.shape)

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        noise: NoiseParameters = params["noise"]
        strength: Description = (
            {"gaussian_sigma": noise.gaussian_sigma} if noise.kind == "gaussian" else {"shot_scale": noise.shot_scale}
        )
        return {"kind": noise.kind, **strength}
