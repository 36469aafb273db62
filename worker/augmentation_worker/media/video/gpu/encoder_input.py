"""How augmented frames leave a GPU for their encoder: as RGB, as YUV that is downloaded, or not at all for NVENC.

They are downloaded as RGB in any case, for their hash, which the CPU computes.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from typing_extensions import override

from augmentation_worker.media.video.colors import ColorTags
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.gpu.color_kernels import ColorKernels
from augmentation_worker.media.video.gpu.plane_layout import PlaneLayout, SurfaceLayout
from augmentation_worker.media.video.gpu.surface_encoder import SURFACES_IN_ENCODER, frame_of_surface
from augmentation_worker.media.video.gpu.work_queue import host_buffer
from augmentation_worker.media.video.planes import frame_of


@dataclass(frozen=True)
class OutputBuffers:
    """Memory for a batch of one copy.

    Attributes:
        rgb: on the host, uint8 [N, 3, H, W].
        device_yuv: the batch converted to YUV on the GPU, if it is: of a layout.
        host_yuv: the same on the host, if it is downloaded.
    """

    rgb: torch.Tensor
    device_yuv: torch.Tensor
    host_yuv: torch.Tensor


_NOTHING = torch.empty(0, dtype=torch.uint8)


class EncoderInput(Protocol):
    """A way from the GPU to an encoder.

    Attributes:
        in_words: for a log.
        frames_kept: most frames that the encoder goes on reading after it was given them.
    """

    in_words: str
    frames_kept: int

    def new_buffers(self) -> OutputBuffers:
        """Memory for a batch."""

    def convert(self, frames: torch.Tensor, buffers: OutputBuffers) -> None:
        """Queue the conversion of frames, uint8 [N, 3, H, W], to what the encoder takes."""

    def download(self, buffers: OutputBuffers, count: int) -> None:
        """Queue the download of what was converted."""

    def encode(self, encoder: VideoEncoder, buffers: OutputBuffers, count: int) -> None:
        """Encode what has arrived."""


class RgbInput(EncoderInput):
    """Nothing but RGB leaves the GPU; the CPU converts it.

    Args:
        size: most frames per batch, height and width in pixels.
        device: the GPU, or a CPU that stands in for it.
    """

    in_words = "downloaded as RGB"
    frames_kept = 0

    def __init__(self, size: tuple[int, int, int], device: torch.device) -> None:
        frames, height, width = size
        self._shape = (frames, 3, height, width)
        self._device = device

    @override
    def new_buffers(self) -> OutputBuffers:
        return OutputBuffers(host_buffer(self._shape, self._device), _NOTHING, _NOTHING)

    @override
    def convert(self, frames: torch.Tensor, buffers: OutputBuffers) -> None:
        """The CPU does."""

    @override
    def download(self, buffers: OutputBuffers, count: int) -> None:
        """RGB is downloaded in any case."""

    @override
    def encode(self, encoder: VideoEncoder, buffers: OutputBuffers, count: int) -> None:
        encoder.write(buffers.rgb[:count].numpy())


class PlaneInput(RgbInput):
    """Converted on the GPU, and downloaded as the encoder takes it.

    Args:
        size: most frames per batch, height and width in pixels.
        pix_fmt: planar YUV of 8 bits that the encoder takes.
        colors: the colour tags by which RGB is converted.
        kernels: convert it.
        device: the GPU, or a CPU that stands in for it.
    """

    in_words = "converted on the GPU, downloaded as YUV"

    def __init__(
        self, size: tuple[int, int, int], pix_fmt: str, colors: ColorTags, kernels: ColorKernels, device: torch.device
    ) -> None:
        super().__init__(size, device)
        self._layout = PlaneLayout.of(pix_fmt, *size[1:])
        self._colors = colors
        self._kernels = kernels

    @override
    def new_buffers(self) -> OutputBuffers:
        shape = (self._shape[0], self._layout.size)
        on_device = torch.empty(shape, dtype=torch.uint8, device=self._device)
        return OutputBuffers(super().new_buffers().rgb, on_device, host_buffer(shape, self._device))

    @override
    def convert(self, frames: torch.Tensor, buffers: OutputBuffers) -> None:
        self._kernels.to_yuv(frames, self._colors, self._layout.views(buffers.device_yuv[: len(frames)]))

    @override
    def download(self, buffers: OutputBuffers, count: int) -> None:
        buffers.host_yuv[:count].copy_(buffers.device_yuv[:count], non_blocking=True)

    @override
    def encode(self, encoder: VideoEncoder, buffers: OutputBuffers, count: int) -> None:
        for planes in zip(*self._layout.views(buffers.host_yuv[:count]), strict=True):
            encoder.encode(frame_of([plane.numpy() for plane in planes], self._layout.pix_fmt))


class SurfaceInput(RgbInput):
    """Converted on the GPU, and encoded by NVENC from there.

    Args:
        size: most frames per batch, height and width in pixels, even.
        colors: the colour tags by which RGB is converted.
        kernels: convert it.
        device: the GPU, or a CPU that stands in for it.
    """

    in_words = "encoded from the GPU's memory"
    frames_kept = SURFACES_IN_ENCODER

    def __init__(
        self, size: tuple[int, int, int], colors: ColorTags, kernels: ColorKernels, device: torch.device
    ) -> None:
        super().__init__(size, device)
        self._layout = SurfaceLayout(*size[1:])
        self._colors = colors
        self._kernels = kernels

    @override
    def new_buffers(self) -> OutputBuffers:
        return OutputBuffers(super().new_buffers().rgb, self._layout.new(self._shape[0], self._device), _NOTHING)

    @override
    def convert(self, frames: torch.Tensor, buffers: OutputBuffers) -> None:
        self._kernels.to_yuv(frames, self._colors, self._layout.planes(buffers.device_yuv[: len(frames)]))

    @override
    def encode(self, encoder: VideoEncoder, buffers: OutputBuffers, count: int) -> None:
        for surface in buffers.device_yuv[:count]:
            encoder.encode(frame_of_surface(self._layout, surface))
