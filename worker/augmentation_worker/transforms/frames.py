"""Frames as transforms take and give them: arrays on the CPU, torch's tensors on a GPU.

On the CPU nothing is computed by torch, whose import takes a second and half of the memory that a shard begins with.
"""

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

CHANNELS = 3
Frames = TypeVar("Frames", NDArray[np.uint8], "torch.Tensor")
"""uint8 [N, 3, H, W]."""


def check_frames(frames: "NDArray[np.uint8] | torch.Tensor") -> None:
    """Raise TypeError or ValueError unless frames are uint8 [..., 3, H, W]."""
    if frames.dtype != np.uint8 and str(frames.dtype) != "torch.uint8":  # numpy takes 10 us to name a type
        raise TypeError(f"frames must be uint8, not {frames.dtype}: convert to 0..255 first")
    if frames.ndim < CHANNELS or frames.shape[-3] != CHANNELS:
        raise ValueError(f"frames must be shaped [..., 3, H, W], not {list(frames.shape)}")


def empty_like(frames: Frames) -> Frames:
    """Contiguous frames of the same shape and kind, on the same device, with any values."""
    return np.empty(frames.shape, np.uint8) if isinstance(frames, np.ndarray) else frames.new_empty(frames.shape)
