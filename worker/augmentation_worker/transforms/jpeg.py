"""JPEG artefacts: what a camera that compresses its frames leaves of them."""

from typing import Any

import numpy as np
import torch
from torchvision.io import ImageReadMode, decode_jpeg, encode_jpeg
from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms import kernels
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import CHANNELS, Description, KeyedTransform

_DEFAULTS = spec.Jpeg()


class Jpeg(KeyedTransform):
    """Encodes every frame as JPEG and decodes it again, on the CPU wherever the frames are, for the same pixels.

    Args:
        quality: range of libjpeg's quality, 1 to 100; sampled once per episode.
        random: where the values come from. Default: torch's global generator.
    """

    def __init__(
        self, quality: tuple[int, int] = _DEFAULTS.quality.bounds, *, random: KeyedRandom | None = None
    ) -> None:
        super().__init__(random)
        self.quality = quality

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`quality`."""
        return {"quality": self._integer(*self.quality)}

    @override
    def apply(self, frames: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        planes = frames.cpu().contiguous().numpy()
        result = np.empty_like(planes)
        pixels = np.empty((*planes.shape[-2:], CHANNELS), np.uint8)
        # libjpeg takes and gives pixels; torchvision copies planes into them and back several times slower.
        interleaved = torch.from_numpy(pixels).permute(2, 0, 1)
        for source, target in zip(planes, result, strict=True):
            kernels.interleave(source, pixels)
            decoded = decode_jpeg(encode_jpeg(interleaved, quality=params["quality"]), mode=ImageReadMode.RGB)
            kernels.separate(np.ascontiguousarray(decoded.permute(1, 2, 0).numpy()), target)
        return torch.from_numpy(result).to(frames.device)

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        return {"quality": params["quality"]}
