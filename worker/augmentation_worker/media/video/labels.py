"""Videos of labels or depths that move with their camera: no value is mixed with another, or lost in storage."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np

from augmentation_worker.media.pixel_hash import PixelHash
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.episode import copies_at_once, frames_per_batch
from augmentation_worker.media.video.lossless import LosslessEncoding
from augmentation_worker.media.video.planes import Plane, black_of, frame_of, planes_of
from augmentation_worker.media.video.properties import VideoProperties, probe_video
from augmentation_worker.media.video.segment import VideoSegment, decode_frames
from augmentation_worker.transforms.geometric_transform import Geometry


class NotTheSame(Exception):
    """A video that was written does not have the values that were to be written."""


@dataclass(frozen=True)
class MovedCopy:
    """One copy of an episode's labels, in a file of its own.

    Attributes:
        path: the file.
        frames: number of frames.
        value_hash: XXH3, 128 bits, hexadecimal, of all values, frame by frame and in each plane by plane.
    """

    path: Path
    frames: int
    value_hash: str


@dataclass(frozen=True)
class MovedEpisode:
    """The copies of one episode of one stream.

    Attributes:
        copies: in the order of their geometries.
        display_matrix: how a player has to turn them, as their source; None: not at all.
    """

    copies: tuple[MovedCopy, ...]
    display_matrix: bytes | None


def move_labels_of_episode(
    segment: VideoSegment,
    geometries: Sequence[Geometry | None],
    folder: Path,
    encoding: LosslessEncoding,
    *,
    on_batch: Callable[[], None] = lambda: None,
) -> MovedEpisode:
    """Write the copies of an episode's labels into a file each, to be joined with others without encoding again.

    Args:
        segment: the source episode.
        geometries: of each copy, what its camera's frames go through; None where they stay.
        folder: for the files; what lies in it is removed first.
        encoding: how to encode.
        on_batch: called now and then; what it raises stops the work.

    Raises:
        VideoInvalid: the source is not what the segment says.
        ValueError: the encoder does not take these frames.
        NotTheSame: what was written is not what was to be written; nothing is kept.
    """
    properties = probe_video(segment.path)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        copies = [
            _Copy(folder / f"copy-{number:03d}.mp4", geometry, segment, encoding, properties)
            for number, geometry in enumerate(geometries)
        ]
        at_once = copies_at_once(properties.width, properties.height)
        for begin in range(0, len(copies), at_once):
            _write(segment, copies[begin : begin + at_once], properties, on_batch)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    moved = tuple(MovedCopy(copy.path, segment.frames, copy.value_hash) for copy in copies)
    return MovedEpisode(moved, properties.display_matrix)


def _write(
    segment: VideoSegment, copies: "Sequence[_Copy]", properties: VideoProperties, on_batch: Callable[[], None]
) -> None:
    size = frames_per_batch(properties.width, properties.height)
    with ThreadPoolExecutor(len(copies), "labels") as threads:
        with ExitStack() as opened:
            for copy in copies:
                opened.enter_context(copy.open())
            first_frame = 0
            for batch in _batches(segment, size):
                for done in [threads.submit(copy.write, batch, first_frame) for copy in copies]:
                    done.result()
                first_frame += len(batch[0])
                on_batch()
        for done in [threads.submit(copy.check) for copy in copies]:
            done.result()


def _batches(segment: VideoSegment, size: int) -> Iterator[list[Plane]]:
    """The frames, at most `size` at a time: by plane [N, H, W]."""
    frames = decode_frames(segment)
    while batch := [[plane.copy() for plane in planes_of(frame)] for frame in islice(frames, size)]:
        yield [np.stack(planes) for planes in zip(*batch, strict=True)]


class _Copy:
    """One copy, in a file of its own."""

    def __init__(
        self,
        path: Path,
        geometry: Geometry | None,
        segment: VideoSegment,
        encoding: LosslessEncoding,
        properties: VideoProperties,
    ) -> None:
        self.path = path
        self._geometry, self._segment, self._encoding, self._properties = geometry, segment, encoding, properties
        self._hash = PixelHash()
        self._black = black_of(encoding.pix_fmt, properties.colors.range)

    @property
    def value_hash(self) -> str:
        return self._hash.hexdigest()

    def open(self) -> VideoEncoder:
        self._encoder = VideoEncoder(
            self.path,
            self._encoding,
            fps=self._segment.fps,
            width=self._properties.width,
            height=self._properties.height,
            colors=self._properties.colors,
            pixel_aspect=self._properties.pixel_aspect,
        )
        return self._encoder

    def write(self, batch: list[Plane], first_frame: int) -> None:
        moved = [
            self._moved(values, black, first_frame, batch[0].shape)
            for values, black in zip(batch, self._black, strict=True)
        ]
        for planes in zip(*moved, strict=True):
            self._count(planes, self._hash)
            self._encoder.encode(frame_of(list(planes), self._encoding.pix_fmt))

    def check(self) -> None:
        """Read back what was written. Raises NotTheSame."""
        found = PixelHash()
        for frame in decode_frames(VideoSegment(self.path, 0, self._segment.frames, self._segment.fps)):
            self._check_format(frame)
            self._count(planes_of(frame), found)
        if found.hexdigest() != self.value_hash:
            raise NotTheSame(f"{self._encoding.encoder} has changed values of {self._encoding.pix_fmt}")

    def _check_format(self, frame: av.VideoFrame) -> None:
        if frame.format.name.replace("yuvj", "yuv") != self._encoding.pix_fmt:
            raise NotTheSame(f"{self._encoding.encoder} has written {frame.format.name}")

    def _moved(self, values: Plane, black: int, first_frame: int, whole: tuple[int, ...]) -> Plane:
        """A plane of frames, moved. One of fewer places than the frame goes where the frame's do."""
        if self._geometry is None:
            return values
        (height, width), (own_height, own_width) = whole[-2:], values.shape[-2:]
        down, across = -(-height // own_height), -(-width // own_width)
        if (down, across) != (1, 1):
            values = values.repeat(down, -2).repeat(across, -1)[..., :height, :width]
        moved: Plane = self._geometry.follow_all(values, first_frame, black)
        return moved[..., ::down, ::across]

    @staticmethod
    def _count(planes: Sequence[Plane], into: PixelHash) -> None:
        for plane in planes:
            into.update(plane.tobytes())
