"""Decoded frames of an episode as batches of RGB in a GPU's memory: by NVDEC, or by CPU threads and an upload."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import av
import torch
from typing_extensions import override

from augmentation_worker.media.video.colors import ColorConverter, ColorTags
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.gpu.color_kernels import ColorKernels, GpuColors, Planes
from augmentation_worker.media.video.gpu.nvdec import decode_on_gpu, nv12_of, refusal_of
from augmentation_worker.media.video.gpu.plane_layout import PlaneLayout
from augmentation_worker.media.video.gpu.work_queue import Mark, WorkQueue, default_queue, host_buffer, new_queue
from augmentation_worker.media.video.properties import FULL_RANGE_FORMATS, VideoProperties
from augmentation_worker.media.video.segment import VideoSegment, decode_frames

BUFFERS = 2
"""Buffers that take turns: one is filled while the other is copied or read."""


class SourceRefused(Exception):
    """A video is not what it seemed: NVDEC fails in it, or it changes its format, which only the CPU's way follows."""


@dataclass(frozen=True)
class SourceBatch:
    """Consecutive frames of an episode in a device's memory.

    Attributes:
        frames: uint8 [N, 3, H, W], RGB, which belongs to the source: see `FrameSource.release`.
        first_frame: index in the episode of the first of them.
        ready: where in the source's queue they are complete.
    """

    frames: torch.Tensor
    first_frame: int
    ready: Mark


class _Transfer(Protocol):
    """Takes decoded frames, and writes a batch of them as RGB into a device's memory."""

    queue: WorkQueue
    name: str

    def decode(self, segment: VideoSegment) -> Iterator[av.VideoFrame]:
        """The frames, as this transfer takes them."""

    def put(self, place: int, frame: av.VideoFrame) -> None:
        """Take the frame of a place in the batch."""

    def finish(self, frames: torch.Tensor) -> None:
        """Queue the writing of the batch into uint8 [N, 3, H, W]."""


class FrameSource:
    """The frames of one episode in a device's memory, batch by batch.

    Args:
        segment: the episode.
        properties: of its video.
        device: the GPU, or a CPU, on which the same steps run one after the other.
        batch_size: frames per batch.
        gpu_colors: converts colours on the device; None: the CPU does, and decodes.
    """

    def __init__(
        self,
        segment: VideoSegment,
        properties: VideoProperties,
        device: torch.device,
        batch_size: int,
        gpu_colors: GpuColors | None,
    ) -> None:
        self._segment = segment
        self._transfer = _transfer(segment, properties, device, batch_size, gpu_colors)
        shape = (batch_size, 3, properties.height, properties.width)
        self._batches = [torch.empty(shape, dtype=torch.uint8, device=device) for _ in range(BUFFERS)]
        self._in_use: dict[int, Mark] = {}

    @property
    def decoder(self) -> str:
        """What decodes, in words."""
        return self._transfer.name

    def __iter__(self) -> Iterator[SourceBatch]:
        first_frame = filled = turn = 0
        batch = self._batches[0]
        for offset, frame in enumerate(self._transfer.decode(self._segment)):
            if filled == 0:
                batch = self._batches[turn]
            self._transfer.put(filled, frame)
            filled += 1
            if filled == len(batch) or offset + 1 == self._segment.frames:
                if (mark := self._in_use.pop(turn, None)) is not None:
                    self._transfer.queue.follow(mark)
                with self._transfer.queue.use():
                    self._transfer.finish(batch[:filled])
                yield SourceBatch(batch[:filled], first_frame, self._transfer.queue.mark())
                first_frame, filled, turn = first_frame + filled, 0, (turn + 1) % BUFFERS

    def release(self, batch: SourceBatch, read: Mark) -> None:
        """Let the memory of a batch be written again when all that reads it has reached a mark."""
        turn = next(number for number, own in enumerate(self._batches) if own.data_ptr() == batch.frames.data_ptr())
        self._in_use[turn] = read


class _Pinned:
    """Page-locked memory in several pieces that take turns; a piece is written again when its copy is over."""

    def __init__(self, shape: tuple[int, ...], device: torch.device) -> None:
        self._pieces = [host_buffer(shape, device) for _ in range(BUFFERS)]
        self._copied: dict[int, Mark] = {}
        self._turn = 0

    def piece(self) -> torch.Tensor:
        """The piece to write to."""
        if (mark := self._copied.pop(self._turn, None)) is not None:
            mark.wait()
        return self._pieces[self._turn]

    def copy(self, target: torch.Tensor, queue: WorkQueue) -> None:
        """Queue the copying of the piece into `target`, and take the next."""
        target.copy_(self._pieces[self._turn][: len(target)], non_blocking=True)
        self._copied[self._turn] = queue.mark()
        self._turn = (self._turn + 1) % BUFFERS


