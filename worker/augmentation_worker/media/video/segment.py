"""The frames of one episode inside a video file: decoded by PyAV, each checked against its timestamp."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import av
import av.container

from augmentation_worker.media.cores import usable_cores
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.properties import open_video, time_base

TIMESTAMP_TOLERANCE = Fraction(1, 10_000)
"""Seconds by which a frame may be off its place: LeRobot's `tolerance_s`, within which it looks a frame up."""

ENTER_EARLIER = 10
"""Seconds before a segment at which its video is entered if the nearest key frame is of no use. Longer than the
distance of key frames in any common encoding."""

_FAR_TICKS = 2**62
"""Behind the end of every video."""

MAX_DECODER_THREADS = 4
"""Decoding is an order of magnitude faster than encoding: more threads would only cost memory."""


@dataclass(frozen=True)
class VideoSegment:
    """The frames of one episode inside a video file.

    Attributes:
        path: the file.
        first_frame: index in the file of the episode's first frame: round(from_timestamp * fps).
        frames: length of the episode.
        fps: frames per second of the dataset; frame i of the file is shown at i / fps.
    """

    path: Path
    first_frame: int
    frames: int
    fps: Fraction | int

    def __post_init__(self) -> None:
        if self.first_frame < 0 or self.frames < 1 or self.fps <= 0:
            raise ValueError(f"not a segment of a video: {self}")


Decode = Callable[[], Iterator[av.VideoFrame]]
"""Decodes from where its container is: called once more after each seek."""

OpenDecoder = Callable[[av.container.InputContainer, av.VideoStream], Decode]
"""Opens a decoder for a stream of a container."""


def decode_frames(segment: VideoSegment, open_decoder: OpenDecoder | None = None) -> Iterator[av.VideoFrame]:
    """Decode all frames of a segment, each in its place, all of one size.

    Args:
        segment: the frames to decode.
        open_decoder: opens what decodes them. Default: FFmpeg's decoder on CPU threads.

    Raises:
        VideoInvalid: if the file cannot be opened or decoded, a frame is missing, is more than 1e-4 s off its place
            or is damaged, or the size changes, or rows are stored from the last one to the first.
    """
    with open_video(segment.path) as container:
        stream = container.streams.video[0]
        decode = (open_decoder or _on_cpu_threads)(container, stream)
        tick = time_base(segment.path, stream)
        wanted = segment.first_frame
        end = segment.first_frame + segment.frames
        size: tuple[int, int] | None = None
        try:
            start = (Fraction(segment.first_frame) / segment.fps + TIMESTAMP_TOLERANCE) / tick
            for frame in _frames_from(container, stream, decode, int(start), int(ENTER_EARLIER / tick)):
                place = _place(segment, frame, tick, wanted)
                if place < wanted:
                    continue  # between the key frame and the segment's start
                frame_size = (frame.width, frame.height)
                size = size or frame_size
                if frame_size != size:
                    finding = f"is {frame_size[0]}x{frame_size[1]} pixels, the frames before it {size[0]}x{size[1]}"
                    raise VideoInvalid(segment.path, finding, frame=wanted)
                if any(plane.line_size < 0 for plane in frame.planes):
                    # Rows then lie before the address of a plane, and what reads it as an array reads beyond it.
                    raise VideoInvalid(segment.path, "has its last row first, which is not read", frame=wanted)
                yield frame
                wanted += 1
                if wanted == end:
                    return
        except av.FFmpegError as error:
            raise VideoInvalid(segment.path, f"cannot be decoded: {error.strerror}", frame=wanted) from error
        raise VideoInvalid(segment.path, f"is missing: the video ends there, frame {end - 1} is needed", frame=wanted)


def last_frame_time(path: Path, content: BinaryIO | None = None) -> Fraction:
    """When the last frame of a file is shown, in seconds. Reads from its last key frame on, and decodes nothing.

    Args:
        path: the file.
        content: where its bytes are read from, if not from `path`; seekable.

    Raises:
        VideoInvalid: if the file cannot be opened or read, or has no frame.
    """
    with open_video(path, content) as container:
        stream = container.streams.video[0]
        tick = time_base(path, stream)
        try:
            container.seek(_FAR_TICKS, stream=stream, backward=True)
            shown = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
        except av.FFmpegError as error:
            raise VideoInvalid(path, f"cannot be read to its end: {error.strerror}") from error
    if not shown:
        raise VideoInvalid(path, "holds no frame")
    return max(shown) * tick


def _on_cpu_threads(container: av.container.InputContainer, stream: av.VideoStream) -> Decode:
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = min(MAX_DECODER_THREADS, usable_cores())
    return lambda: container.decode(stream)


def _frames_from(
    container: av.container.InputContainer, stream: av.VideoStream, decode: Decode, start: int, earlier: int
) -> Iterator[av.VideoFrame]:
    """Frames from the key frame at or before `start` on, in ticks.

    With B-frames around an open group of pictures (x265's default), the key frame that seeking finds can be shown
    after the frame that is wanted: then the video is entered `earlier` ticks before, and at its beginning if need be.
    """
    for target in (start, start - earlier, 0):
        container.seek(max(0, target), stream=stream, backward=True)
        frames = decode()
        first = next(frames, None)
        if first is None or first.pts is None or first.pts <= start or target <= 0:
            break
    return chain([] if first is None else [first], frames)


def _place(segment: VideoSegment, frame: av.VideoFrame, tick: Fraction, wanted: int) -> int:
    """The index of a decoded frame: `wanted`, or one before the segment."""
    if frame.is_corrupt:
        raise VideoInvalid(segment.path, "is damaged", frame=wanted)
    if frame.pts is None:
        raise VideoInvalid(segment.path, "has no timestamp", frame=wanted)
    seconds = frame.pts * tick
    due = Fraction(wanted) / segment.fps
    if abs(seconds - due) <= TIMESTAMP_TOLERANCE:
        return wanted
    if wanted == segment.first_frame and seconds < due:
        return wanted - 1
    finding = f"is missing: expected at {float(due):.4f} s, found a frame at {float(seconds):.4f} s"
    raise VideoInvalid(segment.path, finding, frame=wanted)
