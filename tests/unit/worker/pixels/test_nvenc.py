"""NVIDIA's hardware encoders. What they write is seen only where there is a GPU: `make test-gpu`."""

from pathlib import Path

import numpy as np
import pytest
import torch

from augmentation_api.spec import Augmentation
from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.video.check import check_video
from augmentation_worker.media.video.colors import ColorTags
from augmentation_worker.media.video.concatenation import JoinedVideo
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.episode import encode_copies
from augmentation_worker.media.video.nvenc import prefer_nvenc
from augmentation_worker.media.video.properties import VideoProperties
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.transforms.pipeline import sample_pipeline

from .conftest import moving_scene, psnr

CODECS = [VideoCodec.AV1, VideoCodec.H264, VideoCodec.HEVC]
HEIGHT, WIDTH, COPIES = 480, 640, 3


def preferred(encoding: VideoEncoding, scratch: Path) -> VideoEncoding:
    return prefer_nvenc(encoding, width=WIDTH, height=HEIGHT, at_once=COPIES, scratch=scratch)


@pytest.fixture(params=CODECS)
def by_nvenc(request: pytest.FixtureRequest, tmp_path: Path) -> VideoEncoding:
    """An encoding that this machine's GPU takes."""
    encoding = preferred(VideoEncoding.default(request.param), tmp_path / "scratch")
    if not encoding.uses_nvenc:
        pytest.skip(f"no GPU that encodes {request.param}: its videos are not looked at")
    return encoding


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: what happens without one is not seen")
@pytest.mark.parametrize("codec", CODECS)
def test_without_a_gpu_the_software_encoder_is_used(tmp_path: Path, codec: VideoCodec) -> None:
    encoding = VideoEncoding.default(codec)
    assert preferred(encoding, tmp_path / "scratch") == encoding
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("encoding", [VideoEncoding(crf=0), VideoEncoding(pix_fmt="yuv420p10le")])
def test_lossless_and_ten_bit_videos_never_try_nvenc(tmp_path: Path, encoding: VideoEncoding) -> None:
    assert preferred(encoding, tmp_path / "scratch") == encoding
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("codec", CODECS)
def test_nvenc_gets_the_same_quality_and_key_frame_interval(codec: VideoCodec) -> None:
    encoding = VideoEncoding(codec, crf=28, gop=7, preset=VideoEncoding.default(codec).preset, uses_nvenc=True)
    assert encoding.encoder == f"{codec}_nvenc"
    assert encoding.options(threads=4).items() >= {"rc": "vbr", "cq": "28", "b": "0", "g": "7", "bf": "0"}.items()


def test_an_nvenc_preset_is_not_recorded_for_software_encoders() -> None:
    recorded = VideoEncoding(uses_nvenc=True).feature_info()
    stream = VideoProperties("av1", "yuv420p", WIDTH, HEIGHT, None, ColorTags())
    assert VideoEncoding.like_source(recorded, stream) == VideoEncoding()


@pytest.mark.gpu
def test_nvenc_output_decodes_with_little_loss(tmp_path: Path, by_nvenc: VideoEncoding) -> None:
    frames = moving_scene(23, HEIGHT, WIDTH)
    path = tmp_path / "video.mp4"
    with VideoEncoder(path, by_nvenc, fps=10, width=WIDTH, height=HEIGHT) as encoder:
        encoder.write(frames.numpy())
    check_video(path, 10, len(frames))
    decoded = torch.from_numpy(np.concatenate(list(decode_segment(VideoSegment(path, 0, len(frames), 10)))))
    assert psnr(decoded, frames) > 33


@pytest.mark.gpu
def test_copies_encoded_by_nvenc_are_concatenated(tmp_path: Path, by_nvenc: VideoEncoding) -> None:
    source, output = tmp_path / "source.mp4", tmp_path / "result.mp4"
    frames = moving_scene(20, HEIGHT, WIDTH)
    with VideoEncoder(source, VideoEncoding(), fps=10, width=WIDTH, height=HEIGHT) as encoder:
        encoder.write(frames.numpy())
    pipelines = [
        sample_pipeline(Augmentation(copies=COPIES), camera="top", episode=0, copy=copy, episode_mean=(0.5, 0.5, 0.5))
        for copy in range(COPIES)
    ]
    segment = VideoSegment(source, 0, len(frames), 10)
    encoded = encode_copies(segment, pipelines, tmp_path / "copies", by_nvenc, device="cuda")
    with JoinedVideo(output, segment.fps) as joined:
        for copy in encoded.copies:
            joined.append(copy.path, copy.frames)
        joined.close()
    check_video(output, 10, COPIES * len(frames))
