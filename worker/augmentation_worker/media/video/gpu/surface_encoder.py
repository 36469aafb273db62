"""NVENC fed from the GPU's memory: frames that were made there are encoded there."""

import logging
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import torch
from av.video.frame import CudaContext

from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import NVENC_PIX_FMT, VideoEncoding
from augmentation_worker.media.video.gpu.plane_layout import SurfaceLayout

_log = logging.getLogger(__name__)

SURFACES_IN_ENCODER = 8
"""Most frames that NVENC keeps, its option `surfaces`: it reads them where they are until their packets are out."""

_TRIAL_FRAMES = 2
_TRIAL_FPS = 30


def encodes_surfaces(encoding: VideoEncoding, width: int, height: int, at_once: int, device: torch.device) -> bool:
    """Whether NVENC takes frames of this size from the GPU's memory, in so many encoders at the same time.

    That it encodes this way at all is `nvenc.prefer_nvenc`'s to find out.
    """
    if not encoding.uses_nvenc or encoding.pix_fmt != NVENC_PIX_FMT or device.type != "cuda" or width % 2 or height % 2:
        return False
    # Neither the quality nor the distance of key frames changes what it takes.
    return _takes(replace(encoding, crf=30, gop=2), width, height, at_once, device)


def frame_of_surface(layout: SurfaceLayout, surface: torch.Tensor) -> av.VideoFrame:
    """A frame of a surface in the GPU's memory, uint8 [H * 3/2, pitch], without a copy."""
    luma, chroma = layout.pair(surface)
    if surface.device.type != "cuda":  # a CPU that stands in for a GPU
        return av.VideoFrame.from_dlpack((luma, chroma), format="nv12")
    number = surface.device.index or 0
    return av.VideoFrame.from_dlpack((luma, chroma), format="nv12", cuda_context=_context(number))


@cache
def _context(number: int) -> CudaContext:
    """torch's own context of a GPU, one for all frames: an encoder takes those of the context of its first."""
    # Asked for as the current one, as FFmpeg refuses it otherwise: see nvdec.TORCH_CONTEXT.
    torch.zeros(1, device=torch.device("cuda", number))
    return CudaContext(device_id=number, primary_ctx=False, current_ctx=True)


@cache
def _takes(encoding: VideoEncoding, width: int, height: int, at_once: int, device: torch.device) -> bool:
    layout = SurfaceLayout(height, width)
    surfaces = layout.new(_TRIAL_FRAMES, device)
    torch.cuda.synchronize(device)
    try:
        with TemporaryDirectory() as folder, ExitStack() as running:
            encoders = [
                running.enter_context(
                    VideoEncoder(
                        Path(folder, f"{number}.mp4"),
                        encoding,
                        fps=Fraction(_TRIAL_FPS),
                        width=width,
                        height=height,
                        surfaces=SURFACES_IN_ENCODER,
                    )
                )
                for number in range(at_once)
            ]
            for encoder in encoders:
                for surface in surfaces:
                    encoder.encode(frame_of_surface(layout, surface))
    except (ValueError, TypeError, NotImplementedError, RuntimeError, av.FFmpegError) as error:
        _log.warning("NVENC does not take frames from the GPU's memory, they go through the host's: %s", error)
        return False
    return True
