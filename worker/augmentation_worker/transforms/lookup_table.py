"""A pointwise change of 8-bit colours as one table of 256 entries per channel, applied at the speed of memory."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from augmentation_worker.transforms.cpu import kernels
from augmentation_worker.transforms.cpu.vector_lookup import has_vector_lookup
from augmentation_worker.transforms.frames import CHANNELS, Frames, check_frames

LEVELS = 256
_NO_PAIRS = np.empty((CHANNELS, 0), np.uint16)

ROUNDING_MARGIN = 1e-9
"""Added before rounding, in units of the 0..255 scale: a value that is exactly a half in theory rounds up even where
the last bit of a power function, which differs from one libm to the next, left it a hair below."""


def round_to_uint8(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Values of the 0..255 scale, rounded half up and clipped, once.

    Half up rather than half to even: of a shift by 25.5 the latter would make steps of 0 and 2.
    """
    return np.clip(np.floor(values + (0.5 + ROUNDING_MARGIN)), 0, LEVELS - 1).astype(np.uint8)


@dataclass(frozen=True)
class LookupTable:
    """For each of the three channels, what becomes of each of the 256 values.

    Attributes:
        values: uint8 [3, 256], in the order red, green, blue.
    """

    values: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.values.shape != (CHANNELS, LEVELS) or self.values.dtype != np.uint8:
            raise ValueError(f"a table is uint8 [3, 256], not {self.values.dtype} {list(self.values.shape)}")

    @cached_property
    def _of_pairs(self) -> NDArray[np.uint16]:
        """uint16 [3, 65536]: what becomes of two values that stand side by side, on any byte order."""
        pairs = np.arange(LEVELS**2, dtype=np.uint16).view(np.uint8)
        return np.stack([np.ascontiguousarray(table[pairs]).view(np.uint16) for table in self.values])

    def apply(self, frames: Frames) -> Frames:
        """The frames with every value looked up; the input is left as it is.

        Args:
            frames: uint8 [..., 3, H, W] on any device. Planar (contiguous) frames are fastest.

        Returns:
            uint8, same shape and device, contiguous. The same pixels on every device.

        Raises:
            TypeError: if the frames are not uint8.
            ValueError: if the third dimension from the right is not 3 channels.
        """
        check_frames(frames)
        if not isinstance(frames, np.ndarray):
            from augmentation_worker.transforms.kernels_in_torch import look_up_in_torch  # noqa: PLC0415 (torch)

            return look_up_in_torch(frames, self.values)
        values = np.ascontiguousarray(frames).reshape(-1, CHANNELS, frames.shape[-2] * frames.shape[-1])
        result = np.empty_like(values)
        one_by_one = has_vector_lookup() or values.shape[-1] % 2
        kernels.look_up(values, result, self.values, _NO_PAIRS if one_by_one else self._of_pairs)
        return result.reshape(frames.shape)
