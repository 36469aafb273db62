"""A mask that makes parts of every frame darker or brighter, whatever transform it comes from."""

import numpy as np
import torch
from numpy.typing import NDArray

from augmentation_worker.transforms import kernels

BRIGHTEST = 127
"""What a mask multiplies by at most: 255 times it has to fit the 31 bits of the kernel."""


def fixed_point(factors: NDArray[np.float64]) -> NDArray[np.int32]:
    """int32, of which 65536 is one: a mask of the factors, which are at least 0; those above BRIGHTEST count as it."""
    mask: NDArray[np.int32] = np.floor(np.minimum(factors, BRIGHTEST) * (1 << kernels.MASK_BITS) + 0.5).astype(np.int32)
    return mask


def multiply(frames: torch.Tensor, mask: NDArray[np.int32]) -> torch.Tensor:
    """uint8 [N, C, H, W] times a mask [H, W] of which 65536 is one, rounded, at most 255."""
    if frames.device.type != "cpu":
        return multiply_in_torch(frames, mask)
    values = frames.contiguous().numpy().reshape(*frames.shape[:2], -1)
    result = np.empty_like(values)
    kernels.multiply_by_mask(values, result, mask.ravel())
    return torch.from_numpy(result).view(frames.shape)


def multiply_in_torch(frames: torch.Tensor, mask: NDArray[np.int32]) -> torch.Tensor:
    """The twin of kernels.multiply_by_mask in plain torch, for any device."""
    scaled = frames.to(torch.int32) * torch.from_numpy(mask).to(frames.device) + (1 << (kernels.MASK_BITS - 1))
    return (scaled >> kernels.MASK_BITS).clamp_(max=255).to(torch.uint8)
