"""One episode of one camera: decoded once, augmented and encoded once per copy."""

import logging
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from augmentation_worker.media.cores import usable_cores
from augmentation_worker.media.device import AugmentDevice
from augmentation_worker.media.stage_clock import Stage, StageClock
from augmentation_worker.media.video.copy_writer import BATCHES_AHEAD, CopyWriter
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.encoded_copy import EncodedCopy
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.properties import VideoProperties, probe_video
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.transforms.pipeline import EpisodeTransform

_log = logging.getLogger(__name__)

BATCH_BYTES = 4 * 2**20
"""Bytes per batch of RGB frames on a CPU: what a step leaves of it in the cache, the next one finds there. Every copy
has several of them in memory, and encoders begin with the first one."""

GPU_BATCH_BYTES = 16 * 2**20
"""The same on a GPU, which starts a kernel for each step of a batch."""

MAX_BATCH_FRAMES = 64

MAX_CONCURRENT_COPIES = 8
"""Copies encoded concurrently, unless there are more cores: SVT-AV1 starts 16 threads per encoder, and 160 copies would
exceed the limits that pods and nodes have on threads. Decoding again for the next ones costs a few percent of encoding.
"""

ON_CPU = "made by the CPU"

MAX_CONCURRENT_PIXELS = MAX_CONCURRENT_COPIES * 480 * 640
"""Pixels of a frame times the concurrent copies: an encoder holds dozens of frames (SVT-AV1's about 350 bytes per
pixel)."""


@dataclass(frozen=True)
class EncodedEpisode:
    """The copies of one episode of one camera.

    Attributes:
        copies: in the order of their pipelines.
        display_matrix: how a player has to turn them, as their source; None: not at all.
        made_by: in words, what decoded and converted them, and how they reached their encoders.
    """

    copies: tuple[EncodedCopy, ...]
    display_matrix: bytes | None
    made_by: str = ON_CPU


def encode_copies(
    segment: VideoSegment,
    pipelines: Sequence[EpisodeTransform],
    folder: Path,
    encoding: VideoEncoding,
    *,
    device: AugmentDevice,
    on_frames: Callable[[int], None] | None = None,
    batch_size: int | None = None,
    stages: StageClock | None = None,
) -> EncodedEpisode:
    """Write the copies of one episode of one camera into a file each, to be joined with others without encoding again.

    The episode is decoded once per group of concurrent copies: see `copies_at_once`. Each copy is augmented, hashed and
    encoded in its own thread. Memory is bounded whatever the length and the number of copies. The bytes of the files
    depend on the arguments only (with the same build of the codec), not on the machine's cores or on the device.

    Args:
        segment: the source episode.
        pipelines: one per copy.
        folder: for the files; what lies in it is removed first.
        encoding: how to encode.
        device: where to augment.
        on_frames: called in the caller's thread with the number of augmented frames that were encoded since the last
            call; their sum is frames x copies. An exception that it raises stops the work.
        batch_size: frames per batch; default: by the size of the frames. It changes no pixel.
        stages: counts the seconds of decoding, transforms and encoding.

    Raises:
        VideoInvalid: if the source is not what the segment says.
        ValueError: if there is no pipeline, or the encoder does not take these frames.
    """
    if not pipelines:
        raise ValueError("an episode has at least one copy: no pipeline was passed")
    properties = probe_video(segment.path)
    stages = stages or StageClock()
    batch_size = batch_size or frames_per_batch(properties.width, properties.height, on_gpu=device == "cuda")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        writers: list[CopyWriter] = []
        made_by = ON_CPU
        at_once = copies_at_once(properties.width, properties.height)
        for begin in range(0, len(pipelines), at_once):
            group = list(enumerate(pipelines))[begin : begin + at_once]
            if device == "cuda":
                on_gpu, made_by = _encode_on_gpu(
                    segment, group, folder, encoding, properties, device, on_frames, batch_size, stages
                )
                writers += on_gpu
            else:
                writers += _encode_copies(segment, group, folder, encoding, properties, on_frames, batch_size, stages)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return EncodedEpisode(tuple(writer.result() for writer in writers), properties.display_matrix, made_by)


