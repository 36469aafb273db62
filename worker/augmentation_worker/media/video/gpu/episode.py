"""One episode of one camera on a GPU: what `episode.py` does on the CPU, with everything at work at the same time.

One thread decodes and queues: the upload, the transforms of all copies, the conversion to YUV and the download, each
of which the GPU does while it does the others for another batch. A thread per copy hashes and encodes what has arrived.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import cast

import torch

from augmentation_worker.media.cores import usable_cores
from augmentation_worker.media.stage_clock import Stage, StageClock
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.gpu.color_kernels import GpuColors
from augmentation_worker.media.video.gpu.copy_writer import GpuCopyWriter
from augmentation_worker.media.video.gpu.encoder_input import EncoderInput, PlaneInput, RgbInput, SurfaceInput
from augmentation_worker.media.video.gpu.frame_source import FrameSource, SourceBatch, SourceRefused
from augmentation_worker.media.video.gpu.surface_encoder import encodes_surfaces
from augmentation_worker.media.video.gpu.work_queue import finish_all, new_queue
from augmentation_worker.media.video.properties import VideoProperties
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.transforms.pipeline import EpisodeTransform, has_triton

_log = logging.getLogger(__name__)

KERNELS = "augmentation_worker.transforms.cuda.fused_copies"
"""The module of the kernels, which imports Triton; it is imported when a GPU is used, and not before."""

Augment = Callable[[torch.Tensor, int], list[torch.Tensor]]
"""Frames on a device, uint8 [N, 3, H, W], and the index of the first of them → those of each copy, in memory of their
own."""

_compared: set[tuple[object, ...]] = set()
"""Kinds of copies whose pixels were found to be the CPU's."""


class GpuDiffers(Exception):
    """The GPU gives other pixels than the CPU: results made by it would not be reproducible."""


