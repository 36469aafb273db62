"""The episodes, by columns: where the rows and frames of each lie. One is an object only while it is looked at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, overload

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.format_version import FileNumber

EPISODES_FOLDER = "meta/episodes"
TIMESTAMP_TOLERANCE_SECONDS = 1e-4
"""LeRobot's own: a frame further off its time is not found."""
_AT_ONCE: Final = 1024
"""Episodes that are objects at once while all are walked through."""
_KEY_BITS: Final = 32
"""Chunk and file indices have at most nine digits, which fit into 30 bits."""
Whole = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp] | Whole


@dataclass(frozen=True)
class VideoSpan:
    """Where an episode's frames of one camera lie.

    Attributes:
        file: the video file.
        from_timestamp: seconds from the file's beginning. (LeRobot never looks at to_timestamp.)
    """

    file: FileNumber
    from_timestamp: float


@dataclass(frozen=True)
class Episode:
    """One episode of the source.

    Attributes:
        index: episode_index.
        length: frames.
        from_index, to_index: its rows in the whole dataset, half open.
        data_file: file its rows lie in.
        videos: by camera key.
    """

    index: int
    length: int
    from_index: int
    to_index: int
    data_file: FileNumber
    videos: Mapping[str, VideoSpan]


@dataclass(frozen=True, eq=False)
class EpisodeFiles:
    """The number of the file that each episode lies in.

    Attributes:
        chunks, files: both parts of it, int64 (N,).
    """

    chunks: Whole
    files: Whole

    @cached_property
    def keys(self) -> Whole:
        """The numbers as one each, int64 (N,), which order as they do."""
        return (self.chunks << _KEY_BITS) | self.files

    @cached_property
    def numbers(self) -> tuple[FileNumber, ...]:
        """The numbers that there are, rising, each once."""
        return tuple(self.take(self._distinct[0]))

    @property
    def places(self) -> Places:
        """The place in `numbers` of each episode's file, integers (N,)."""
        return self._distinct[1]

    @cached_property
    def firsts(self) -> Whole:
        """Where the runs of episodes in one file begin, int64 (R,); of files in order, each is one run."""
        return np.flatnonzero(np.diff(self.keys, prepend=-1)).astype(np.int64)

    def runs(self) -> Iterator[tuple[FileNumber, range]]:
        """The runs of episodes that lie in one file, each with their places."""
        firsts = self.firsts.tolist()
        for number, first, end in zip(self.take(self.firsts), firsts, [*firsts[1:], len(self)], strict=True):
            yield number, range(first, end)

    def ends_of(self, number: FileNumber) -> tuple[int, int]:
        """The places of the first and the last episode in a file; the files are in order, as those of rows are."""
        key = number.chunk << _KEY_BITS | number.file
        return int(np.searchsorted(self.keys, key)), int(np.searchsorted(self.keys, key, side="right")) - 1

    def take(self, places: Places | slice) -> Iterator[FileNumber]:
        """The numbers at some places."""
        return map(FileNumber, self.chunks[places].tolist(), self.files[places].tolist())

    def part(self, places: Places | slice) -> "EpisodeFiles":
        """The same of some episodes."""
        return EpisodeFiles(self.chunks[places], self.files[places])

    @cached_property
    def _distinct(self) -> tuple[Places, Places]:
        """A place of each number that there is, and of each episode which of them it has."""
        _, firsts, places = np.unique(self.keys, return_index=True, return_inverse=True)
        return firsts, places

    def __len__(self) -> int:
        """How many episodes it is of."""
        return len(self.chunks)

    def __getitem__(self, place: int) -> FileNumber:
        """The number of one."""
        return FileNumber(int(self.chunks[place]), int(self.files[place]))


@dataclass(frozen=True, eq=False)
class VideoSpans:
    """Where the frames of each episode lie, of one camera.

    Attributes:
        files: the video files.
        from_timestamps: seconds from the file's beginning, float64 (N,).
    """

    files: EpisodeFiles
    from_timestamps: npt.NDArray[np.float64]

    def part(self, places: Places | slice) -> "VideoSpans":
        """The same of some episodes."""
        return VideoSpans(self.files.part(places), self.from_timestamps[places])


@dataclass(frozen=True, eq=False)
class Episodes(Sequence[Episode]):
    """Episodes in the order of their indices: all of a dataset, or some. A slice of it is one, too.

    Attributes:
        indices: episode_index of each, int64 (N,).
        lengths: frames, int64 (N,).
        from_indices, to_indices: their rows in the whole dataset, half open, int64 (N,).
        data_files: the files that their rows lie in.
        videos: by camera key.
    """

    indices: Whole
    lengths: Whole
    from_indices: Whole
    to_indices: Whole
    data_files: EpisodeFiles
    videos: Mapping[str, VideoSpans]

    @property
    def frames(self) -> int:
        """All of them together."""
        return int(self.lengths.sum())

    def part(self, places: Places | slice) -> "Episodes":
        """Some of them, by their places here."""
        return Episodes(
            self.indices[places],
            self.lengths[places],
            self.from_indices[places],
            self.to_indices[places],
            self.data_files.part(places),
            {camera: spans.part(places) for camera, spans in self.videos.items()},
        )

    def of_ranges(self, ranges: Sequence[range]) -> "Episodes":
        """Those at the places of some ranges, in their order."""
        if len(ranges) == 1 and ranges[0].step == 1:
            return self.part(slice(ranges[0].start, ranges[0].stop))
        parts = [np.arange(part.start, part.stop, part.step) for part in ranges]
        return self.part(np.concatenate([np.empty(0, np.int64), *parts]))

    @override
    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, place: int) -> Episode: ...
    @overload
    def __getitem__(self, place: slice) -> "Episodes": ...
    @override
    def __getitem__(self, place: int | slice) -> "Episode | Episodes":
        if isinstance(place, slice):
            return self.part(place)
        return Episode(
            int(self.indices[place]),
            int(self.lengths[place]),
            int(self.from_indices[place]),
            int(self.to_indices[place]),
            self.data_files[place],
            {
                camera: VideoSpan(spans.files[place], float(spans.from_timestamps[place]))
                for camera, spans in self.videos.items()
            },
        )

    @override
    def __iter__(self) -> Iterator[Episode]:
        for first in range(0, len(self), _AT_ONCE):
            yield from self._objects(slice(first, first + _AT_ONCE))

    def _objects(self, places: slice) -> Iterator[Episode]:
        columns = (self.indices, self.lengths, self.from_indices, self.to_indices)
        spans = [
            map(VideoSpan, span.files.take(places), span.from_timestamps[places].tolist())
            for span in self.videos.values()
        ]
        numbers = zip(*(column[places].tolist() for column in columns), strict=True)
        for (index, length, begin, end), file, *of_cameras in zip(
            numbers, self.data_files.take(places), *spans, strict=True
        ):
            yield Episode(index, length, begin, end, file, dict(zip(self.videos, of_cameras, strict=True)))


def episodes_path(number: FileNumber) -> DatasetPath:
    """Path of an episodes file; not a template of info.json, but fixed by LeRobot."""
    return DatasetPath(f"{EPISODES_FOLDER}/chunk-{number.chunk:03d}/file-{number.file:03d}.parquet")
