"""Videos of labels: moved plane by plane, encoded without a loss in every pixel format that is offered."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from augmentation_api import Augmentation
from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.video.concatenation import JoinedVideo
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.labels import move_labels_of_episode
from augmentation_worker.media.video.lossless import LosslessEncoding
from augmentation_worker.media.video.planes import Plane, black_of, frame_of, planes_of
from augmentation_worker.media.video.properties import probe_video
from augmentation_worker.media.video.segment import VideoSegment, decode_frames
from augmentation_worker.transforms.geometric_transform import Geometry
from augmentation_worker.transforms.pipeline import sample_pipeline

HEIGHT, WIDTH, FRAMES = 64, 66, 4


def geometry(drift: float = 0) -> Geometry:
    moving = {"transforms": ["affine"], "affine": {"shiftX": {"min": 9, "max": 10}, "border": "black", "drift": drift}}
    pipeline = sample_pipeline(
        Augmentation.model_validate(moving), camera="top", episode=0, copy=0, episode_mean=(0.5, 0.5, 0.5)
    )
    assert pipeline.geometry is not None
    return pipeline.geometry


def written(path: Path, encoding: LosslessEncoding) -> list[list[Plane]]:
    """A video of random values, which no codec but a lossless one keeps."""
    random, frames = np.random.default_rng(1), []
    with VideoEncoder(path, encoding, fps=10, width=WIDTH, height=HEIGHT) as encoder:
        for _ in range(FRAMES):
            frame = av.VideoFrame(WIDTH, HEIGHT, encoding.pix_fmt)
            bits = frame.format.components[0].bits
            planes = [random.integers(0, 1 << bits, plane.shape).astype(plane.dtype) for plane in planes_of(frame)]
            encoder.encode(frame_of(planes, encoding.pix_fmt))
            frames.append(planes)
    return frames


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [
        (VideoCodec.HEVC, "gray12le"),
        (VideoCodec.HEVC, "gbrp"),
        (VideoCodec.HEVC, "yuv422p10le"),
        (VideoCodec.H264, "yuv420p"),
        (VideoCodec.H264, "yuv444p10le"),
        (VideoCodec.AV1, "yuv420p10le"),
    ],
)
def test_every_value_goes_where_its_pixel_goes(codec: VideoCodec, pix_fmt: str, tmp_path: Path) -> None:
    encoding = LosslessEncoding(codec, pix_fmt)
    source = written(tmp_path / "source.mp4", encoding)
    like = LosslessEncoding.like_source({"video.g": 2}, probe_video(tmp_path / "source.mp4"))
    assert like == encoding
    segment = VideoSegment(tmp_path / "source.mp4", 1, FRAMES - 1, Fraction(10))
    moving = geometry(drift=0.5)
    episode = move_labels_of_episode(segment, [moving, None], tmp_path / "copies", encoding)
    with JoinedVideo(tmp_path / "moved.mp4", segment.fps) as joined:
        assert [joined.append(copy.path, copy.frames) for copy in episode.copies] == [0, FRAMES - 1]
        joined.close()
    made = [planes_of(frame) for frame in decode_frames(VideoSegment(tmp_path / "moved.mp4", 0, 6, 10))]
    black = black_of(pix_fmt, 0)
    for frame in range(FRAMES - 1):
        before, moved, still = source[frame + 1], made[frame], made[FRAMES - 1 + frame]
        assert all(np.array_equal(*planes) for planes in zip(before, still, strict=True))
        assert np.array_equal(moved[0], moving.follow(before[0], frame, black[0]))
        assert (moved[0][:, 0] == black[0]).all()
        for chroma, plane, value in zip(before[1:], moved[1:], black[1:], strict=True):
            # Each value of a chroma plane is that of the place its pixel came from.
            assert (plane[:, 0] == value).all()
            assert np.isin(plane, [*np.unique(chroma), value]).all()
            down, across = HEIGHT // chroma.shape[0], WIDTH // chroma.shape[1]
            whole = chroma.repeat(down, 0).repeat(across, 1)
            assert np.array_equal(plane, moving.follow(whole, frame, value)[::down, ::across])
