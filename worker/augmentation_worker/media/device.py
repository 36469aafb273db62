"""What augments: the CPU or a GPU."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from augmentation_worker.transforms.pipeline import EpisodeTransform

AugmentDevice = Literal["cpu", "cuda"]


def augment_on(
    device: AugmentDevice, pipeline: "EpisodeTransform", frames: NDArray[np.uint8], first_frame: int
) -> NDArray[np.uint8]:
    """What a pipeline makes of frames uint8 [N, 3, H, W] on a device, contiguous."""
    if device == "cpu":
        return np.ascontiguousarray(pipeline(frames, first_frame))
    import torch  # noqa: PLC0415 (only with a GPU)

    made: NDArray[np.uint8] = pipeline(torch.from_numpy(frames).to(device), first_frame).cpu().contiguous().numpy()
    return made
