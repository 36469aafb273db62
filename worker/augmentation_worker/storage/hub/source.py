"""A source on a hub: at its pinned commit, with local copies of the files that are in use."""

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from huggingface_hub.errors import EntryNotFoundError
from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_worker.bounded.documents import check_size
from augmentation_worker.bounded.unreadable import explained
from augmentation_worker.dataset_path import DatasetPath, PathRefused, shown
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.client import HubClient, RemoteFile
from augmentation_worker.storage.hub.commit import MAIN
from augmentation_worker.storage.port import MOST_SMALL_BYTES, SourceDataset

_NOT_OF_A_DATASET = (".cache", ".git")
"""Folders that huggingface_hub uploads nothing to, and keeps its own notes on local copies in."""
_MOST_FOLDERS_LISTED = 20


@dataclass(frozen=True)
class HubSource(SourceDataset):
    """A dataset at a commit.

    Attributes:
        hub: where it is.
        name: `owner/name`.
        revision: commit.
        files: everything it holds, by path; each file has its path in the repository.
        folder: where local copies lie.
        path: folder of the repository that the dataset is in (spec.source.hub.path); None: its root.
    """

    hub: HubClient
    name: str
    revision: str
    files: Mapping[DatasetPath, RemoteFile]
    folder: Path
    path: DatasetPath | None = None

    @property
    @override
    def paths(self) -> Collection[DatasetPath]:
        return self.files.keys()

    @property
    @override
    def origin(self) -> Mapping[str, str]:
        folder = {} if self.path is None else {"path": self.path}
        return {"repoID": self.name, "revision": self.revision, **folder}

    @override
    def size(self, path: DatasetPath) -> int:
        return self.files[path].size

    @override
    def open(self, path: DatasetPath) -> Path:
        if path not in self.files:
            raise self.lacks(path)
        in_repository = self.files[path].path
        local = self.folder / in_repository
        if local.is_file():
            return local
        try:
            self.hub.download(self.name, self.revision, in_repository, self.files[path].size, local)
        except EntryNotFoundError as error:
            raise self.lacks(path) from error
        return local

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
        if path in self.files:
            (self.folder / self.files[path].path).unlink(missing_ok=True)

    @override
    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @override
    def way_to(self, folder: str) -> str:
        return f"set spec.source.hub.path to {folder if self.path is None else f'{self.path}/{folder}'}"


def pin(hub: HubClient, dataset: str, revision: str | None, version_tags: Sequence[str]) -> str:
    """The commit to read, whatever happens to the branch later.

    Without a revision it is what LeRobot would read: the tag of the newest version of its format (`version_tags`, the
    newest first), else main.
    """
    if revision is not None:
        return hub.commit_of(dataset, revision, "source")
    tags = {ref.name for ref in hub.refs(dataset, "source").tags}
    return hub.commit_of(dataset, next((version for version in version_tags if version in tags), MAIN), "source")


def open_source(
    hub: HubClient,
    dataset: str,
    commit: str,
    scratch: Path,
    folder: str | None = None,
    *,
    listed: Mapping[DatasetPath, RemoteFile] | None = None,
) -> HubSource:
    """List what a dataset holds at a commit, of which only `folder` is read if that is given.

    `listed` is what was listed before: then the hub is not asked.

    Raises WorkerFailure: SOURCE_NOT_FOUND if there is no such folder, SPEC_UNSUPPORTED if it is no path.
    """
    try:
        path = DatasetPath(folder) if folder else None
    except PathRefused as error:
        raise WorkerFailure(FailureReason.SPEC_UNSUPPORTED, f"spec.source.hub.path: {error}") from error
    try:
        listed = hub.files(dataset, commit, "source", path) if listed is None else listed
    except EntryNotFoundError:
        listed = {}
    within = f"{path}/" if path else ""
    below = (
        {DatasetPath(full.removeprefix(within)): file for full, file in listed.items() if full.startswith(within)}
        if within
        else listed
    )
    if path and not below:
        raise _no_folder(hub, dataset, commit, path)
    files = {path: file for path, file in below.items() if path.parts[0] not in _NOT_OF_A_DATASET}
    return HubSource(hub, dataset, commit, files, scratch / "source", path)


def _no_folder(hub: HubClient, dataset: str, commit: str, folder: DatasetPath) -> WorkerFailure:
    """Which folders there are: those of the same name, else those at the top."""
    holding = {path.folder for path in hub.files(dataset, commit, "source")}
    every = {names[:depth] for names in holding for depth in range(1, len(names) + 1)}
    alike = [names for names in every if names[-1] == folder.name] or [names for names in every if len(names) == 1]
    folders = sorted("/".join(names) for names in alike)
    more = ", …" if len(folders) > _MOST_FOLDERS_LISTED else ""
    return WorkerFailure(
        FailureReason.SOURCE_NOT_FOUND,
        f"the dataset {dataset} has no folder {shown(folder)} at revision {commit} (spec.source.hub.path); its "
        f"folders: {', '.join(folders[:_MOST_FOLDERS_LISTED]) or 'none'}{more}",
    )
