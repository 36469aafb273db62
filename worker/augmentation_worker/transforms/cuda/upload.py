"""Tables and masks on their way to a GPU, without making it wait."""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def upload(values: NDArray[Any], device: torch.device) -> torch.Tensor:
    """The values on a device: queued on the current stream, from pinned memory that torch keeps for the next ones."""
    tensor = torch.from_numpy(np.require(values, requirements=["C", "W"]))
    if device.type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def upload_for_all_streams(values: NDArray[Any], device: torch.device) -> torch.Tensor:
    """The same, after it is there: for what is kept, and used on other streams, none of which waits for this one."""
    uploaded = upload(values, device)
    if device.type != "cpu":
        torch.cuda.current_stream(device).synchronize()
    return uploaded


def upload_once(values: NDArray[Any], device: torch.device) -> torch.Tensor:
    """The same, of small tables that come again with every batch: one upload for all of them. Not to be changed."""
    return _kept(values.tobytes(), values.dtype.str, values.shape, device)


@lru_cache(maxsize=256)
def _kept(content: bytes, kind: str, shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    return upload_for_all_streams(np.frombuffer(content, kind).reshape(shape).copy(), device)
