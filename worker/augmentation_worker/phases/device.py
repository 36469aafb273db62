"""What augments: a card or the processor."""

import torch

from augmentation_worker.settings import Device


def device_of(wanted: Device) -> torch.device:
    """The device that is asked for; `auto` is CUDA where there is one."""
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)
