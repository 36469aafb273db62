from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.video import properties
from augmentation_worker.media.video.colors import TO_RGB, ColorTags
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.properties import probe_video
from augmentation_worker.media.video.segment import VideoSegment

from .conftest import SampleVideo, moving_scene


def decoded(path: Path, first: int, frames: int, fps: Fraction | int = 10, batch_size: int = 32) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(list(decode_segment(VideoSegment(path, first, frames, fps), batch_size))))


def written(path: Path, frames: torch.Tensor, encoding: VideoEncoding | None = None, fps: int = 10) -> Path:
    height, width = frames.shape[2:]
    with VideoEncoder(path, encoding or VideoEncoding(), fps=fps, height=height, width=width) as encoder:
        encoder.write(frames.numpy())
    return path


def remuxed(source: Path, target: Path, keep: range, total: int) -> Path:
    """A copy of a video's packets without those outside `keep`; timestamps stay."""
    with av.open(source) as container, av.open(target, "w", format="mp4") as output:
        stream = output.add_stream_from_template(container.streams.video[0], opaque=True)
        for index, packet in enumerate(container.demux(video=0)):
            if packet.dts is not None and (index in keep or index >= total):
                packet.stream = stream
                output.mux(packet)
    return target


def test_each_episode_is_what_decoding_everything_gives(sample: SampleVideo) -> None:
    for episode, length in enumerate(sample.lengths):
        frames = decoded(sample.path, sample.first_frame(episode), length)
        assert torch.equal(frames, sample.episode_frames(episode)), f"episode {episode}"


@pytest.mark.parametrize("first", [1, 67, 69, 341])
def test_a_segment_may_start_between_key_frames(sample: SampleVideo, first: int) -> None:
    assert torch.equal(decoded(sample.path, first, 1)[0], sample.frames[first])


@pytest.mark.parametrize("batch_size", [1, 7, 32, 500])
def test_batches_are_full_but_for_the_last(sample: SampleVideo, batch_size: int) -> None:
    batches = list(decode_segment(VideoSegment(sample.path, 68, 58, 10), batch_size))
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert all(batch.flags.c_contiguous and batch.dtype == np.uint8 for batch in batches)
    assert torch.equal(torch.from_numpy(np.concatenate(batches)), sample.episode_frames(1))


@pytest.mark.parametrize("width", [84, 100, 322])
def test_sizes_that_are_no_multiple_of_a_block_are_decoded_like_pyav(tmp_path: Path, width: int) -> None:
    path = written(tmp_path / "video.mp4", moving_scene(4, 76, width))
    with av.open(path) as container:
        expected = [frame.to_ndarray(format="gbrp", interpolation=int(TO_RGB)) for frame in container.decode(video=0)]
    assert torch.equal(decoded(path, 0, 4), torch.stack([torch.from_numpy(e).permute(2, 0, 1) for e in expected]))


@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
@pytest.mark.parametrize("color_range", [1, 2])
def test_colour_tags_are_written_and_honoured(tmp_path: Path, matrix: int, color_range: int) -> None:
    scene = moving_scene(4, 96, 128)
    colors = ColorTags(matrix=matrix, range=color_range, primaries=1, transfer=1)
    path = tmp_path / "video.mp4"
    with VideoEncoder(path, VideoEncoding(crf=10), fps=10, width=128, height=96, colors=colors) as encoder:
        encoder.write(scene.numpy())
    assert probe_video(path).colors == colors
    # The wrong matrix or range moves whole areas, by several levels; what compression does cancels out in the mean.
    error = decoded(path, 0, 4).double().mean(dim=(0, 2, 3)) - scene.double().mean(dim=(0, 2, 3))
    assert error.abs().max() < 1


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_videos_with_b_frames_may_be_entered_anywhere(tmp_path: Path, encoder: str) -> None:
    path = tmp_path / "video.mp4"
    options = {"g": "12", "bf": "3", "x265-params": "log-level=error:open-gop=1"}
    with av.open(path, "w", options={"movflags": "faststart"}) as output:
        stream = output.add_stream(encoder, rate=10, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for image in moving_scene(40, 64, 96).permute(0, 2, 3, 1).contiguous().numpy():
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode(None))
    everything = decoded(path, 0, 40)
    for first in range(40):
        assert torch.equal(decoded(path, first, min(3, 40 - first)), everything[first : first + 3]), first


def test_a_rate_that_is_a_fraction_is_exact(tmp_path: Path) -> None:
    rate = Fraction(30_000, 1001)
    path = tmp_path / "video.mp4"
    with VideoEncoder(path, VideoEncoding(), fps=rate, width=64, height=64) as encoder:
        encoder.write(moving_scene(50, 64, 64).numpy())
    assert len(decoded(path, 20, 30, rate)) == 30


def test_a_file_that_is_no_video_is_invalid(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"not a video" * 100)
    with pytest.raises(VideoInvalid, match="cannot be opened") as failure:
        decoded(path, 0, 1)
    assert failure.value.path == path


def test_a_file_that_is_missing_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(VideoInvalid, match="cannot be opened"):
        decoded(tmp_path / "absent.mp4", 0, 1)


