"""The versions of LeRobot's dataset format that are read and written, and what differs between them.

Everything else in this package works on what they have in common: a table of episodes with the columns of v3.0, and
files known by their number. v2.1 has a file for each episode, so its file numbers are episodes' indices.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from augmentation_worker.dataset_path import DatasetPath


class FileNumber(NamedTuple):
    """A (chunk, file) pair. Orders as the files do. In LeRobot v2.1 the file is the episode's index."""

    chunk: int
    file: int

    def following(self, chunks_size: int) -> "FileNumber":
        """The next number with at most `chunks_size` files per chunk."""
        return FileNumber(self.chunk, self.file + 1) if self.file + 1 < chunks_size else FileNumber(self.chunk + 1, 0)


@dataclass(frozen=True)
class FormatVersion:
    """One version of the format.

    Attributes:
        version: codebase_version in info.json, and the tag by which LeRobot finds a dataset of this version.
        chunk_field, file_field: what the path templates of info.json call the two parts of a file's number.
        has_file_per_episode: whether each episode has a data file, and video files, of its own.
        episodes_place: what lists the episodes, for messages.
        tasks_path: file that lists the tasks.
        needed_columns: columns of the data files that its loader reads in any case: LeRobot 0.6.1 and 0.3.3.
    """

    version: str
    chunk_field: str
    file_field: str
    has_file_per_episode: bool
    episodes_place: str
    tasks_path: DatasetPath
    needed_columns: tuple[str, ...]

    @property
    def data_fields(self) -> frozenset[str]:
        """What data_path has to name."""
        return frozenset((self.chunk_field, self.file_field))

    @property
    def video_fields(self) -> frozenset[str]:
        """What video_path has to name."""
        return self.data_fields | {"video_key"}

    def path_fields(self, number: FileNumber) -> Mapping[str, int]:
        """A file's number as the fields of a path template."""
        return {self.chunk_field: number.chunk, self.file_field: number.file}


V30 = FormatVersion(
    "v3.0",
    "chunk_index",
    "file_index",
    False,
    "meta/episodes",
    DatasetPath("meta/tasks.parquet"),
    ("episode_index", "index", "task_index"),
)
V21 = FormatVersion(
    "v2.1",
    "episode_chunk",
    "episode_index",
    True,
    "meta/episodes.jsonl",
    DatasetPath("meta/tasks.jsonl"),
    ("timestamp", "episode_index", "task_index"),
)
VERSIONS: Mapping[str, FormatVersion] = {known.version: known for known in (V30, V21)}
"""By version, the newest first: the order in which tags are looked for."""


def number_of_episode(episode_index: int, chunks_size: int) -> FileNumber:
    """Number of the files of an episode where each has its own."""
    return FileNumber(episode_index // chunks_size, episode_index)
