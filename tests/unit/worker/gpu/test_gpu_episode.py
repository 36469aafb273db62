"""Episodes as a GPU makes them: here with a CPU in its place, on which each step is done when it is queued.

What only a GPU can show (streams, NVDEC, NVENC) is compared with the CPU by `make test-gpu`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import av
import numpy as np
import pytest
import torch

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.device import AugmentDevice
from augmentation_worker.media.stage_clock import Stage, StageClock
from augmentation_worker.media.video import cuda_colors
from augmentation_worker.media.video.check import check_video
from augmentation_worker.media.video.colors import ColorTags
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.encoded_copy import EncodedCopy
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.episode import ON_CPU, EncodedEpisode, encode_copies
from augmentation_worker.media.video.gpu import episode as gpu_episode
from augmentation_worker.media.video.gpu import frame_source
from augmentation_worker.media.video.gpu.color_kernels import ColorKernels, GpuColors, Planes, TritonKernels, gpu_colors
from augmentation_worker.media.video.gpu.copy_writer import GpuCopyWriter
from augmentation_worker.media.video.gpu.encoder_input import SurfaceInput
from augmentation_worker.media.video.gpu.episode import GpuEpisode
from augmentation_worker.media.video.gpu.frame_source import SourceRefused
from augmentation_worker.media.video.gpu.plane_layout import SurfaceLayout
from augmentation_worker.media.video.gpu.surface_encoder import frame_of_surface
from augmentation_worker.media.video.gpu.work_queue import new_queue
from augmentation_worker.media.video.nvenc import prefer_nvenc
from augmentation_worker.media.video.properties import probe_video
from augmentation_worker.media.video.segment import VideoSegment, decode_frames
from augmentation_worker.transforms.cuda.fused_copies import FusedCopies
from augmentation_worker.transforms.frames import Frames
from augmentation_worker.transforms.pipeline import EpisodeTransform, sample_pipeline
from tests.unit.worker.pixels.conftest import moving_scene, psnr

from .swscale_kernels import SwscaleKernels

CPU, HEIGHT, WIDTH, FRAMES, COPIES, BATCH = torch.device("cpu"), 48, 64, 23, 3, 4
H264 = VideoEncoding(VideoCodec.H264, crf=20, gop=2, preset="ultrafast")
FOUR = [TransformName.LIGHTING, TransformName.NOISE, TransformName.BLUR, TransformName.OCCLUSION]


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> VideoSegment:
    """An episode that begins between key frames, in noise: no two frames are alike."""
    path = tmp_path_factory.mktemp("source") / "source.mp4"
    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (30, 3, HEIGHT, WIDTH), np.uint8))
    with VideoEncoder(path, replace(H264, crf=30), fps=10, width=WIDTH, height=HEIGHT) as encoder:
        encoder.write(noise.numpy())
    return VideoSegment(path, 3, FRAMES, 10)


@pytest.fixture(scope="module")
def pipelines() -> list[EpisodeTransform]:
    augmentation = Augmentation(copies=COPIES, transforms=FOUR)
    return [
        sample_pipeline(augmentation, camera="top", episode=0, copy=copy, episode_mean=(0.5, 0.4, 0.5))
        for copy in range(COPIES)
    ]


@pytest.fixture(scope="module")
def on_cpu(
    segment: VideoSegment, pipelines: Sequence[EpisodeTransform], tmp_path_factory: pytest.TempPathFactory
) -> EncodedEpisode:
    """What every way has to give."""
    return encode_copies(segment, pipelines, tmp_path_factory.mktemp("cpu") / "copies", H264, device="cpu")


def episode(
    segment: VideoSegment, pipelines: Sequence[EpisodeTransform], folder: Path, kernels: ColorKernels | None = None
) -> GpuEpisode:
    folder.mkdir()
    properties = probe_video(segment.path)
    copies = list(enumerate(pipelines))
    colors = None if kernels is None else GpuColors(kernels, CPU)
    return GpuEpisode(segment, copies, folder, H264, properties, CPU, BATCH, StageClock(), colors=colors)


def contents(copies: Sequence[EncodedCopy]) -> list[tuple[object, ...]]:
    return [(copy.frames, copy.pixel_hash, copy.statistics, copy.path.read_bytes()) for copy in copies]


def results(writers: Sequence[GpuCopyWriter]) -> list[tuple[object, ...]]:
    return contents([writer.result() for writer in writers])


@pytest.mark.parametrize(
    ("kernels", "uploads", "downloads"),
    [
        (None, "RGB", "RGB"),
        (SwscaleKernels(), "YUV", "YUV"),
        (SwscaleKernels(sitings=("center",)), "RGB", "YUV"),
        (SwscaleKernels("yuv444p"), "RGB", "RGB"),
    ],
)
def test_every_way_writes_the_files_of_the_cpu(
    tmp_path: Path,
    segment: VideoSegment,
    pipelines: list[EpisodeTransform],
    on_cpu: EncodedEpisode,
    kernels: SwscaleKernels | None,
    uploads: str,
    downloads: str,
) -> None:
    reported: list[int] = []
    made = episode(segment, pipelines, tmp_path / "gpu", kernels)
    made.on_frames = reported.append
    assert results(made.make()) == contents(on_cpu.copies)
    assert sum(reported) == FRAMES * COPIES
    assert f"uploaded as {uploads}" in made.made_by
    assert f"downloaded as {downloads}" in made.made_by
    assert {Stage.DECODE, Stage.TRANSFORM, Stage.ENCODE, Stage.HASH} <= set(made.stages.seconds())


def test_triton_kernels_augment_all_copies_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segment: VideoSegment
) -> None:
    """By Triton's interpreter, which reads a CPU's memory."""
    short, augmentation = replace(segment, frames=1), Augmentation(copies=2, transforms=[TransformName.GAMMA])
    pipelines = [
        sample_pipeline(augmentation, camera="top", episode=0, copy=copy, episode_mean=(0.5, 0.4, 0.5))
        for copy in range(2)
    ]
    expected = encode_copies(short, pipelines, tmp_path / "cpu", H264, device="cpu")
    monkeypatch.setattr(gpu_episode, "augmentation_of", lambda pipelines, device: FusedCopies(pipelines))
    assert results(episode(short, pipelines, tmp_path / "gpu").make()) == contents(expected.copies)


def test_what_the_fast_way_refuses_is_made_by_the_cpu_and_reported_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    segment: VideoSegment,
    pipelines: list[EpisodeTransform],
    on_cpu: EncodedEpisode,
) -> None:
    seen: list[av.VideoFrame] = []

    def refuse_late(frame: av.VideoFrame, *_: object) -> None:
        seen.append(frame)
        if len(seen) == 18:
            raise SourceRefused("its colours change")

    monkeypatch.setattr(frame_source, "_check_format", refuse_late)
    reported: list[int] = []
    made = episode(segment, pipelines, tmp_path / "gpu", SwscaleKernels())
    made.on_frames = reported.append
    assert results(made.make()) == contents(on_cpu.copies)
    assert sum(reported) == FRAMES * COPIES
    assert len(seen) == 18
    assert "YUV" not in made.made_by


def test_a_failing_transform_leaves_no_file_and_no_thread_waiting(
    tmp_path: Path, segment: VideoSegment, pipelines: list[EpisodeTransform]
) -> None:
    class Failing(EpisodeTransform):
        def __call__(self, frames: Frames, first_frame: int) -> Frames:
            if first_frame >= 2 * BATCH:
                raise RuntimeError(f"failed at frame {first_frame}")
            return frames

    with pytest.raises(RuntimeError, match="failed at frame 8"):
        episode(segment, [*pipelines, Failing(())], tmp_path / "gpu").make()
    assert list((tmp_path / "gpu").iterdir()) == []


def test_a_failing_encoder_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segment: VideoSegment, pipelines: list[EpisodeTransform]
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(VideoEncoder, "write", full)
    with pytest.raises(OSError, match="no space"):
        episode(segment, pipelines, tmp_path / "gpu").make()


def test_surfaces_are_encoded_where_they_are_and_reused_when_the_encoder_has_let_go(tmp_path: Path) -> None:
    kernels, queue = SwscaleKernels(), new_queue(CPU)
    frames = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (60, 3, HEIGHT, WIDTH), np.uint8))
    with VideoEncoder(tmp_path / "expected.mp4", H264, fps=10, width=WIDTH, height=HEIGHT) as expected:
        expected.write(frames.numpy())
    encoder = VideoEncoder(tmp_path / "made.mp4", H264, fps=10, width=WIDTH, height=HEIGHT)
    way = SurfaceInput((BATCH, HEIGHT, WIDTH), probe_video(tmp_path / "expected.mp4").colors, kernels, CPU)
    writer = GpuCopyWriter(tmp_path / "made.mp4", encoder, way, len(frames), BATCH, StageClock())
    finished = sum(writer.submit(frames[at : at + BATCH], at, queue, queue) for at in range(0, len(frames), BATCH))
    writer.end()
    assert finished + writer.finish() == len(frames)
    assert (tmp_path / "made.mp4").read_bytes() == (tmp_path / "expected.mp4").read_bytes()


def test_a_surface_is_one_piece_in_which_chroma_follows_luma() -> None:
    layout = SurfaceLayout(6, 10)
    surface = layout.new(2, CPU)[1]
    luma, chroma = layout.pair(surface)
    assert chroma.data_ptr() == luma.data_ptr() + layout.pitch * layout.height
    assert layout.pitch % 256 == 0
    luma[2, 3], chroma[1, 6], chroma[1, 7] = 7, 8, 9
    y, u, v = layout.planes(surface[None])
    assert (y[0, 2, 3], u[0, 1, 3], v[0, 1, 3]) == (7, 8, 9)
    assert frame_of_surface(layout, surface).planes[0].line_size == layout.pitch


@pytest.mark.parametrize(("codec", "siting"), [(VideoCodec.H264, "left"), (VideoCodec.AV1, "center")])
def test_where_chroma_lies_is_found_out_by_trying(tmp_path: Path, codec: VideoCodec, siting: str) -> None:
    path, tags = tmp_path / "video.mp4", ColorTags(matrix=1, range=1)
    with VideoEncoder(path, VideoEncoding.default(codec), fps=1, width=WIDTH, height=HEIGHT, colors=tags) as encoder:
        encoder.write(torch.zeros((1, 3, HEIGHT, WIDTH), dtype=torch.uint8).numpy())
    (frame,) = decode_frames(VideoSegment(path, 0, 1, 1))
    assert GpuColors(SwscaleKernels(), CPU).siting_of(frame, tags) == siting
    other = "center" if siting == "left" else "left"
    assert GpuColors(SwscaleKernels(sitings=(other,)), CPU).siting_of(frame, tags) is None
    assert GpuColors(SwscaleKernels("yuv422p"), CPU).siting_of(frame, tags) is None
    assert GpuColors(SwscaleKernels(), CPU).siting_of(frame, ColorTags(matrix=9)) is None


def test_kernels_that_give_other_values_or_fail_are_not_used() -> None:
    class Planar(SwscaleKernels):
        def to_yuv(self, frames: torch.Tensor, colors: ColorTags, planes: Planes) -> None:
            if planes[1].stride(-1) == 2:
                raise NotImplementedError("NV12")
            super().to_yuv(frames, colors, planes)

    class Darker(SwscaleKernels):
        def to_yuv(self, frames: torch.Tensor, colors: ColorTags, planes: Planes) -> None:
            super().to_yuv(frames, colors, planes)
            planes[2][0, 0, 0] ^= 1

    kind = ("yuv420p", ColorTags(), HEIGHT, WIDTH)
    assert GpuColors(SwscaleKernels(), CPU).makes(*kind)
    assert not GpuColors(Planar(), CPU).makes(*kind)
    assert not GpuColors(Darker(), CPU).makes(*kind)


@pytest.mark.parametrize(("codec", "siting"), [(VideoCodec.H264, "left"), (VideoCodec.AV1, "center")])
def test_triton_kernels_convert_episodes(tmp_path: Path, codec: VideoCodec, siting: str) -> None:
    """By Triton's interpreter: they are found to be exact, and then convert both ways, to planes and to surfaces."""
    path, frames = tmp_path / "video.mp4", moving_scene(2, 16, 32)
    with VideoEncoder(path, VideoEncoding.default(codec), fps=10, width=32, height=16) as encoder:
        encoder.write(frames.numpy())
    segment, properties = VideoSegment(path, 0, 2, 10), probe_video(path)
    colors = GpuColors(TritonKernels(cuda_colors), CPU)
    assert colors.siting_in(segment, properties.colors) == siting
    expected = encode_copies(segment, [EpisodeTransform(())], tmp_path / "cpu", H264, device="cpu")
    (tmp_path / "gpu").mkdir()
    copies = [(0, EpisodeTransform(()))]
    made = GpuEpisode(segment, copies, tmp_path / "gpu", H264, properties, CPU, 1, StageClock(), colors=colors)
    assert results(made.make()) == contents(expected.copies)
    assert "uploaded as YUV" in made.made_by
    assert "downloaded as YUV" in made.made_by


