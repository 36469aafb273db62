import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import av
import numpy as np
import pytest
import torch
import xxhash

from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.device import AugmentDevice
from augmentation_worker.media.image_statistics import ImageStatistics, ImageStatisticsCollector
from augmentation_worker.media.video import episode
from augmentation_worker.media.video.check import check_video
from augmentation_worker.media.video.concatenation import JoinedVideo
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.episode import encode_copies
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.transforms.frames import Frames
from augmentation_worker.transforms.pipeline import EpisodeTransform

from .conftest import SampleVideo, psnr

CPU: AugmentDevice = "cpu"
EPISODE = 2
Pipelines = Callable[..., list[EpisodeTransform]]


@pytest.fixture
def segment(sample: SampleVideo) -> VideoSegment:
    return VideoSegment(sample.path, sample.first_frame(EPISODE), sample.lengths[EPISODE], sample.fps)


@dataclass(frozen=True)
class Placed:
    """A copy in the file of all."""

    from_timestamp: float
    to_timestamp: float
    frames: int
    statistics: ImageStatistics
    pixel_hash: str


@dataclass(frozen=True)
class EpisodeVideo:
    """The file of all copies."""

    copies: tuple[Placed, ...]
    size: int
    sha256: str


def augment_into(
    segment: VideoSegment,
    pipelines: Sequence[EpisodeTransform],
    output: Path,
    encoding: VideoEncoding,
    **options: Any,
) -> EpisodeVideo:
    """Write all copies into one file."""
    parts = output.with_name(f"{output.name}.parts")
    encoded = encode_copies(segment, pipelines, parts, encoding, **options)
    placed = []
    with JoinedVideo(output, segment.fps, encoded.display_matrix) as joined:
        for copy in encoded.copies:
            first = joined.append(copy.path, copy.frames)
            begin, end = joined.seconds(first), joined.seconds(first + copy.frames)
            placed.append(Placed(begin, end, copy.frames, copy.statistics, copy.pixel_hash))
        sha256, size = joined.close()
    shutil.rmtree(parts)
    return EpisodeVideo(tuple(placed), size, sha256)


@pytest.mark.parametrize("codec", [VideoCodec.AV1, VideoCodec.H264, VideoCodec.HEVC])
def test_every_copy_is_found_at_its_timestamps_and_is_its_own_stream(
    tmp_path: Path, sample: SampleVideo, segment: VideoSegment, pipelines: Pipelines, codec: VideoCodec
) -> None:
    output, encoding, n = tmp_path / "episode.mp4", VideoEncoding.default(codec), segment.frames
    sampled = pipelines(EPISODE)
    video = augment_into(segment, sampled, output, encoding, device=CPU)
    check_video(output, 10, 3 * n)
    with av.open(output) as container:
        frames = list(container.decode(video=0))
    for index, (copy, pipeline) in enumerate(zip(video.copies, sampled, strict=True)):
        assert copy.from_timestamp == index * n / 10
        assert copy.to_timestamp == (index + 1) * n / 10
        assert copy.frames == n
        alone = tmp_path / f"{index}.mp4"
        augmented = pipeline(sample.episode_frames(EPISODE), 0)
        with VideoEncoder(alone, encoding, fps=10, width=224, height=224) as encoder:
            encoder.write(augmented.numpy())
        own = torch.from_numpy(np.concatenate(list(decode_segment(VideoSegment(alone, 0, n, 10)))))
        # As LeRobot looks a frame up: by seeking to it, ...
        first_frame = round(copy.from_timestamp * 10)
        joined = torch.from_numpy(np.concatenate(list(decode_segment(VideoSegment(output, first_frame, n, 10)))))
        assert torch.equal(joined, own)
        assert psnr(joined, augmented) > 30
        # ... by its timestamp within 1e-4 s.
        for i in range(n):
            assert abs(float(frames[index * n + i].time) - (copy.from_timestamp + i / 10)) < 1e-4


