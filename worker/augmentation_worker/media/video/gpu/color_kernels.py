"""Conversion of colours on a GPU, used where it gives the bits that swscale gives on the CPU: that is tried first.

swscale asks a frame where its chroma lies: decoders of H.264 and HEVC say `left`, AV1's usually says nothing, which
swscale takes for the `center` of four pixels. PyAV 18.1 does not show what a frame says: that is tried, too.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol

import av
import numpy as np
import torch
from numpy.typing import NDArray

from augmentation_worker.media.video.colors import ColorConverter, ColorTags, empty_like
from augmentation_worker.media.video.encoding import NVENC_PIX_FMT
from augmentation_worker.media.video.gpu.plane_layout import PlaneLayout, SurfaceLayout
from augmentation_worker.media.video.planes import planes_of
from augmentation_worker.media.video.properties import FULL_RANGE_FORMATS
from augmentation_worker.media.video.segment import VideoSegment, decode_frames
from augmentation_worker.transforms.pipeline import has_triton

_log = logging.getLogger(__name__)

KERNELS = "augmentation_worker.media.video.cuda_colors"
"""The module of the kernels, which imports Triton; it is imported when a GPU is used, and not before."""

_TRIAL_SEED = 0

Planes = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Y, uint8 [N, H, W], and U and V, uint8 [N, chroma height, chroma width], of any strides."""


class ColorKernels(Protocol):
    """Converts batches of frames in a device's memory, with the bits of `ColorConverter`.

    Attributes:
        sitings: the places of chroma that it knows.
    """

    sitings: tuple[str, ...]

    def supports(self, pix_fmt: str, colors: ColorTags, height: int, width: int) -> bool:
        """Whether frames of this kind are converted; False: the CPU has to."""

    def to_rgb(self, planes: Planes, colors: ColorTags, siting: str, frames: torch.Tensor) -> None:
        """Queue the conversion of planes into `frames`, uint8 [N, 3, H, W]."""

    def to_yuv(self, frames: torch.Tensor, colors: ColorTags, planes: Planes) -> None:
        """Queue the conversion of frames, uint8 [N, 3, H, W], into `planes`."""


class TritonKernels:
    """The kernels in Triton.

    Args:
        kernels: their module.
    """

    def __init__(self, kernels: ModuleType) -> None:
        self.sitings = tuple(kernels.SITINGS)
        self._kernels = kernels

    def supports(self, pix_fmt: str, colors: ColorTags, height: int, width: int) -> bool:
        """Whether they are made for frames of this kind."""
        return bool(self._kernels.supports(pix_fmt, colors, height, width))

    def to_rgb(self, planes: Planes, colors: ColorTags, siting: str, frames: torch.Tensor) -> None:
        """Queue the conversion of planes into `frames`."""
        self._kernels.yuv_to_rgb(*planes, colors, out=frames, siting=siting)

    def to_yuv(self, frames: torch.Tensor, colors: ColorTags, planes: Planes) -> None:
        """Queue the conversion of `frames` into planes."""
        self._kernels.rgb_to_yuv(frames, colors, *planes)


class GpuColors:
    """What kernels do on a device with the bits of the CPU. Each kind of frames is tried once.

    Args:
        kernels: do it.
        device: the GPU, or a CPU that stands in for it.
    """

    def __init__(self, kernels: ColorKernels, device: torch.device) -> None:
        self.kernels = kernels
        self._device = device
        self._takes: dict[tuple[str, ColorTags, int, int], bool] = {}
        self._sitings: dict[tuple[Path, int, int], str | None] = {}

    def makes(self, pix_fmt: str, colors: ColorTags, height: int, width: int) -> bool:
        """Whether RGB is converted to this format as on the CPU."""
        kind = (pix_fmt, colors, height, width)
        if kind not in self._takes:
            self._takes[kind] = self.kernels.supports(*kind) and self._same_yuv(*kind)
        return self._takes[kind]

    def siting_in(self, segment: VideoSegment, colors: ColorTags) -> str | None:
        """The same as `siting_of` of a segment's first frame. Asked once per file: its frames have one encoding."""
        status = segment.path.stat()
        file = (segment.path, status.st_size, status.st_mtime_ns)
        if file not in self._sitings:
            first = next(decode_frames(replace(segment, frames=1)))
            self._sitings[file] = self.siting_of(first, colors)
        return self._sitings[file]

    def siting_of(self, frame: av.VideoFrame, colors: ColorTags) -> str | None:
        """Where a decoded frame says that its chroma lies, if frames like it are converted to RGB as on the CPU.

        Args:
            frame: of 8 bits, in the host's memory; it is left as it is.
            colors: its colour tags.
        """
        pix_fmt = FULL_RANGE_FORMATS.get(frame.format.name, frame.format.name)
        if not self.kernels.supports(pix_fmt, colors, frame.height, frame.width):
            return None
        layout = PlaneLayout.of(pix_fmt, frame.height, frame.width)
        noise = torch.from_numpy(_noise((1, layout.size)))
        template = empty_like(frame)
        for target, values in zip(planes_of(template), layout.views(noise), strict=True):
            target[:] = values[0].numpy()
        wanted = np.empty((3, frame.height, frame.width), np.uint8)
        ColorConverter().to_rgb(template, wanted)
        made = torch.zeros((1, *wanted.shape), dtype=torch.uint8, device=self._device)
        planes = layout.views(noise.to(self._device))
        for siting in self.kernels.sitings:
            if self._try(partial(self.kernels.to_rgb, planes, colors, siting, made)) and np.array_equal(
                made[0].cpu().numpy(), wanted
            ):
                return siting
        _log.warning("%s of %s is converted to RGB by the CPU: the GPU's kernels give other values", pix_fmt, colors)
        return None

    def _same_yuv(self, pix_fmt: str, colors: ColorTags, height: int, width: int) -> bool:
        layout, surfaces = PlaneLayout.of(pix_fmt, height, width), SurfaceLayout(height, width)
        rgb = _noise((3, height, width))
        expected = torch.empty((1, layout.size), dtype=torch.uint8)
        layout.store(ColorConverter().to_yuv(rgb, pix_fmt, colors), expected[0])
        frames = torch.from_numpy(rgb)[None].to(self._device)
        memory = torch.zeros((1, layout.size), dtype=torch.uint8, device=self._device)
        targets = [layout.views(memory)]
        if pix_fmt == NVENC_PIX_FMT and height % 2 == width % 2 == 0:
            targets.append(surfaces.planes(surfaces.new(1, self._device)))
        for target in targets:
            if not self._try(partial(self.kernels.to_yuv, frames, colors, target)) or not all(
                torch.equal(made.cpu(), wanted) for made, wanted in zip(target, layout.views(expected), strict=True)
            ):
                _log.warning("RGB is converted to %s by the CPU: the GPU's kernels give other values", pix_fmt)
                return False
        return True

    def _try(self, run: Callable[[], None]) -> bool:
        try:
            run()
        except Exception as error:  # whatever a compiler or driver raises: the CPU converts instead
            _log.warning("The GPU's kernels for colours fail: %s: %s", type(error).__name__, error)
            return False
        return True


def _noise(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """All values of a byte, whatever the range says."""
    return np.random.default_rng(_TRIAL_SEED).integers(0, 256, shape, np.uint8)


@cache
def gpu_colors(device: torch.device) -> GpuColors | None:
    """What a device converts; None where there are no kernels: on a CPU, and without Triton."""
    if device.type != "cuda" or not has_triton():
        return None
    return GpuColors(TritonKernels(import_module(KERNELS)), device)
