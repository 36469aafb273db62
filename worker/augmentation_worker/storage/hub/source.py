"""A source on a hub: at its pinned commit, with local copies of the files that are in use."""

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from huggingface_hub.errors import EntryNotFoundError

from augmentation_worker.bounded.json_document import check_size
from augmentation_worker.bounded.unreadable import damaged, explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.format_version import FORMATS
from augmentation_worker.storage.hub.client import MAIN, HubClient, RemoteFile
from augmentation_worker.storage.port import MOST_SMALL_BYTES, read_small

_NOT_OF_A_DATASET = (".cache", ".git")
"""Folders that huggingface_hub uploads nothing to, and keeps its own notes on local copies in."""


@dataclass(frozen=True)
class HubSource:
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
    files: Mapping[DatasetPath, RemoteFile]
    folder: Path

    @property
    def paths(self) -> Collection[DatasetPath]:
        """See SourceDataset."""
        return self.files.keys()

    @property
    def origin(self) -> Mapping[str, str]:
        """See SourceDataset."""
        return {"repoID": self.name, "revision": self.revision}

    def open(self, path: DatasetPath) -> Path:
        """A local copy of a file; downloaded if there is none."""
        if path not in self.files:
            raise self._lacks(path)
        local = self.folder / DatasetPath(path)
        if local.is_file():
            return local
        try:
            return self.hub.download(self.name, self.revision, path, self.folder)
        except EntryNotFoundError as error:
            raise self._lacks(path) from error

    def open_partly(self, path: DatasetPath) -> BinaryIO:
        """See SourceDataset."""
        if path not in self.files:
            raise self._lacks(path)
        return self.hub.open_partly(self.name, self.revision, self.files[path])

    def read(self, path: DatasetPath, most_bytes: int = MOST_SMALL_BYTES) -> bytes | None:
        """See SourceDataset. What the hub lists as larger is not downloaded."""
        if path not in self.files:
            return None
        with explained(self.name, path):
            check_size(self.files[path].size, most_bytes)
        return read_small(self.open(path), self.name, path, most_bytes)

    def drop(self, path: DatasetPath) -> None:
        """Make room: the local copy is not needed any more."""
        (self.folder / DatasetPath(path)).unlink(missing_ok=True)

    def _lacks(self, path: DatasetPath) -> WorkerFailure:
        return damaged(self.name, f"it lists the file {path}, but does not have it")

    def close(self) -> None:
        """Remove all local copies."""
        shutil.rmtree(self.folder, ignore_errors=True)


def pin(hub: HubClient, dataset: str, revision: str | None) -> str:
    """The commit to read, whatever happens to the branch later.

    Without a revision it is what LeRobot would read: the tag of the newest version of its format, else main.
    """
    if revision is not None:
        return hub.commit_of(dataset, revision, "source")
    tags = {ref.name for ref in hub.refs(dataset, "source").tags}
    return hub.commit_of(dataset, next((version for version in FORMATS if version in tags), MAIN), "source")


def open_source(hub: HubClient, dataset: str, commit: str, scratch: Path) -> HubSource:
    """List what a dataset holds at a commit."""
    listed = hub.files(dataset, commit, "source")
    files = {path: file for path, file in listed.items() if path.parts[0] not in _NOT_OF_A_DATASET}
    return HubSource(hub, dataset, commit, files, scratch / "source")
