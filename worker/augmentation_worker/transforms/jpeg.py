"""JPEG artefacts: what a camera that compresses its frames leaves of them."""

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image
from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.cpu import kernels
from augmentation_worker.transforms.frames import CHANNELS, Frames
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, KeyedTransform

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
    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        if not isinstance(frames, np.ndarray):
            return frames.new_tensor(self.apply(frames.cpu().numpy(), params))
        result = np.empty_like(frames)
        pixels = np.empty((*frames.shape[-2:], CHANNELS), np.uint8)
        for source, target in zip(np.ascontiguousarray(frames), result, strict=True):
            kernels.interleave(source, pixels)
            encoded = BytesIO()
            Image.fromarray(pixels).save(encoded, "JPEG", quality=params["quality"])
            kernels.separate(np.asarray(Image.open(encoded)), target)
        return result

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        return {"quality": params["quality"]}
