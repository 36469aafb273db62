"""The graphics card's own encoders. What they write is seen only where there is a card: `make test-gpu`."""

from pathlib import Path

import pytest
import torch

from augmentation_api.spec import Augmentation
from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.video import (
    VideoEncoder,
    VideoEncoding,
    VideoSegment,
    augment_episode_camera,
    check_video,
    decode_segment,
    on_card,
)
from augmentation_worker.transforms import draw_pipeline

from .conftest import moving_scene, psnr

CODECS = [VideoCodec.AV1, VideoCodec.H264, VideoCodec.HEVC]
HEIGHT, WIDTH, COPIES = 480, 640, 3


def chosen(encoding: VideoEncoding, scratch: Path) -> VideoEncoding:
    return on_card(encoding, width=WIDTH, height=HEIGHT, at_once=COPIES, scratch=scratch)


@pytest.fixture(params=CODECS)
def by_card(request: pytest.FixtureRequest, tmp_path: Path) -> VideoEncoding:
    """An encoding that this machine's card takes."""
    encoding = chosen(VideoEncoding.default(request.param), tmp_path / "scratch")
    if not encoding.by_card:
        pytest.skip(f"no GPU that encodes {request.param}: its videos are not looked at")
    return encoding


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: what happens without one is not seen")
@pytest.mark.parametrize("codec", CODECS)
def test_without_a_card_the_processor_encodes(tmp_path: Path, codec: VideoCodec) -> None:
    encoding = VideoEncoding.default(codec)
    assert chosen(encoding, tmp_path / "scratch") == encoding
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("encoding", [VideoEncoding(crf=0), VideoEncoding(pix_fmt="yuv420p10le")])
def test_what_no_card_does_alike_is_never_tried(tmp_path: Path, encoding: VideoEncoding) -> None:
    assert chosen(encoding, tmp_path / "scratch") == encoding
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("codec", CODECS)
def test_a_card_is_asked_for_the_same_quality_and_key_frames(codec: VideoCodec) -> None:
    encoding = VideoEncoding(codec, crf=28, gop=7, preset=VideoEncoding.default(codec).preset, by_card=True)
    assert encoding.encoder == f"{codec}_nvenc"
    assert encoding.options(threads=4).items() >= {"rc": "vbr", "cq": "28", "b": "0", "g": "7", "bf": "0"}.items()


def test_who_encodes_like_such_a_video_finds_no_preset_of_the_card() -> None:
    recorded = VideoEncoding(by_card=True).feature_info()
    assert VideoEncoding.like_source(recorded) == VideoEncoding()


@pytest.mark.gpu
def test_a_card_writes_what_is_read_back_with_little_loss(tmp_path: Path, by_card: VideoEncoding) -> None:
    frames = moving_scene(23, HEIGHT, WIDTH)
    path = tmp_path / "video.mp4"
    with VideoEncoder(path, by_card, fps=10, width=WIDTH, height=HEIGHT) as encoder:
        encoder.write(frames)
    check_video(path, 10, len(frames))
    decoded = torch.cat(list(decode_segment(VideoSegment(path, 0, len(frames), 10))))
    assert psnr(decoded, frames) > 33


@pytest.mark.gpu
def test_copies_encoded_by_the_card_are_joined(tmp_path: Path, by_card: VideoEncoding) -> None:
    source, output = tmp_path / "source.mp4", tmp_path / "result.mp4"
    frames = moving_scene(20, HEIGHT, WIDTH)
    with VideoEncoder(source, VideoEncoding(), fps=10, width=WIDTH, height=HEIGHT) as encoder:
        encoder.write(frames)
    pipelines = [
        draw_pipeline(Augmentation(copies=COPIES), camera="top", episode=0, copy=copy, episode_mean=(0.5, 0.5, 0.5))
        for copy in range(COPIES)
    ]
    segment = VideoSegment(source, 0, len(frames), 10)
    augment_episode_camera(segment, pipelines, output, by_card, device=torch.device("cuda"))
    check_video(output, 10, COPIES * len(frames))