def test_a_file_without_a_video_stream_is_invalid(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(path, "w") as output:
        stream = output.add_stream("aac", rate=16_000)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate = 16_000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(VideoInvalid, match="no video stream"):
        decoded(path, 0, 1)


@pytest.mark.parametrize("codec", [VideoCodec.AV1, VideoCodec.H264, VideoCodec.HEVC])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_truncated_file_is_invalid(tmp_path: Path, codec: VideoCodec, kept: float) -> None:
    whole = written(tmp_path / "whole.mp4", moving_scene(40, 96, 96), VideoEncoding.default(codec)).read_bytes()
    path = tmp_path / "video.mp4"
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(VideoInvalid) as failure:
        decoded(path, 0, 40)
    assert failure.value.frame is not None
    assert failure.value.frame < 40


def test_a_video_that_ends_early_is_invalid(sample: SampleVideo) -> None:
    with pytest.raises(VideoInvalid, match="frame 342: is missing: the video ends there, frame 349 is needed"):
        decoded(sample.path, 330, 20)


def test_a_segment_beyond_the_end_is_invalid(sample: SampleVideo) -> None:
    with pytest.raises(VideoInvalid, match="frame 400: is missing"):
        decoded(sample.path, 400, 2)


def test_a_missing_frame_is_found_and_named(tmp_path: Path, sample: SampleVideo) -> None:
    # Key frames are at even places, two frames a packet group: dropping 20 and 21 leaves all others decodable.
    path = remuxed(sample.path, tmp_path / "video.mp4", keep=range(20), total=22)
    assert torch.equal(decoded(path, 0, 20), sample.frames[:20])
    assert torch.equal(decoded(path, 22, 10), sample.frames[22:32])
    with pytest.raises(VideoInvalid, match=r"frame 20: is missing: expected at 2.0000 s, found a frame at 2.2000 s"):
        decoded(path, 0, 30)
    with pytest.raises(VideoInvalid, match=r"frame 20: is missing"):
        decoded(path, 20, 2)


def test_a_video_of_another_rate_is_invalid(sample: SampleVideo) -> None:
    with pytest.raises(VideoInvalid, match="frame 1: is missing"):
        decoded(sample.path, 0, 10, fps=15)


def test_a_change_of_size_is_invalid(tmp_path: Path) -> None:
    small = written(tmp_path / "small.mp4", moving_scene(6, 64, 64))
    large = written(tmp_path / "large.mp4", moving_scene(6, 96, 64))
    path = tmp_path / "video.mp4"
    with av.open(small) as first, av.open(large) as second, av.open(path, "w") as output:
        stream = output.add_stream_from_template(first.streams.video[0], opaque=True)
        for shift, container in ((0, first), (6 * 1024, second)):
            for packet in container.demux(video=0):
                if packet.dts is not None and packet.pts is not None:
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = stream
                    output.mux(packet)
    assert len(decoded(path, 0, 6)) == 6
    with pytest.raises(VideoInvalid, match="frame 6: is 64x96 pixels, the frames before it 64x64"):
        decoded(path, 0, 12)


def test_a_video_whose_rows_are_stored_upwards_is_invalid(tmp_path: Path) -> None:
    """FFmpeg then says where the last row is, and read on from there other memory would become pixels."""
    path = tmp_path / "video.mkv"
    with av.open(path, "w", format="matroska") as container:
        stream = container.add_stream("rawvideo", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.extradata = b"BottomUp\0"
        for frame in (av.VideoFrame(64, 48, "yuv420p"), None):
            container.mux(stream.encode(frame))
    with pytest.raises(VideoInvalid, match="frame 0: has its last row first"):
        list(decode_segment(VideoSegment(path, 0, 1, 10)))


def test_a_segment_of_nothing_is_an_error(sample: SampleVideo) -> None:
    with pytest.raises(ValueError, match="not a segment"):
        VideoSegment(sample.path, 0, 0, 10)
    with pytest.raises(ValueError, match="batch_size"):
        decoded(sample.path, 0, 1, batch_size=0)


@pytest.mark.parametrize("codec", [VideoCodec.AV1, VideoCodec.H264, VideoCodec.HEVC])
def test_a_file_whose_middle_was_overwritten_is_invalid(tmp_path: Path, codec: VideoCodec) -> None:
    path = written(tmp_path / "video.mp4", moving_scene(40, 96, 96), VideoEncoding.default(codec))
    content = bytearray(path.read_bytes())
    begin, length = len(content) // 2, len(content) // 8
    content[begin : begin + length] = np.random.default_rng(3).bytes(length)
    path.write_bytes(bytes(content))
    with pytest.raises(VideoInvalid) as failure:
        decoded(path, 0, 40)
    assert failure.value.frame is not None


def test_frames_that_are_too_large_are_refused_before_they_are_decoded(
    sample: SampleVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(properties, "LARGEST_SIDE", 200)
    with pytest.raises(VideoInvalid, match="224x224 pixels, more than 200 per side") as failure:
        decoded(sample.path, 0, 1)
    assert failure.value.frame is None
