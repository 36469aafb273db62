"""A source on a hub: at its pinned commit, with local copies of the files that are in use."""

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from huggingface_hub.errors import EntryNotFoundError
from typing_extensions import override

from augmentation_worker.bounded.documents import check_size
from augmentation_worker.bounded.unreadable import explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.storage.hub.client import MAIN, HubClient, RemoteFile
from augmentation_worker.storage.port import MOST_SMALL_BYTES, SourceDataset

_NOT_OF_A_DATASET = (".cache", ".git")
"""Folders that huggingface_hub uploads nothing to, and keeps its own notes on local copies in."""


@dataclass(frozen=True)
class HubSource(SourceDataset):
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
    @override
    def paths(self) -> Collection[DatasetPath]:
        return self.files.keys()

    @property
    @override
    def origin(self) -> Mapping[str, str]:
        return {"repoID": self.name, "revision": self.revision}

    @override
    def open(self, path: DatasetPath) -> Path:
        if path not in self.files:
            raise self.lacks(path)
        local = self.folder / DatasetPath(path)
        if local.is_file():
            return local
        try:
            return self.hub.download(self.name, self.revision, path, self.folder)
        except EntryNotFoundError as error:
            raise self.lacks(path) from error

    @override
    def open_partly(self, path: DatasetPath) -> BinaryIO:
        if path not in self.files:
            raise self.lacks(path)
        return self.hub.open_partly(self.name, self.revision, self.files[path])

    @override
    def read(self, path: DatasetPath, most_bytes: int = MOST_SMALL_BYTES) -> bytes | None:
        if path in self.files:
            with explained(self.name, path):
                check_size(self.files[path].size, most_bytes)  # what the hub lists as larger is not downloaded
        return super().read(path, most_bytes)

    @override
    def drop(self, path: DatasetPath) -> None:
        (self.folder / DatasetPath(path)).unlink(missing_ok=True)

    @override
    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def pin(hub: HubClient, dataset: str, revision: str | None, version_tags: Sequence[str]) -> str:
    """The commit to read, whatever happens to the branch later.

    Without a revision it is what LeRobot would read: the tag of the newest version of its format (`version_tags`, the
    newest first), else main.
    """
    if revision is not None:
        return hub.commit_of(dataset, revision, "source")
    tags = {ref.name for ref in hub.refs(dataset, "source").tags}
    return hub.commit_of(dataset, next((version for version in version_tags if version in tags), MAIN), "source")


def open_source(hub: HubClient, dataset: str, commit: str, scratch: Path) -> HubSource:
    """List what a dataset holds at a commit."""
    listed = hub.files(dataset, commit, "source")
    files = {path: file for path, file in listed.items() if path.parts[0] not in _NOT_OF_A_DATASET}
    return HubSource(hub, dataset, commit, files, scratch / "source")