def test_any_frame_can_be_sought(tmp_path: Path, segment: VideoSegment, pipelines: Pipelines) -> None:
    output = tmp_path / "episode.mp4"
    augment_into(segment, pipelines(EPISODE), output, VideoEncoding(gop=7), device=CPU)
    everything = np.concatenate(list(decode_segment(VideoSegment(output, 0, 3 * segment.frames, 10))))
    for index in (0, 1, 49, 50, 51, 99, 100, 149):
        (frame,) = decode_segment(VideoSegment(output, index, 1, 10))
        assert np.array_equal(frame[0], everything[index])


def test_the_same_job_gives_the_same_bytes(tmp_path: Path, segment: VideoSegment, pipelines: Pipelines) -> None:
    first, second = (
        augment_into(segment, pipelines(EPISODE), tmp_path / name, VideoEncoding(), device=CPU)
        for name in ("first.mp4", "second.mp4")
    )
    assert first == second
    assert (tmp_path / "first.mp4").read_bytes() == (tmp_path / "second.mp4").read_bytes()
    assert first.sha256 == hashlib.sha256((tmp_path / "first.mp4").read_bytes()).hexdigest()
    assert first.size == (tmp_path / "first.mp4").stat().st_size


def test_another_seed_gives_other_pixels(tmp_path: Path, segment: VideoSegment, pipelines: Pipelines) -> None:
    def hashes(seed: int) -> set[str]:
        sampled = pipelines(EPISODE, seed=seed)
        video = augment_into(segment, sampled, tmp_path / "episode.mp4", VideoEncoding(), device=CPU)
        return {copy.pixel_hash for copy in video.copies}

    assert len(hashes(0) | hashes(1)) == 6


@pytest.mark.parametrize("batch_size", [1, 13, 64])
def test_the_batches_do_not_matter(
    tmp_path: Path, sample: SampleVideo, segment: VideoSegment, pipelines: Pipelines, batch_size: int
) -> None:
    video = augment_into(
        segment, pipelines(EPISODE), tmp_path / "episode.mp4", VideoEncoding(), device=CPU, batch_size=batch_size
    )
    for copy, pipeline in zip(video.copies, pipelines(EPISODE), strict=True):
        pixels = pipeline(sample.episode_frames(EPISODE), 0)
        assert copy.pixel_hash == xxhash.xxh3_128(pixels.numpy().tobytes()).hexdigest()
        collector = ImageStatisticsCollector(len(pixels))
        collector.add(pixels.numpy(), 0)
        assert copy.statistics == collector.result()


