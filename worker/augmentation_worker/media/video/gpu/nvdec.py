"""NVIDIA's hardware decoders (NVDEC): whether this machine's GPU decodes a video is found out by trying.

GPUs differ: Hopper (H100, H200) and GA100 (A100) decode H.264, HEVC and VP9 of 8 bits but no AV1, Ada (L4, L40S) all
four (NVIDIA, NVDEC Application Note 13.0, table "NVDEC Hardware Capabilities"). Drivers and containers differ too. What
these codecs decode to is laid down in their standards to the bit, so the attempt is strict: the first frames of a video
are decoded by both, and the GPU is used if they are equal.

An attempt says nothing of frames that are damaged. On the CPU FFmpeg marks what it conceals, and a job reports it;
NVDEC may conceal without a word. An error that it reports is no verdict: the CPU decodes that episode instead.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import av
import av.container
import torch
from av.codec.hwaccel import HWAccel
from torch.utils.dlpack import from_dlpack

from augmentation_worker.media.video.codecs import canonical_codec
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.planes import planes_of
from augmentation_worker.media.video.segment import VideoSegment, decode_frames

_log = logging.getLogger(__name__)

NVDEC_PIX_FMT = "yuv420p"
"""Pixel format of the videos that are tried: its 8 bits come out as NV12, which is the same values in another order."""

_NATIVE_DECODERS = {"h264": "h264", "hevc": "hevc", "vp9": "vp9", "av1": "av1"}
"""FFmpeg's own decoders by codec. Asked for AV1 it would take dav1d, which knows no hardware (torchcodec#443)."""

TORCH_CONTEXT: Mapping[str, object] = MappingProxyType({"primary_ctx": "0", "current_ctx": "1"})
"""Has FFmpeg work in the CUDA context that torch has made current. It would ask for the same one by `primary_ctx`, and
refuse it for its flags, as torch has set it up before and otherwise (PyAV#2339)."""

_TRIAL_FRAMES = 5

Nv12 = tuple[torch.Tensor, torch.Tensor]
"""Luma, uint8 [H, W], and chroma, uint8 [H/2, W/2, 2], on the GPU: views of FFmpeg's memory, valid in its queue."""

_Answer = tuple[Path, int, int]
_answers: dict[_Answer, str | None] = {}


def refusal_of(segment: VideoSegment, device: torch.device) -> str | None:
    """Why the GPU does not decode a video; None: it does, and its first frames are those of the CPU, bit for bit.

    Asked once per file: all its episodes have the same encoding.
    """
    status = segment.path.stat()
    answer = (segment.path, status.st_size, status.st_mtime_ns)
    if answer not in _answers:
        _answers[answer] = _try(segment, device)
        by = f"CPU threads: {_answers[answer]}" if _answers[answer] else "NVDEC, whose frames equal the CPU's"
        _log.info("%s is decoded by %s", segment.path.name, by)
    return _answers[answer]


def decode_on_gpu(segment: VideoSegment, device: torch.device) -> Iterator[av.VideoFrame]:
    """The frames of a segment, each in the GPU's memory; for `nv12_of`.

    Raises:
        VideoInvalid: as `decode_frames`, or if the GPU reports an error.
    """
    return decode_frames(segment, HardwareDecoder(device))


def nv12_of(frame: av.VideoFrame) -> Nv12:
    """The planes of a frame that is in the GPU's memory, without a copy. They keep the frame's memory."""
    # PyAV exports to no stream but FFmpeg's own, and torch would ask for its current one: a capsule asks for none.
    luma, chroma = (from_dlpack(cast(Any, plane).__dlpack__()) for plane in frame.planes)
    return luma, chroma


class HardwareDecoder:
    """Opens decoders for `decode_frames`, each of FFmpeg's own kind with the GPU's hardware.

    Args:
        device: the GPU; None: the same decoders without hardware, by which tests see that they are opened right.
    """

    def __init__(self, device: torch.device | None) -> None:
        self._device = device

    def __call__(
        self, container: av.container.InputContainer, stream: av.VideoStream
    ) -> Callable[[], Iterator[av.VideoFrame]]:
        """A function that decodes from where the container is."""
        source = stream.codec_context
        name = _NATIVE_DECODERS.get(canonical_codec(source.codec.canonical_name))
        if name is None:
            raise NotImplementedError(f"NVDEC is not tried for {source.codec.canonical_name}")
        context = cast(av.VideoCodecContext, av.CodecContext.create(name, "r", hwaccel=self._hardware()))
        context.extradata = source.extradata
        # What a container says counts where the stream itself says nothing, as in a context that FFmpeg opens.
        context.colorspace, context.color_range = source.colorspace, source.color_range
        context.color_primaries, context.color_trc = source.color_primaries, source.color_trc
        context.thread_count = 1

        def decode() -> Iterator[av.VideoFrame]:
            if context.is_open:
                context.flush_buffers()
            for packet in container.demux(stream):
                yield from context.decode(packet)

        return decode

    def _hardware(self) -> HWAccel | None:
        if self._device is None:
            return None
        # A first tensor makes the context current in this thread.
        number = torch.zeros(1, device=self._device).device.index
        return HWAccel(
            "cuda", device=str(number), allow_software_fallback=False, options=dict(TORCH_CONTEXT), is_hw_owned=True
        )


def _try(segment: VideoSegment, device: torch.device) -> str | None:
    count = min(_TRIAL_FRAMES, segment.frames)
    tried = VideoSegment(segment.path, segment.first_frame, count, Fraction(segment.fps))
    try:
        on_gpu = decode_on_gpu(tried, device)
        for number, expected in enumerate(islice(decode_frames(tried), count)):
            if expected.format.name != NVDEC_PIX_FMT or expected.width % 2 or expected.height % 2:
                return f"{expected.format.name} of {expected.width}x{expected.height} pixels is not tried"
            if (difference := _difference(next(on_gpu), expected)) is not None:
                return f"frame {number}: {difference}"
    except (av.FFmpegError, VideoInvalid, NotImplementedError, RuntimeError, StopIteration) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _difference(frame: av.VideoFrame, expected: av.VideoFrame) -> str | None:
    """How a frame in the GPU's memory differs from the CPU's, in its tags or its pixels."""
    if frame.format.name != "cuda":
        return f"NVDEC gave a frame of {frame.format.name}"
    if (stored := frame.sw_format.name if frame.sw_format else None) != "nv12":
        return f"NVDEC stored it as {stored}"
    for name in ("width", "height", "pts", "colorspace", "color_range"):
        if getattr(frame, name) != getattr(expected, name):
            return f"its {name} is {getattr(frame, name)}, the CPU's {getattr(expected, name)}"
    luma, chroma = (plane.cpu() for plane in nv12_of(frame))
    planes = (luma, chroma[..., 0], chroma[..., 1])
    if not all(
        torch.equal(plane, torch.from_numpy(values.copy()))
        for plane, values in zip(planes, planes_of(expected), strict=True)
    ):
        return "its pixels are not the CPU's"
    return None
