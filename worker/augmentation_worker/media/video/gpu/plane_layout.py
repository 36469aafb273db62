"""Planes of YUV frames in one piece of memory per frame, so that a batch crosses to or from a GPU in one copy."""

from dataclasses import dataclass
from typing import Self

import av
import torch

from augmentation_worker.media.video.planes import planes_of

SURFACE_ALIGNMENT = 256
"""Bytes to which the rows of NVENC's surfaces are aligned, as in the surfaces that FFmpeg itself makes."""


@dataclass(frozen=True)
class PlaneLayout:
    """Where the planes of a frame of 8 bits lie: luma, then both planes of chroma, without gaps.

    Attributes:
        pix_fmt: planar YUV of 8 bits, e.g. yuv420p.
        height, width: of the frame and of its luma, pixels.
        chroma_height, chroma_width: of each plane of chroma, pixels.
    """

    pix_fmt: str
    height: int
    width: int
    chroma_height: int
    chroma_width: int

    @classmethod
    def of(cls, pix_fmt: str, height: int, width: int) -> Self:
        """The layout of a pixel format."""
        stored = av.VideoFormat(pix_fmt, width, height)
        return cls(pix_fmt, height, width, stored.chroma_height(), stored.chroma_width())

    @property
    def size(self) -> int:
        """Bytes per frame."""
        return self.height * self.width + 2 * self.chroma_height * self.chroma_width

    def views(self, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The planes in memory.

        Args:
            memory: uint8 [N, size].

        Returns:
            Y, uint8 [N, H, W], and U and V, [N, chroma height, chroma width]: views.
        """
        luma, chroma = self.height * self.width, self.chroma_height * self.chroma_width
        small = (len(memory), self.chroma_height, self.chroma_width)
        return (
            memory[:, :luma].view(len(memory), self.height, self.width),
            memory[:, luma : luma + chroma].view(small),
            memory[:, luma + chroma :].view(small),
        )

    def store(self, frame: av.VideoFrame, memory: torch.Tensor) -> None:
        """Copy a frame's planes into uint8 [size] on the CPU."""
        for target, values in zip(self.views(memory[None]), planes_of(frame), strict=True):
            target[0].numpy()[:] = values


@dataclass(frozen=True)
class SurfaceLayout:
    """NVENC's NV12: luma, then rows of alternating U and V, in one piece whose rows have one pitch.

    NVENC is given the address of luma alone, and finds chroma behind it: two tensors of their own would not do.

    Attributes:
        height, width: of the frame, pixels, even.
    """

    height: int
    width: int

    @property
    def pitch(self) -> int:
        """Bytes per row."""
        return -(-self.width // SURFACE_ALIGNMENT) * SURFACE_ALIGNMENT

    def new(self, frames: int, device: torch.device) -> torch.Tensor:
        """uint8 [frames, H * 3/2, pitch]: surfaces with whatever was there."""
        # To clear them would be work in the queue of who calls this, which the one that fills them does not wait for.
        return torch.empty((frames, self.height * 3 // 2, self.pitch), dtype=torch.uint8, device=device)

    def planes(self, surfaces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Y, uint8 [N, H, W], and U and V, [N, H/2, W/2]: views."""
        luma, chroma = surfaces[:, : self.height, : self.width], surfaces[:, self.height :, : self.width]
        return luma, chroma[..., 0::2], chroma[..., 1::2]

    def pair(self, surface: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Luma, uint8 [H, W], and chroma, [H/2, W], of one surface [H * 3/2, pitch]: views, as PyAV takes them."""
        return surface[: self.height, : self.width], surface[self.height :, : self.width]
