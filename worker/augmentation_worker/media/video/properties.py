"""What a video file says about itself: codec, size, rate, colour tags, and how it is to be shown."""

import io
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import av.container

from augmentation_worker.media.video.codecs import LARGEST_SIDE
from augmentation_worker.media.video.colors import FULL_RANGE, ColorTags
from augmentation_worker.media.video.container_file import VideoInvalid, open_container
from augmentation_worker.media.video.display_matrix import read_display_matrix

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
        colors: the colour tags; those of a stream of RGB are unspecified, as they say nothing of the YUV made of it.
        frames: number of frames that the file's index lists; 0 where it has no index, as in Matroska.
        bits: per channel.
        pixel_aspect: width by height of a pixel; None for a square one.
        display_matrix: how MP4 says that frames are turned when they are shown; None: as they are.
        has_audio: whether the file has an audio track.
    """

    codec: str
    pix_fmt: str
    width: int
    height: int
    fps: Fraction | None
    colors: ColorTags
    frames: int = 0
    bits: int = 8
    pixel_aspect: Fraction | None = None
    display_matrix: bytes | None = None
    has_audio: bool = False

    @classmethod
    def of_container(cls, container: av.container.InputContainer) -> "VideoProperties":
        """The properties of the first video stream of an open PyAV container."""
        stream = container.streams.video[0]
        context = stream.codec_context
        pix_fmt = str(context.pix_fmt)
        aspect = context.sample_aspect_ratio
        color_range = FULL_RANGE if pix_fmt in FULL_RANGE_FORMATS else int(context.color_range)
        return cls(
            codec=str(context.codec.canonical_name),
            pix_fmt=FULL_RANGE_FORMATS.get(pix_fmt, pix_fmt),
            width=int(context.width),
            height=int(context.height),
            fps=None if stream.average_rate is None else Fraction(stream.average_rate),
            colors=ColorTags()
            if context.format is None or context.format.is_rgb or context.format.has_palette
            else ColorTags(
                matrix=int(context.colorspace),
                range=color_range,
                primaries=int(context.color_primaries),
                transfer=int(context.color_trc),
            ),
            frames=stream.frames,
            bits=max((component.bits for component in context.format.components), default=8) if context.format else 8,
            pixel_aspect=Fraction(aspect) if aspect and aspect != 1 else None,
            has_audio=bool(container.streams.audio),
        )


def probe_video(path: Path, content: BinaryIO | None = None) -> VideoProperties:
    """Read the properties of a file's first video stream; decodes no more than a frame.

    Args:
        path: the file.
        content: where its bytes are read from, if not from `path`; seekable.

    Raises:
        VideoInvalid: if the file cannot be opened or has no video.
    """
    with open_video(path, content) as container:
        properties = VideoProperties.of_container(container)
    if content is not None:
        return replace(properties, display_matrix=read_display_matrix(content))
    with path.open("rb") as file:
        return replace(properties, display_matrix=read_display_matrix(file))


def open_video(path: Path, content: BinaryIO | None = None) -> av.container.InputContainer:
    """Open a file with at least one video stream for reading, as a PyAV container.

    Args:
        path: the file.
        content: where its bytes are read from, if not from `path`: a seekable file that is kept open meanwhile.

    Raises:
        VideoInvalid: if the file cannot be opened, has no video, or its frames are too large.
    """
    container = open_container(path, content)
    if not container.streams.video:
        container.close()
        raise VideoInvalid(path, "holds no video stream")
    stream = container.streams.video[0]
    # A frame takes a byte at least; of an index that says otherwise FFmpeg has read as much as it may allocate.
    size = path.stat().st_size if content is None else content.seek(0, io.SEEK_END)
    if stream.frames > size:
        container.close()
        raise VideoInvalid(path, f"announces {stream.frames} frames in {size} bytes")
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
