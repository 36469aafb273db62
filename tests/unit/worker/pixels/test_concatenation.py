"""Videos that are joined: every frame is found by seeking, as data loaders find it."""

from dataclasses import replace
from pathlib import Path

import av
import pytest

from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.video.concatenation import JoinedVideo
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding

from .conftest import moving_scene

FPS = 10


@pytest.mark.parametrize("codec", [VideoCodec.AV1, VideoCodec.H264, VideoCodec.HEVC])
@pytest.mark.parametrize(("frames", "gop"), [(3, 2), (5, 2), (7, 3)])
def test_every_frame_of_joined_videos_is_found_by_seeking(
    tmp_path: Path, codec: VideoCodec, frames: int, gop: int
) -> None:
    """Of odd lengths, so that a part ends within a group of pictures."""
    encoding = replace(VideoEncoding.default(codec), gop=gop)
    parts = [tmp_path / f"{part}.mp4" for part in range(3)]
    for number, part in enumerate(parts):
        with VideoEncoder(part, encoding, fps=FPS, threads=1, height=64, width=64) as encoder:
            encoder.write(moving_scene(3 * frames, 64, 64)[number * frames : (number + 1) * frames].numpy())
    joined = tmp_path / "joined.mp4"
    with JoinedVideo(joined, FPS) as video:
        assert [video.append(part, frames) for part in parts] == [0, frames, 2 * frames]
        video.close()
    missing = [index for index in range(3 * frames) if not is_found(joined, index)]
    assert not missing


def is_found(video: Path, index: int) -> bool:
    """Whether a loader that seeks to the key frame before a time and decodes from there meets the frame."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        # A loader's 0.3 s may be a little less: then the key frame before is the last one of the part before.
        container.seek(round(index / FPS / stream.time_base) - 1, stream=stream, backward=True)
        for frame in container.decode(stream):
            time = float(frame.pts * stream.time_base)  # type: ignore[operator]
            if time > (index - 0.5) / FPS:
                return abs(time - index / FPS) < 1e-4
    return False