class _RgbUpload(_Transfer):
    """Decoded and converted by the CPU; 3 bytes per pixel are uploaded."""

    name = "CPU threads, and uploaded as RGB"

    def __init__(self, properties: VideoProperties, device: torch.device, batch_size: int) -> None:
        self.queue = new_queue(device)
        self._pinned = _Pinned((batch_size, 3, properties.height, properties.width), device)
        self._converter = ColorConverter()

    @override
    def decode(self, segment: VideoSegment) -> Iterator[av.VideoFrame]:
        return decode_frames(segment)

    @override
    def put(self, place: int, frame: av.VideoFrame) -> None:
        self._converter.to_rgb(frame, self._pinned.piece()[place].numpy())

    @override
    def finish(self, frames: torch.Tensor) -> None:
        self._pinned.copy(frames, self.queue)


@dataclass(frozen=True)
class _Conversion:
    """How the planes of a video become RGB on a device."""

    kernels: ColorKernels
    colors: ColorTags
    siting: str

    def __call__(self, planes: Planes, frames: torch.Tensor) -> None:
        self.kernels.to_rgb(planes, self.colors, self.siting, frames)


class _PlaneUpload(_Transfer):
    """Decoded by the CPU; its planes are uploaded, 1.5 bytes per pixel of 4:2:0, and converted on the device."""

    name = "CPU threads, and uploaded as YUV"

    def __init__(
        self, properties: VideoProperties, device: torch.device, batch_size: int, convert: _Conversion
    ) -> None:
        self.queue = new_queue(device)
        self._layout = PlaneLayout.of(properties.pix_fmt, properties.height, properties.width)
        self._convert = convert
        self._pinned = _Pinned((batch_size, self._layout.size), device)
        self._planes = torch.empty((batch_size, self._layout.size), dtype=torch.uint8, device=device)

    @override
    def decode(self, segment: VideoSegment) -> Iterator[av.VideoFrame]:
        return decode_frames(segment)

    @override
    def put(self, place: int, frame: av.VideoFrame) -> None:
        _check_format(frame, self._layout.pix_fmt, self._convert.colors)
        self._layout.store(frame, self._pinned.piece()[place])

    @override
    def finish(self, frames: torch.Tensor) -> None:
        planes = self._planes[: len(frames)]
        self._pinned.copy(planes, self.queue)
        self._convert(self._layout.views(planes), frames)


class _Nvdec(_Transfer):
    """Decoded by the GPU into its own memory."""

    name = "NVDEC"

    def __init__(
        self, properties: VideoProperties, device: torch.device, batch_size: int, convert: _Conversion
    ) -> None:
        self.queue = default_queue(device)
        self._device = device
        self._convert = convert
        # FFmpeg decodes into few surfaces and needs them back: a frame is copied within the GPU, and let go.
        self._surfaces = torch.empty(
            (batch_size, properties.height * 3 // 2, properties.width), dtype=torch.uint8, device=device
        )
        self._height = properties.height

    @override
    def decode(self, segment: VideoSegment) -> Iterator[av.VideoFrame]:
        try:
            yield from decode_on_gpu(segment, self._device)
        except VideoInvalid as error:
            raise SourceRefused(f"NVDEC: {error}") from error

    @override
    def put(self, place: int, frame: av.VideoFrame) -> None:
        _check_format(frame, "cuda", self._convert.colors)
        with self.queue.use():
            luma, chroma = nv12_of(frame)
            surface = self._surfaces[place]
            surface[: self._height].copy_(luma, non_blocking=True)
            surface[self._height :].copy_(chroma.flatten(1), non_blocking=True)

    @override
    def finish(self, frames: torch.Tensor) -> None:
        surfaces = self._surfaces[: len(frames)]
        luma, chroma = surfaces[:, : self._height], surfaces[:, self._height :]
        self._convert((luma, chroma[..., 0::2], chroma[..., 1::2]), frames)


def _transfer(
    segment: VideoSegment,
    properties: VideoProperties,
    device: torch.device,
    batch_size: int,
    gpu_colors: GpuColors | None,
) -> _Transfer:
    """The shortest way into the device's memory that gives the bits of the CPU."""
    if gpu_colors is not None and properties.bits == 8:
        siting = gpu_colors.siting_in(segment, properties.colors)
        if siting is not None:
            convert = _Conversion(gpu_colors.kernels, properties.colors, siting)
            if device.type == "cuda" and refusal_of(segment, device) is None:
                return _Nvdec(properties, device, batch_size, convert)
            return _PlaneUpload(properties, device, batch_size, convert)
    return _RgbUpload(properties, device, batch_size)


def _check_format(frame: av.VideoFrame, pix_fmt: str, colors: ColorTags) -> None:
    """Raise SourceRefused unless a frame is converted like the video's first."""
    name = FULL_RANGE_FORMATS.get(frame.format.name, frame.format.name)
    found = (name, int(frame.colorspace), int(frame.color_range))
    if found != (pix_fmt, colors.matrix, colors.range):
        raise SourceRefused(f"a frame is {found}, not {(pix_fmt, colors.matrix, colors.range)}")
