"""NVIDIA's hardware decoders: opened as they have to be, and used only where their frames are those of the CPU."""

import ctypes
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.codec.hwaccel import HWAccel

from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.gpu.nvdec import TORCH_CONTEXT, HardwareDecoder, decode_on_gpu, nv12_of, refusal_of
from augmentation_worker.media.video.planes import planes_of
from augmentation_worker.media.video.segment import VideoSegment, decode_frames
from tests.unit.worker.pixels.conftest import moving_scene

CUDA = torch.device("cuda", 0)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: its frames are not compared")
SOFTWARE_TOO = [VideoCodec.H264, VideoCodec.HEVC]
"""Codecs whose decoder that knows the hardware works without; FFmpeg's own of AV1 does not."""


def video(path: Path, codec: VideoCodec, gop: int = 7) -> VideoSegment:
    with VideoEncoder(path, replace(VideoEncoding.default(codec), gop=gop), fps=10, width=128, height=96) as encoder:
        encoder.write(moving_scene(30, 96, 128).numpy())
    return VideoSegment(path, 9, 20, 10)


@pytest.mark.parametrize("codec", SOFTWARE_TOO)
def test_a_decoder_of_its_own_gives_the_frames_of_the_container(tmp_path: Path, codec: VideoCodec) -> None:
    segment = video(tmp_path / "video.mp4", codec)
    pairs = zip(decode_frames(segment, HardwareDecoder(None)), decode_frames(segment), strict=True)
    for own, expected in pairs:
        assert (own.pts, own.colorspace, own.color_range) == (expected.pts, expected.colorspace, expected.color_range)
        assert all(map(np.array_equal, planes_of(own), planes_of(expected)))


def test_a_codec_that_the_hardware_does_not_know_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode(None))
    assert refusal_of(VideoSegment(path, 0, 1, 10), CUDA) == "NotImplementedError: NVDEC is not tried for ffv1"


def test_ffmpeg_is_given_the_context_of_torch() -> None:
    """PyAV's own default for frames that stay on a GPU is what FFmpeg refuses after torch."""
    assert HWAccel("cuda", is_hw_owned=True).options == {"primary_ctx": "1"}
    assert HWAccel("cuda", is_hw_owned=True, options=dict(TORCH_CONTEXT)).options == TORCH_CONTEXT


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: what happens without one is not seen")
@pytest.mark.parametrize("codec", [VideoCodec.AV1, *SOFTWARE_TOO])
def test_without_a_gpu_the_attempt_fails_and_says_why(tmp_path: Path, codec: VideoCodec) -> None:
    segment = video(tmp_path / "video.mp4", codec)
    assert "Error" in str(refusal_of(segment, CUDA))


@needs_gpu
@pytest.mark.gpu
@pytest.mark.parametrize("codec", [VideoCodec.AV1, *SOFTWARE_TOO])
def test_frames_of_the_hardware_are_those_of_the_cpu(tmp_path: Path, codec: VideoCodec) -> None:
    segment = video(tmp_path / "video.mp4", codec)
    if (refusal := refusal_of(segment, CUDA)) is not None:
        assert "pixels are not" not in refusal
        pytest.skip(f"NVDEC does not decode {codec} here: {refusal}")
    for on_gpu, expected in zip(decode_on_gpu(segment, CUDA), decode_frames(segment), strict=True):
        luma, chroma = (plane.cpu() for plane in nv12_of(on_gpu))
        y, u, v = (torch.from_numpy(plane.copy()) for plane in planes_of(expected))
        assert torch.equal(luma, y)
        assert torch.equal(chroma[..., 0], u)
        assert torch.equal(chroma[..., 1], v)


@needs_gpu
@pytest.mark.gpu
def test_every_gpu_since_2014_decodes_h264(tmp_path: Path) -> None:
    try:
        ctypes.CDLL("libnvcuvid.so.1")
    except OSError as error:
        pytest.skip(f"no driver libraries for video, which NVIDIA_DRIVER_CAPABILITIES=video asks for: {error}")
    assert refusal_of(video(tmp_path / "video.mp4", VideoCodec.H264), CUDA) is None
