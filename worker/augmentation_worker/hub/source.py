"""The source dataset at its pinned commit: its files on the hub, and local copies of those that are in use."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.errors import EntryNotFoundError

from augmentation_api import FailureReason
from augmentation_worker.dataset.episodes import invalid
from augmentation_worker.dataset.info import INFO_PATH, NEWEST_VERSION, read_info
from augmentation_worker.dataset.metadata import (
    STATS_PATH,
    DatasetMetadata,
    check_files,
    episode_files_of,
    read_metadata,
)
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.hub.client import MAIN, HubClient, RemoteFile


@dataclass(frozen=True)
class SourceDataset:
    """A dataset at a commit.

    Attributes:
        hub: where it is.
        name: `owner/name`.
        revision: commit.
        files: everything it holds, by path.
        folder: where local copies lie.
    """

    hub: HubClient
    name: str
    revision: str
    files: Mapping[str, RemoteFile]
    folder: Path

    def open(self, path: str) -> Path:
        """A local copy of a file; downloaded if there is none."""
        local = self.folder / path
        if local.exists():
            return local
        try:
            return self.hub.download(self.name, self.revision, path, self.folder)
        except EntryNotFoundError as error:
            raise invalid(self.name, f"it lists the file {path}, but does not have it") from error

    def read(self, path: str) -> bytes | None:
        """Content of a small file; None if there is none."""
        return self.open(path).read_bytes() if path in self.files else None

    def drop(self, path: str) -> None:
        """Make room: the local copy is not needed any more."""
        (self.folder / path).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove all local copies."""
        shutil.rmtree(self.folder, ignore_errors=True)


def pin(hub: HubClient, dataset: str, revision: str | None) -> str:
    """The commit to read, whatever happens to the branch later.

    Without a revision it is what LeRobot would read: the tag of the newest format version, else main.
    """
    if revision is not None:
        return hub.commit_of(dataset, revision, "source")
    tags = {ref.name: ref.target_commit for ref in hub.refs(dataset, "source").tags}
    return hub.commit_of(dataset, NEWEST_VERSION if NEWEST_VERSION in tags else MAIN, "source")


def open_source(hub: HubClient, dataset: str, commit: str, scratch: Path) -> SourceDataset:
    """List what a dataset holds at a commit."""
    return SourceDataset(hub, dataset, commit, hub.files(dataset, commit, "source"), scratch / "source")


def load_metadata(source: SourceDataset) -> DatasetMetadata:
    """Download and check the metadata: meta/info.json, meta/episodes and meta/stats.json.

    Raises:
        WorkerFailure: SOURCE_FORMAT_UNSUPPORTED if it is no LeRobot dataset of a supported version, SOURCE_INVALID if
            it does not fit together.
    """
    info_json = source.read(INFO_PATH)
    if info_json is None:
        raise WorkerFailure(
            FailureReason.SOURCE_FORMAT_UNSUPPORTED,
            f"the dataset {source.name} at revision {source.revision} has no {INFO_PATH}: it is not a LeRobot dataset",
        )
    info = read_info(info_json, source.name)
    episode_files = [(path, source.open(path)) for path in episode_files_of(source.files)]
    metadata = read_metadata(source.name, source.revision, info, episode_files, source.read(STATS_PATH))
    check_files(metadata, source.files)
    return metadata
