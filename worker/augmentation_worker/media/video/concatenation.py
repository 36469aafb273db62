"""Joining encoded videos packet by packet, without encoding again."""

import hashlib
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import av.container

from augmentation_worker.media.video.display_matrix import write_display_matrix
from augmentation_worker.media.video.properties import open_video, time_base


class JoinedVideo:
    """An mp4 file of videos of equal encoding, size and rate, to which one after the other is appended.

    Frame i of the file is shown at i / fps, computed from the index: nothing is summed, so nothing drifts. Memory holds
    an entry of the file's index per frame. The file appears under its name when it is complete. As a context manager it
    is discarded at the end of the block, unless it is closed before.

    Args:
        output: the file to write; `.partial` is appended to its name until it is complete.
        fps: frames per second of each part.
        display_matrix: how frames are turned when they are shown; None: as they are.

    Attributes:
        frames: appended so far.
    """

    def __init__(self, output: Path, fps: Fraction | int, display_matrix: bytes | None = None) -> None:
        self.frames = 0
        self._output, self._fps, self._display_matrix = output, Fraction(fps), display_matrix
        self._partial = output.with_name(output.name + ".partial")
        output.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(self._partial, "w", format="mp4", options={"movflags": "faststart"})
        self._stream: av.VideoStream | None = None
        self._format: tuple[object, ...] | None = None

    def takes(self, part: Path, display_matrix: bytes | None) -> bool:
        """Whether a video, of the same rate and shown in this way, can be appended."""
        if display_matrix != self._display_matrix:
            return False
        with open_video(part) as container:
            return self._format in (None, _format_of(container.streams.video[0]))

    def append(self, part: Path, frames: int) -> int:
        """Append a video that `VideoEncoder` wrote; returns the number of its first frame in the file.

        Raises:
            ValueError: if it has another number of frames than `frames`, or its encoder made other headers.
        """
        first = self.frames
        with open_video(part) as container:
            source = container.streams.video[0]
            if self._stream is None:
                self._stream = self._container.add_stream_from_template(source, opaque=True)
                self._stream.time_base = source.time_base
                self._format = _format_of(source)
            if _format_of(source) != self._format:
                raise ValueError(f"{part}: its encoder's headers differ from those of what was joined before")
            shift = _whole(Fraction(first) / self._fps / time_base(part, source))
            self._copy(container, source, self._stream, shift, frames)
        self.frames += frames
        return first

    def seconds(self, frame: int) -> float:
        """When a frame of the file is shown."""
        return float(Fraction(frame) / self._fps)

    def close(self) -> tuple[str, int]:
        """Complete the file; returns its SHA-256, hexadecimal, and its bytes."""
        self._container.close()
        if self._display_matrix is not None:
            write_display_matrix(self._partial, self._display_matrix)
        self._partial.replace(self._output)
        with self._output.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), self._output.stat().st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._partial.exists():
            with suppress(av.FFmpegError):  # the file is unfinished: its end cannot be written
                self._container.close()
            self._partial.unlink(missing_ok=True)

    def _copy(
        self,
        container: av.container.InputContainer,
        source: av.VideoStream,
        stream: av.VideoStream,
        shift: int,
        frames: int,
    ) -> None:
        """Copy the packets of one part, `shift` ticks later."""
        packets = 0
        for packet in container.demux(source):
            if packet.pts is None or packet.dts is None:
                continue  # PyAV's sign that the file has ended
            packet.pts += shift
            packet.dts += shift
            packet.stream = stream
            self._container.mux(packet)
            packets += 1
        if packets != frames:
            raise ValueError(f"{container.name}: {packets} frames, {frames} are needed")


def _format_of(stream: av.VideoStream) -> tuple[object, ...]:
    """What a file says once of all its frames."""
    context = stream.codec_context
    colors = (context.colorspace, context.color_range, context.color_primaries, context.color_trc)
    size = (context.width, context.height, context.sample_aspect_ratio)
    return (context.extradata, context.pix_fmt, stream.time_base, *size, *colors)


def _whole(ticks: Fraction) -> int:
    if ticks.denominator != 1:
        raise ValueError(f"{ticks} ticks of the time base: frames would not fall on whole ticks")
    return ticks.numerator