def test_a_cpu_has_no_kernels() -> None:
    assert gpu_colors(CPU) is None


GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: its episodes are not compared with the CPU's")


@GPU
@pytest.mark.gpu
@pytest.mark.parametrize(
    ("codec", "transforms"),
    [
        *((codec, FOUR) for codec in (VideoCodec.AV1, VideoCodec.H264, VideoCodec.HEVC)),
        *((VideoCodec.H264, [name]) for name in TransformName if name is not TransformName.BACKGROUND),  # needs masks
    ],
)
def test_a_gpu_writes_the_files_of_the_cpu(tmp_path: Path, codec: VideoCodec, transforms: list[TransformName]) -> None:
    """By whatever of decoder, kernels and conversions this GPU has."""
    source, encoding = tmp_path / "source.mp4", replace(VideoEncoding.default(codec), gop=5)
    with VideoEncoder(source, encoding, fps=10, width=320, height=240) as encoder:
        encoder.write(moving_scene(40, 240, 320).numpy())
    of_video = VideoSegment(source, 7, 33, 10)
    augmentation = Augmentation(copies=COPIES, transforms=transforms)
    sampled = [
        sample_pipeline(augmentation, camera="top", episode=1, copy=copy, episode_mean=(0.5, 0.4, 0.5))
        for copy in range(COPIES)
    ]
    on_cpu, on_gpu = (
        encode_copies(of_video, sampled, tmp_path / name, encoding, device=name, batch_size=8)
        for name in get_args(AugmentDevice)
    )
    print(f"{codec}: {on_gpu.made_by}")
    assert ON_CPU not in on_gpu.made_by
    assert contents(on_gpu.copies) == contents(on_cpu.copies)


