"""A mask that makes parts of every frame darker or brighter, whatever transform it comes from."""

import numpy as np
from numpy.typing import NDArray

from augmentation_worker.transforms.cpu import kernels
from augmentation_worker.transforms.frames import Frames

BRIGHTEST = 127
"""What a mask multiplies by at most: 255 times it has to fit the 31 bits of the kernel."""


def fixed_point(factors: NDArray[np.float64]) -> NDArray[np.int32]:
    """int32, of which 65536 is one: a mask of the factors, which are at least 0; those above BRIGHTEST count as it."""
    mask: NDArray[np.int32] = np.floor(np.minimum(factors, BRIGHTEST) * (1 << kernels.MASK_BITS) + 0.5).astype(np.int32)
    return mask


def multiply(frames: Frames, mask: NDArray[np.int32]) -> Frames:
    """uint8 [N, C, H, W] times a mask [H, W] of which 65536 is one, rounded, at most 255."""
    if not isinstance(frames, np.ndarray):
        from augmentation_worker.transforms.kernels_in_torch import multiply_by_mask_in_torch  # noqa: PLC0415 (torch)

        return multiply_by_mask_in_torch(frames, mask)
    values = np.ascontiguousarray(frames).reshape(*frames.shape[:2], -1)
    result = np.empty_like(values)
    kernels.multiply_by_mask(values, result, mask.ravel())
    return result.reshape(frames.shape)
