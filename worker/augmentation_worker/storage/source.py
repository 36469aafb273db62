"""The source: a dataset at a pinned revision, whose files are opened one by one."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

from augmentation_api import FailureReason
from augmentation_worker.bounded.json_document import check_size
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.info import INFO_PATH, read_info
from augmentation_worker.formats.lerobot.metadata import (
    STATS_PATH,
    DatasetMetadata,
    check_files,
    episode_files_of,
    read_metadata,
)


class SourceDataset(Protocol):
    """A dataset at a revision."""

    @property
    def name(self) -> str:
        """For people: `owner/name`, or a folder."""

    @property
    def revision(self) -> str:
        """What it is pinned to: a commit, or a folder's fingerprint."""

    @property
    def paths(self) -> Collection[DatasetPath]:
        """Paths of all its files."""

    @property
    def origin(self) -> Mapping[str, str]:
        """Name and revision as they are recorded in the result."""

    def open(self, path: DatasetPath) -> Path:
        """A local file with the content of one of its files. Raises WorkerFailure."""

    def open_partly(self, path: DatasetPath) -> BinaryIO:
        """A file, seekable, of which no more is fetched than is read: for the footer of a large one."""

    def read(self, path: DatasetPath, most_bytes: int = limits.MOST_SMALL_BYTES) -> bytes | None:
        """Content of a small file; None if there is none. Raises WorkerFailure: SOURCE_INVALID if it is not small."""

    def drop(self, path: DatasetPath) -> None:
        """Make room: the file is not needed any more."""

    def close(self) -> None:
        """Make room: no file is needed any more."""


def read_small(local: Path, dataset: str, path: DatasetPath, most_bytes: int) -> bytes:
    """Content of a local file. Raises WorkerFailure: SOURCE_INVALID if it is larger than `most_bytes`."""
    with local.open("rb") as file:
        content = file.read(most_bytes + 1)
    with limits.explained(dataset, path):
        check_size(max(len(content), local.stat().st_size), most_bytes)
    return content


def load_metadata(source: SourceDataset, *, whole: bool = True) -> DatasetMetadata:
    """Read and check the metadata: meta/info.json, the episodes and meta/stats.json.

    Args:
        source: the dataset.
        whole: whether the table of episodes holds their statistics.

    Raises:
        WorkerFailure: SOURCE_FORMAT_UNSUPPORTED if it is no LeRobot dataset of a supported version, SOURCE_INVALID if
            it does not fit together.
    """
    info_json = source.read(INFO_PATH, limits.MOST_INFO_BYTES)
    if info_json is None:
        raise WorkerFailure(
            FailureReason.SOURCE_FORMAT_UNSUPPORTED,
            f"the dataset {source.name} at revision {source.revision} has no {INFO_PATH}: it is not a LeRobot dataset",
        )
    info = read_info(info_json, source.name)
    episode_files = episode_files_of(source.paths, info)
    stats_json = source.read(STATS_PATH, limits.MOST_STATS_BYTES)
    metadata = read_metadata(source.name, source.revision, info, episode_files, source.open, stats_json, whole=whole)
    check_files(metadata, source.paths)
    return metadata
