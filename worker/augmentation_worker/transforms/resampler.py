"""Resampling of frames by a homography, with anti-aliasing, in whole numbers: the same pixels on every device.

A pixel of the result is a weighted mean of source pixels around the place it shows. Places are computed in 64 bits, to
1/256 of a pixel. Weights are a tent as wide as the pixel's footprint in the source: where nothing shrinks that is
bilinear interpolation, and where the result shows more of the source than it has pixels for, the tent is wider, as in
Pillow's and torchvision's resizing with anti-aliasing.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil, floor, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augmentation_worker.transforms.cpu import resampler_kernels as kernels
from augmentation_worker.transforms.frames import Frames, empty_like
from augmentation_worker.transforms.homography import FIXED_BITS, Homography, fixed_point, normalized
from augmentation_worker.transforms.once_per_size import OncePerSize

EDGE, BLACK = "edge", "black"
"""What lies outside of the source: its border pixels, repeated; or black."""
_PLACE = 1 << kernels.PLACE_BITS
_WEIGHT = 1 << kernels.WEIGHT_BITS
_LEAST_DEPTH = 1 / 1024
_WIDEST = 4  # source pixels that one of the result may cover in a direction: beyond, a zoom is no augmentation


@dataclass(frozen=True)
class Resampling:
    """One homography at one size of frames.

    Attributes:
        matrix: nine whole numbers, see `homography.fixed_point`.
        reach_x, reach_y: half width of the tent, in 1/256 of a source pixel, 256 at least.
        border: EDGE or BLACK.
    """

    matrix: tuple[int, ...]
    reach_x: int
    reach_y: int
    border: str

    @classmethod
    def of(cls, homography: Homography, height: int, width: int, border: str) -> "Resampling":
        """Where nothing shrinks the reach is one pixel; else the largest footprint of the corners and the middle."""
        homography = normalized(homography, height, width)
        right, bottom = width - 1, height - 1
        places = [(0, 0), (right, 0), (0, bottom), (right, bottom), (right / 2, bottom / 2)]
        footprints = [_footprint(homography, x, y) for x, y in places]
        reach_x, reach_y = (max(1.0, *(min(_WIDEST, footprint[axis]) for footprint in footprints)) for axis in (0, 1))
        return cls(fixed_point(homography), floor(reach_x * _PLACE + 0.5), floor(reach_y * _PLACE + 0.5), border)

    @property
    def changes_nothing(self) -> bool:
        """Whether every pixel shows itself."""
        one = 1 << FIXED_BITS
        return self.matrix == (one, 0, 0, 0, one, 0, 0, 0, one)

    @property
    def keeps_axes(self) -> bool:
        """Whether columns stay columns, and rows rows: the frame is scaled and shifted."""
        return not any(self.matrix[place] for place in (1, 3, 6, 7))

    def __call__(self, frames: Frames) -> Frames:
        """Frames uint8 [N, C, H, W], resampled; the input is left as it is."""
        result = empty_like(frames)
        self.write(frames, result)
        return result

    def write(self, frames: Frames, result: Frames) -> None:
        """The same, into contiguous frames of the same shape."""
        if not isinstance(frames, np.ndarray):
            from augmentation_worker.transforms.kernels_in_torch import resample_in_torch  # noqa: PLC0415 (torch)

            result.copy_(frames if self.changes_nothing else resample_in_torch(frames, self))
            return
        if self.changes_nothing:
            result[:] = frames
            return
        columns, rows = self._first_taps(*frames.shape[-2:])
        weights_x, weights_y = tent(self.reach_x), tent(self.reach_y)
        resample = kernels.resample_along_axes if self.keeps_axes else kernels.resample
        resample(np.ascontiguousarray(frames), result, columns, rows, weights_x, weights_y, self.border == BLACK)

    def nearest(self, values: NDArray[Any], black: int = 0) -> NDArray[Any]:
        """Arrays [..., H, W] of labels or depths: of each place the nearest value, none mixed; `black` beyond BLACK."""
        if self.changes_nothing:
            return values.copy()
        height, width = values.shape[-2:]
        places = self._locate(height, width, _PLACE // 2, _PLACE // 2)
        columns, rows = (place >> kernels.PLACE_BITS for place in places)
        result: NDArray[Any] = values[..., rows.clip(0, height - 1), columns.clip(0, width - 1)]
        if self.border == BLACK:
            result[..., (rows < 0) | (rows >= height) | (columns < 0) | (columns >= width)] = black
        return result

    @cached_property
    def _first_taps(self) -> OncePerSize[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """Columns and rows of the first taps: [H, W], or [W] and [H] where axes are kept."""
        return OncePerSize(self._locate_first_taps)

    def _locate_first_taps(self, height: int, width: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        before = _PLACE - self.reach_x, _PLACE - self.reach_y
        if self.keeps_axes:
            return self._locate(1, width, *before)[0][0], self._locate(height, 1, *before)[1].ravel()
        return self._locate(height, width, *before)

    def _locate(self, height: int, width: int, add_x: int, add_y: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        columns, rows = np.empty((height, width), np.int32), np.empty((height, width), np.int32)
        kernels.locate(columns, rows, np.array(self.matrix, np.int64), add_x, add_y)
        return columns, rows


def _footprint(homography: Homography, x: float, y: float) -> tuple[float, float]:
    """How many source pixels lie between neighbouring pixels of the result, across and down, at a place of it."""
    a = homography
    w = max(a[6] * x + a[7] * y + a[8], _LEAST_DEPTH)
    source_x, source_y = (a[0] * x + a[1] * y + a[2]) / w, (a[3] * x + a[4] * y + a[5]) / w
    across = (a[0] - source_x * a[6]) / w, (a[1] - source_x * a[7]) / w
    down = (a[3] - source_y * a[6]) / w, (a[4] - source_y * a[7]) / w
    return sqrt(across[0] * across[0] + across[1] * across[1]), sqrt(down[0] * down[0] + down[1] * down[1])


@lru_cache(maxsize=64)
def tent(reach: int) -> NDArray[np.int32]:
    """int32 [256, taps]: weights of the source pixels around a place, by its fraction of a pixel; rows sum to 2048.

    The first tap of a place p is the pixel floor(p + 1 - reach), and the fraction is that of p + 1 - reach.
    """
    taps = max(2, ceil(2 * reach / _PLACE))
    fractions = np.arange(_PLACE)[:, None]
    distance = np.abs(reach - _PLACE + fractions - _PLACE * np.arange(taps))
    exact = np.maximum(reach - distance, 0).astype(np.int64)
    # Rounded so that sums come out right, not single weights.
    sums = np.cumsum(exact, axis=1) * _WEIGHT
    rounded = (2 * sums + exact.sum(1, keepdims=True)) // (2 * exact.sum(1, keepdims=True))
    weights: NDArray[np.int32] = np.ascontiguousarray(np.diff(rounded, axis=1, prepend=0).astype(np.int32))
    weights.flags.writeable = False
    return weights
