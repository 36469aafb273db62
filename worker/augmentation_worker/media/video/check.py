"""Checking a finished video without decoding all of it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.container

from augmentation_api.counted import are, counted
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.properties import open_video, time_base
from augmentation_worker.media.video.segment import VideoSegment, decode_frames


def check_video(path: Path, fps: Fraction | int, frames: int) -> None:
    """Check that a file holds exactly `frames` frames, frame i at exactly i / fps, and that both ends decode.

    Reads every packet and decodes only around the first and the last frame: a small part of what decoding costs.

    Raises:
        VideoInvalid: if the file is anything else.
    """
    with open_video(path) as container:
        stream = container.streams.video[0]
        tick = time_base(path, stream)
        try:
            shown_at = sorted(_timestamps(path, container, stream))
        except av.FFmpegError as error:
            raise VideoInvalid(path, f"cannot be read to its end: {error.strerror}") from error
    for index, pts in enumerate(shown_at):
        due = Fraction(index) / fps
        if pts * tick != due:
            finding = f"is shown at {float(pts * tick):.6f} s instead of {float(due):.6f} s"
            raise VideoInvalid(path, finding, frame=index)
    if len(shown_at) != frames:
        raise VideoInvalid(path, f"holds {counted(len(shown_at), 'frame')}, {frames} {are(frames)} needed")
    for index in sorted({0, frames - 1}):
        for _ in decode_frames(VideoSegment(path, index, 1, fps)):
            pass


def _timestamps(path: Path, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[int]:
    """When each packet's frame is shown, in ticks of the stream's time base."""
    for packet in container.demux(stream):
        if packet.dts is None:
            continue  # PyAV's sign that the file has ended
        if packet.pts is None or packet.is_corrupt:
            raise VideoInvalid(path, f"has a damaged packet at byte {packet.pos}")
        yield packet.pts