class _CpuCopyWriter(CopyWriter):
    """Augments the batches, too."""

    def __init__(
        self,
        path: Path,
        segment: VideoSegment,
        pipeline: EpisodeTransform,
        encoding: VideoEncoding,
        properties: VideoProperties,
        threads: int,
        stages: StageClock,
    ) -> None:
        encoder = VideoEncoder(
            path,
            encoding,
            fps=segment.fps,
            width=properties.width,
            height=properties.height,
            colors=properties.colors,
            pixel_aspect=properties.pixel_aspect,
            threads=threads,
        )
        super().__init__(path, encoder, segment.frames, stages)
        self._pipeline = pipeline

    def submit(self, batch: NDArray[np.uint8], first_frame: int) -> int:
        """Hand over a batch; returns how many frames were finished, after waiting if it is too far behind."""
        finished = 0
        while len(self._pending) >= BATCHES_AHEAD:
            finished += self._pending.popleft().result()
        self._pending.append(self._thread.submit(self._write, batch, first_frame))
        return finished

    def _write(self, batch: NDArray[np.uint8], first_frame: int) -> int:
        with self._stages.measure(Stage.TRANSFORM):
            frames = np.ascontiguousarray(self._pipeline(batch, first_frame))
            self._hash.update(frames)
            self._statistics.add(frames, first_frame)
        with self._stages.measure(Stage.ENCODE):
            self._encoder.write(frames)
        return len(frames)


def frames_per_batch(width: int, height: int, *, on_gpu: bool = False) -> int:
    """How many frames of this size in pixels are decoded and augmented at a time; 1 at least."""
    return max(1, min(MAX_BATCH_FRAMES, (GPU_BATCH_BYTES if on_gpu else BATCH_BYTES) // (3 * width * height)))


def copies_at_once(width: int, height: int) -> int:
    """How many copies of an episode are encoded concurrently, for frames of this size in pixels."""
    return max(usable_cores(), min(MAX_CONCURRENT_COPIES, MAX_CONCURRENT_PIXELS // (width * height)))


def _encode_copies(
    segment: VideoSegment,
    copies: Sequence[tuple[int, EpisodeTransform]],
    folder: Path,
    encoding: VideoEncoding,
    properties: VideoProperties,
    on_frames: Callable[[int], None] | None,
    batch_size: int,
    stages: StageClock,
) -> Sequence[CopyWriter]:
    """Encode each copy (its number, its pipeline) into a file of its own."""
    threads = max(1, usable_cores() // len(copies))
    report = on_frames or (lambda frames: None)
    with ExitStack() as running:
        writers = []
        for copy, pipeline in copies:
            path = folder / f"copy-{copy:03d}.mp4"
            writers.append(_CpuCopyWriter(path, segment, pipeline, encoding, properties, threads, stages))
            running.callback(writers[-1].stop)
        first_frame = 0
        for batch in stages.over(Stage.DECODE, decode_segment(segment, batch_size)):
            for writer in writers:
                if finished := writer.submit(batch, first_frame):
                    report(finished)
            first_frame += len(batch)
        for writer in writers:
            writer.end()
        for writer in writers:
            report(writer.finish())
    return writers


def _encode_on_gpu(
    segment: VideoSegment,
    copies: Sequence[tuple[int, EpisodeTransform]],
    folder: Path,
    encoding: VideoEncoding,
    properties: VideoProperties,
    device: AugmentDevice,
    on_frames: Callable[[int], None] | None,
    batch_size: int,
    stages: StageClock,
) -> tuple[Sequence[CopyWriter], str]:
    """The same on a GPU, unless its pixels are not the CPU's; and in words, what made them."""
    import torch  # noqa: PLC0415 (only with a GPU)

    from augmentation_worker.media.video.gpu.color_kernels import gpu_colors  # noqa: PLC0415
    from augmentation_worker.media.video.gpu.episode import GpuDiffers, GpuEpisode  # noqa: PLC0415

    gpu = torch.device(device)
    colors = gpu_colors(gpu)
    episode = GpuEpisode(
        segment, copies, folder, encoding, properties, gpu, batch_size, stages, on_frames=on_frames, colors=colors
    )
    try:
        return episode.make(), episode.made_by
    except GpuDiffers as difference:
        _log.error("The CPU augments instead of the GPU: %s", difference)
        made = _encode_copies(segment, copies, folder, encoding, properties, on_frames, batch_size, stages)
        return made, f"{ON_CPU}, as {difference}"
