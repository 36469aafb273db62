"""JPEG artefacts: what a camera that compresses its frames leaves of them."""

from typing import Any, Self

import torch
from torchvision.io import ImageReadMode, decode_jpeg, encode_jpeg

from augmentation_api.spec import Augmentation
from augmentation_worker.transforms.draws import Draws
from augmentation_worker.transforms.keyed import Description, KeyedTransform


class Jpeg(KeyedTransform):
    """Encodes every frame as JPEG and decodes it again, on the CPU wherever the frames are, for the same pixels.

    Args:
        quality: range of libjpeg's quality, 1 to 100; drawn once an episode.
        draws: where the values come from. Default: torch's global generator.
    """

    def __init__(self, quality: tuple[int, int] = (20, 70), *, draws: Draws | None = None) -> None:
        super().__init__(draws)
        self.quality = quality

    @classmethod
    def from_augmentation(cls, augmentation: Augmentation, draws: Draws, episode_mean: tuple[float, ...]) -> Self:
        """See KeyedTransform."""
        return cls((augmentation.jpeg.quality.min, augmentation.jpeg.quality.max), draws=draws)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`quality`."""
        return {"quality": self._integer(*self.quality)}

    def apply(self, frames: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        """See KeyedTransform."""
        decoded = [
            decode_jpeg(encode_jpeg(frame, quality=params["quality"]), mode=ImageReadMode.RGB)
            for frame in frames.cpu().contiguous()
        ]
        return torch.stack(decoded).to(frames.device)

    def describe(self, params: dict[str, Any]) -> Description:
        """See KeyedTransform."""
        return {"quality": params["quality"]}
