"""What a video file says about itself: codec, size, rate and colour tags."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container

from augmentation_worker.media.video.codecs import LARGEST_SIDE
from augmentation_worker.media.video.colors import FULL_RANGE, ColorTags
from augmentation_worker.media.video.container_file import VideoInvalid, open_container

FULL_RANGE_FORMATS = {"yuvj420p": "yuv420p", "yuvj422p": "yuv422p", "yuvj444p": "yuv444p"}
"""FFmpeg's old names for full range formats, and the format that each is apart from its range."""


@dataclass(frozen=True)
class VideoProperties:
    """Properties of a video stream.

    Attributes:
        codec: canonical name, e.g. `av1`, `h264`, `hevc`.
        pix_fmt: pixel format, e.g. `yuv420p`; a full range format is named without the `j`.
        width, height: pixels.
        fps: frames per second, the average that the container states; None if it states none.
        colors: the colour tags.
    """

    codec: str
    pix_fmt: str
    width: int
    height: int
    fps: Fraction | None
    colors: ColorTags

    @classmethod
    def of_stream(cls, stream: av.VideoStream) -> "VideoProperties":
        """The properties of an open PyAV video stream."""
        context = stream.codec_context
        pix_fmt = str(context.pix_fmt)
        color_range = FULL_RANGE if pix_fmt in FULL_RANGE_FORMATS else int(context.color_range)
        return cls(
            codec=str(context.codec.canonical_name),
            pix_fmt=FULL_RANGE_FORMATS.get(pix_fmt, pix_fmt),
            width=int(context.width),
            height=int(context.height),
            fps=None if stream.average_rate is None else Fraction(stream.average_rate),
            colors=ColorTags(
                matrix=int(context.colorspace),
                range=color_range,
                primaries=int(context.color_primaries),
                transfer=int(context.color_trc),
            ),
        )


def probe_video(path: Path) -> VideoProperties:
    """Read the properties of a file's first video stream; decodes no more than a frame.

    Raises:
        VideoInvalid: if the file cannot be opened or has no video.
    """
    with open_video(path) as container:
        return VideoProperties.of_stream(container.streams.video[0])


def open_video(path: Path) -> av.container.InputContainer:
    """Open a file with at least one video stream for reading, as a PyAV container.

    Raises:
        VideoInvalid: if the file cannot be opened, has no video, or its frames are too large.
    """
    container = open_container(path)
    if not container.streams.video:
        container.close()
        raise VideoInvalid(path, "holds no video stream")
    stream = container.streams.video[0]
    # A frame takes a byte at least; of an index that says otherwise FFmpeg has read as much as it may allocate.
    if stream.frames > path.stat().st_size:
        container.close()
        raise VideoInvalid(path, f"announces {stream.frames} frames in {path.stat().st_size} bytes")
    context = stream.codec_context
    if context is None:
        container.close()
        raise VideoInvalid(path, "holds video of a codec that is not known")
    if max(context.width, context.height) > LARGEST_SIDE:
        container.close()
        # A frame would take more memory than the pod has: it is not decoded to see what is in it.
        raise VideoInvalid(path, f"shows {context.width}x{context.height} pixels, more than {LARGEST_SIDE} per side")
    return container


def time_base(path: Path, stream: av.VideoStream) -> Fraction:
    """Seconds per tick of a stream's timestamps.

    Raises:
        VideoInvalid: if the stream has none.
    """
    if not stream.time_base:
        raise VideoInvalid(path, "states no time base: its frames have no timestamps")
    return Fraction(stream.time_base)