def test_the_number_of_concurrent_copies_does_not_matter(
    tmp_path: Path, segment: VideoSegment, pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, reported = [], []
    for at_once in (2, 3):
        monkeypatch.setattr(episode, "copies_at_once", lambda width, height, at_once=at_once: at_once)
        output = tmp_path / f"by-{at_once}.mp4"
        counts: list[int] = []
        sampled = pipelines(EPISODE)
        made.append(augment_into(segment, sampled, output, VideoEncoding(), device=CPU, on_frames=counts.append))
        reported.append(sum(counts))
    assert made[0] == made[1]
    assert reported == [3 * segment.frames] * 2


@pytest.mark.parametrize(
    ("size", "cores", "at_once"), [((96, 96), 2, 8), ((640, 480), 2, 8), ((1920, 1080), 2, 2), ((1920, 1080), 16, 16)]
)
def test_concurrent_copies_fit_into_memory_and_keep_the_cores_busy(
    size: tuple[int, int], cores: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(episode, "usable_cores", lambda: cores)
    assert episode.copies_at_once(*size) == at_once


def test_progress_adds_up_to_all_augmented_frames(tmp_path: Path, segment: VideoSegment, pipelines: Pipelines) -> None:
    reported: list[int] = []
    augment_into(
        segment,
        pipelines(EPISODE),
        tmp_path / "episode.mp4",
        VideoEncoding(),
        device=CPU,
        on_frames=reported.append,
        batch_size=8,
    )
    assert sum(reported) == 3 * segment.frames
    assert len(reported) > 3
    assert all(frames > 0 for frames in reported)


def test_nothing_but_the_video_is_left(tmp_path: Path, segment: VideoSegment, pipelines: Pipelines) -> None:
    output = tmp_path / "videos" / "episode.mp4"
    left_by_a_killed_run = output.with_name("episode.mp4.parts")
    left_by_a_killed_run.mkdir(parents=True)
    (left_by_a_killed_run / "copy-000.mp4.partial").write_bytes(b"half a video")
    augment_into(segment, pipelines(EPISODE), output, VideoEncoding(), device=CPU)
    assert [path.name for path in output.parent.iterdir()] == ["episode.mp4"]


class Stopped(Exception):
    """Raised by a caller that wants the work to stop."""


def test_a_caller_can_stop_the_work_and_nothing_is_left(
    tmp_path: Path, segment: VideoSegment, pipelines: Pipelines
) -> None:
    def stop(frames: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        augment_into(
            segment, pipelines(EPISODE), tmp_path / "e.mp4", VideoEncoding(), device=CPU, on_frames=stop, batch_size=5
        )
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_ends_early_leaves_nothing(tmp_path: Path, sample: SampleVideo, pipelines: Pipelines) -> None:
    beyond = VideoSegment(sample.path, 330, 20, 10)
    with pytest.raises(VideoInvalid, match="frame 342: is missing"):
        augment_into(beyond, pipelines(5), tmp_path / "episode.mp4", VideoEncoding(), device=CPU)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_transform_is_reported(tmp_path: Path, segment: VideoSegment, pipelines: Pipelines) -> None:
    class Failing(EpisodeTransform):
        def __call__(self, frames: Frames, first_frame: int) -> Frames:
            raise RuntimeError(f"failed at frame {first_frame}")

    sampled = [*pipelines(EPISODE, copies=1), Failing(())]
    with pytest.raises(RuntimeError, match="failed at frame 0"):
        augment_into(segment, sampled, tmp_path / "episode.mp4", VideoEncoding(), device=CPU)
    assert list(tmp_path.iterdir()) == []


def test_one_copy_of_one_frame_is_a_video(tmp_path: Path, segment: VideoSegment, pipelines: Pipelines) -> None:
    video: EpisodeVideo = augment_into(
        replace(segment, frames=1), pipelines(EPISODE, copies=1), tmp_path / "e.mp4", VideoEncoding(), device=CPU
    )
    check_video(tmp_path / "e.mp4", 10, 1)
    assert (video.copies[0].from_timestamp, video.copies[0].to_timestamp) == (0.0, 0.1)


def test_timestamps_of_many_copies_do_not_drift(tmp_path: Path, segment: VideoSegment, pipelines: Pipelines) -> None:
    short = replace(segment, frames=7)
    video = augment_into(short, pipelines(EPISODE, copies=20), tmp_path / "e.mp4", VideoEncoding(), device=CPU)
    assert [copy.from_timestamp for copy in video.copies] == [float(Fraction(7 * copy, 10)) for copy in range(20)]
    check_video(tmp_path / "e.mp4", 10, 140)


def test_an_episode_without_copies_is_an_error(tmp_path: Path, segment: VideoSegment) -> None:
    with pytest.raises(ValueError, match="no pipeline"):
        augment_into(segment, [], tmp_path / "episode.mp4", VideoEncoding(), device=CPU)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: CUDA's files are not compared with the CPU's")
def test_cuda_writes_the_same_file_as_the_cpu(tmp_path: Path, segment: VideoSegment, pipelines: Pipelines) -> None:
    on_cpu, on_cuda = (
        augment_into(segment, pipelines(EPISODE), tmp_path / f"{name}.mp4", VideoEncoding(), device=name)
        for name in get_args(AugmentDevice)
    )
    assert on_cuda == on_cpu
