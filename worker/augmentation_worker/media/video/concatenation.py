"""Joining encoded videos packet by packet, without encoding again."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol, TypeVar

import av
import av.container

from augmentation_worker.media.video.display_matrix import write_display_matrix
from augmentation_worker.media.video.properties import open_video, time_base


class _Copy(Protocol):
    """An encoded copy of an episode."""

    @property
    def path(self) -> Path:
        """The file that it is in."""


_CopyT = TypeVar("_CopyT", bound=_Copy)


def concatenate_copies(
    copies: Sequence[_CopyT],
    outputs: Sequence[Path],
    *,
    fps: Fraction | int,
    frames: int,
    display_matrix: bytes | None = None,
) -> list[Sequence[_CopyT]]:
    """Join the copies of an episode into files with equal numbers of copies, in order.

    Args:
        copies: as many for each file; their files are written by `VideoEncoder` with the same arguments.
        outputs: the files to write.
        fps, frames, display_matrix: as `concatenate_videos` takes them.

    Returns:
        The copies in each file.

    Raises:
        ValueError: as `concatenate_videos`, or if the copies do not fit the outputs.
    """
    per_file = len(copies) // len(outputs)
    shares = [copies[begin : begin + per_file] for begin in range(0, len(copies), per_file)]
    for output, share in zip(outputs, shares, strict=True):
        paths = [copy.path for copy in share]
        concatenate_videos(paths, output, fps=fps, frames=frames, display_matrix=display_matrix)
    return shares


def concatenate_videos(
    parts: Sequence[Path], output: Path, *, fps: Fraction | int, frames: int, display_matrix: bytes | None = None
) -> None:
    """Join videos of equal encoding, size, rate and length into one mp4 file.

    Frame i of part c is shown at (c * frames + i) / fps, computed from the index: nothing is summed, so nothing
    drifts. The file appears under its name when it is complete.

    Args:
        parts: files written by `VideoEncoder` with the same arguments.
        output: the file to write.
        fps: frames per second of each part.
        frames: number of frames of each part.
        display_matrix: how frames are turned when they are shown; None: as they are.

    Raises:
        ValueError: if a part has another number of frames, or its encoder made other headers.
    """
    partial = output.with_name(output.name + ".partial")
    try:
        with av.open(partial, "w", format="mp4", options={"movflags": "faststart"}) as joined:
            stream: av.VideoStream | None = None
            headers: bytes | None = None
            for index, part in enumerate(parts):
                with open_video(part) as container:
                    source = container.streams.video[0]
                    if stream is None:
                        stream = joined.add_stream_from_template(source, opaque=True)
                        stream.time_base = source.time_base
                        headers = source.codec_context.extradata
                    if source.codec_context.extradata != headers:
                        raise ValueError(f"{part}: its encoder's headers differ from those of {parts[0]}")
                    shift = _whole(Fraction(index * frames) / fps / time_base(part, source))
                    _append(container, source, joined, stream, shift, frames)
        if display_matrix is not None:
            write_display_matrix(partial, display_matrix)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    partial.replace(output)


def _append(
    container: av.container.InputContainer,
    source: av.VideoStream,
    joined: av.container.OutputContainer,
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
        joined.mux(packet)
        packets += 1
    if packets != frames:
        raise ValueError(f"{container.name}: {packets} frames, {frames} are needed")


def _whole(ticks: Fraction) -> int:
    if ticks.denominator != 1:
        raise ValueError(f"{ticks} ticks of the time base: frames would not fall on whole ticks")
    return ticks.numerator