@GPU
@pytest.mark.gpu
@pytest.mark.parametrize("codec", [VideoCodec.AV1, VideoCodec.H264, VideoCodec.HEVC])
def test_a_gpu_that_encodes_gets_the_pixels_of_the_cpu(tmp_path: Path, codec: VideoCodec) -> None:
    """From its own memory where the kernels of colours are there, and through the host's where not."""
    software = VideoEncoding.default(codec)
    encoding = prefer_nvenc(software, width=320, height=240, at_once=COPIES, scratch=tmp_path / "scratch")
    if not encoding.uses_nvenc:
        pytest.skip(f"no NVENC for {codec}: what it writes is not looked at")
    source, frames = tmp_path / "source.mp4", moving_scene(70, 240, 320)
    with VideoEncoder(source, H264, fps=10, width=320, height=240) as encoder:
        encoder.write(frames.numpy())
    unchanged = [EpisodeTransform(())] * COPIES
    segment = VideoSegment(source, 0, len(frames), 10)
    made = encode_copies(segment, unchanged, tmp_path / "gpu", encoding, device="cuda", batch_size=16)
    expected = encode_copies(segment, unchanged, tmp_path / "cpu", software, device="cpu")
    print(f"{codec}: {made.made_by}")
    if gpu_colors(torch.device("cuda")) is not None:
        assert "encoded from the GPU's memory" in made.made_by
    assert [copy.pixel_hash for copy in made.copies] == [copy.pixel_hash for copy in expected.copies]
    for copy in made.copies:
        check_video(copy.path, 10, len(frames))
        decoded = torch.from_numpy(np.concatenate(list(decode_segment(VideoSegment(copy.path, 0, len(frames), 10)))))
        assert psnr(decoded, frames) > 33