@dataclass
class GpuEpisode:
    """The copies of an episode that are encoded at the same time.

    Attributes:
        segment: the source episode.
        copies: number and pipeline of each.
        folder: for their files.
        encoding: how they are encoded.
        properties: of the source's video.
        device: the GPU, or a CPU, on which the same is done one after the other.
        batch_size: frames per batch.
        stages: takes the seconds of each stage.
        on_frames: called in the caller's thread with the number of augmented frames that were encoded since the last
            call.
        colors: converts colours on the device; None: the CPU does.
        made_by: in words, what decoded the frames, and how they reached their encoders.
    """

    segment: VideoSegment
    copies: Sequence[tuple[int, EpisodeTransform]]
    folder: Path
    encoding: VideoEncoding
    properties: VideoProperties
    device: torch.device
    batch_size: int
    stages: StageClock
    on_frames: Callable[[int], None] | None = None
    colors: GpuColors | None = None
    made_by: str = field(default="", init=False)
    _encoded: int = field(default=0, init=False)
    _reported: int = field(default=0, init=False)

    def make(self) -> list[GpuCopyWriter]:
        """Encode each copy into a file of its own, by what the GPU has.

        What NVDEC or the GPU's conversion of colours refuses on the way is done again by the CPU.

        Raises:
            GpuDiffers: if the GPU gives other pixels than the CPU.
            VideoInvalid: if the source is not what the segment says.
        """
        try:
            return self._make(self.colors)
        except SourceRefused as refusal:
            _log.warning("%s is decoded and converted by the CPU: %s", self.segment.path.name, refusal)
            self._encoded = 0
            return self._make(None)

    def _make(self, gpu_colors: GpuColors | None) -> list[GpuCopyWriter]:
        augment = augmentation_of([pipeline for _, pipeline in self.copies], self.device)
        source = FrameSource(self.segment, self.properties, self.device, self.batch_size, gpu_colors)
        way = self._way(gpu_colors)
        self.made_by = f"decoded by {source.decoder}, {way.in_words}"
        transforms, downloads = new_queue(self.device), new_queue(self.device)
        with ExitStack() as running:
            running.callback(finish_all, self.device)
            writers = []
            for number, _ in self.copies:
                writers.append(self._writer(number, way))
                running.callback(writers[-1].stop)
            for batch in self.stages.over(Stage.DECODE, source):
                with self.stages.measure(Stage.TRANSFORM), transforms.use():
                    transforms.follow(batch.ready)
                    augmented = self._augment(augment, batch)
                source.release(batch, transforms.mark())
                for writer, frames in zip(writers, augmented, strict=True):
                    self._report(writer.submit(frames, batch.first_frame, transforms, downloads))
            for writer in writers:
                writer.end()
            for writer in writers:
                self._report(writer.finish())
        return writers

    def _way(self, gpu_colors: GpuColors | None) -> EncoderInput:
        """How frames leave the GPU; encoders of all copies are alike."""
        height, width, colors = self.properties.height, self.properties.width, self.properties.colors
        size = (self.batch_size, height, width)
        if gpu_colors is None or not gpu_colors.makes(self.encoding.pix_fmt, colors, height, width):
            return RgbInput(size, self.device)
        if encodes_surfaces(self.encoding, width, height, len(self.copies), self.device):
            return SurfaceInput(size, colors, gpu_colors.kernels, self.device)
        return PlaneInput(size, self.encoding.pix_fmt, colors, gpu_colors.kernels, self.device)

    def _writer(self, number: int, way: EncoderInput) -> GpuCopyWriter:
        path = self.folder / f"copy-{number:03d}.mp4"
        encoder = VideoEncoder(
            path,
            self.encoding,
            fps=self.segment.fps,
            width=self.properties.width,
            height=self.properties.height,
            colors=self.properties.colors,
            pixel_aspect=self.properties.pixel_aspect,
            threads=max(1, usable_cores() // len(self.copies)),
            surfaces=way.frames_kept or None,
        )
        return GpuCopyWriter(path, encoder, way, self.segment.frames, self.batch_size, self.stages)

    def _augment(self, augment: Augment, batch: SourceBatch) -> list[torch.Tensor]:
        """Augmented frames of each copy, in memory of their own; those of a new kind are compared with the CPU's."""
        kinds = [(batch.frames.shape[2:], *_kind_of(pipeline)) for _, pipeline in self.copies]
        if self.device.type == "cpu" or _compared.issuperset(kinds):
            return augment(batch.frames, batch.first_frame)
        try:
            made = augment(batch.frames, batch.first_frame)
            first = [frames[:1].cpu() for frames in made]
        except (
            Exception
        ) as error:  # whatever a compiler or driver raises: if the cause is another, the CPU meets it too
            raise GpuDiffers(f"the GPU fails: {type(error).__name__}: {error}") from error
        source = batch.frames[:1].cpu()
        for (number, pipeline), frame in zip(self.copies, first, strict=True):
            if not torch.equal(frame, pipeline(source, batch.first_frame)):
                names = ", ".join(pipeline.parameters)
                raise GpuDiffers(f"copy {number} ({names}): the GPU's pixels of frame {batch.first_frame} are others")
        _compared.update(kinds)
        return made

    def _report(self, frames: int) -> None:
        """Count frames, and report those that were not reported in an attempt before."""
        self._encoded += frames
        if self.on_frames is not None and self._encoded > self._reported:
            news, self._reported = self._encoded - self._reported, self._encoded
            self.on_frames(news)


def _kind_of(pipeline: EpisodeTransform) -> list[str]:
    """What its steps are: their names, and parameters in words, e.g. the kind of noise."""
    return [
        word
        for name, parameters in pipeline.parameters.items()
        for word in (name, *(each for each in parameters.values() if isinstance(each, str)))
    ]


def augmentation_of(pipelines: Sequence[EpisodeTransform], device: torch.device) -> Augment:
    """What augments the copies of an episode: on a GPU all of them at once, where its kernels are."""

    def one_by_one(frames: torch.Tensor, first_frame: int) -> list[torch.Tensor]:
        made = [pipeline(frames, first_frame).contiguous() for pipeline in pipelines]
        return [each.clone() if each.data_ptr() == frames.data_ptr() else each for each in made]

    if device.type == "cpu" or not has_triton():
        return one_by_one
    return cast(Augment, import_module(KERNELS).FusedCopies(pipelines))
