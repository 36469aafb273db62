"""A source in a folder. Its files are read where they are."""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath, PathRefused, shown
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.folder.dataset_folder import DatasetFolder
from augmentation_worker.storage.folder.held_folder import EntryRefused, HeldFile, running_user
from augmentation_worker.storage.port import NO_CONVENTIONS, FormatConventions, SourceDataset

_MOST_HELD = 64
"""Files that are held open even if no caller keeps them: a caller may pass a path on and forget it."""


class FolderSource(SourceDataset):
    """A dataset in a folder.

    Args:
        folder: the folder, absolute; no part of its path may be a link.
        name: what it is called in messages.
        follow_links: one more folder that the dataset's links may lead into; likewise.
        conventions: of the formats that the dataset may have; its fingerprint follows from them.
        volume_path: spec.source.volume.path, if that is what names the folder; None: a run on this machine does.

    Raises:
        WorkerFailure: SOURCE_NOT_FOUND or SOURCE_ACCESS_DENIED; SOURCE_INVALID, naming what is in the folder and does
            not lie there: see DatasetFolder; SOURCE_FORMAT_UNSUPPORTED for a dataset's whole folder in a Hugging Face
            cache, naming the snapshot.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        follow_links: Path | None = None,
        conventions: FormatConventions = NO_CONVENTIONS,
        volume_path: str | None = None,
    ) -> None:
        self.folder = folder
        self.name = name
        self._volume_path = volume_path
        self._dataset = DatasetFolder(folder, follow_links)
        self._held: dict[DatasetPath, HeldFile] = {}
        with self._explained():
            try:
                listing = self._dataset.list()
            except (FileNotFoundError, NotADirectoryError) as error:
                raise WorkerFailure(
                    FailureReason.SOURCE_NOT_FOUND, f"there is no folder {name}: name the dataset's folder"
                ) from error
            if listing.refused:
                raise listing.refused[0]
            self._files = listing.files
            self._check_no_cache()
            self.revision = self._dataset.fingerprint(listing, conventions)

    @property
    @override
    def paths(self) -> Collection[DatasetPath]:
        return self._files.keys()

    @property
    @override
    def origin(self) -> Mapping[str, str]:
        return {"folder": self.name, "revision": self.revision}

    @override
    def size(self, path: DatasetPath) -> int:
        return self._files[path]

    @override
    def open(self, path: DatasetPath) -> Path:
        # The file is held open for as long as the path is kept, and some time longer.
        held = self._held.pop(path, None) or HeldFile.of(self._opened(path))
        self._held[path] = held
        if len(self._held) > _MOST_HELD:
            del self._held[next(iter(self._held))]
        return held

    @override
    def open_partly(self, path: DatasetPath) -> BinaryIO:
        return os.fdopen(self._opened(path), "rb")

    @override
    def way_to(self, folder: str) -> str:
        if self._volume_path is not None:
            return f"set spec.source.volume.path to {self._volume_path}/{folder}"
        return f"set --source to {self.folder / folder}"

    @override
    def drop(self, path: DatasetPath) -> None:
        # Nothing was copied, but it is held open.
        self._held.pop(path, None)

    @override
    def close(self) -> None:
        self._held.clear()

    def _check_no_cache(self) -> None:
        snapshots = self._dataset.cached_snapshots(self._files)
        if snapshots:
            others = f" (or another of its {len(snapshots)} snapshots)" if len(snapshots) > 1 else ""
            raise WorkerFailure(
                FailureReason.SOURCE_FORMAT_UNSUPPORTED,
                f"the folder {self.name} is a dataset's whole folder in a Hugging Face cache, which keeps each "
                f"revision in a folder of its own: {self.way_to(snapshots[0])}{others}",
            )

    def _opened(self, path: DatasetPath) -> int:
        if path not in self._files:
            raise self.lacks(path)
        with self._explained():
            try:
                return self._dataset.open(path)
            except (FileNotFoundError, NotADirectoryError) as error:
                raise self.lacks(path) from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except EntryRefused as error:
            if Path(error.path) == self.folder or self.folder.is_relative_to(error.path):
                raise WorkerFailure(
                    FailureReason.SOURCE_INVALID,
                    f"the folder {self.name} is not followed: {error}; name the folder that the link leads to",
                ) from error
            raise WorkerFailure(
                FailureReason.SOURCE_INVALID,
                f"the dataset in {self.name} is not read: {error}; {_way_out(error)}",
            ) from error
        except PermissionError as error:
            raise WorkerFailure(
                FailureReason.SOURCE_ACCESS_DENIED,
                f"in the folder {self.name}, {shown(str(error.filename))} may not be read: {error.strerror}; let "
                f"{running_user()}, as which this runs, read it, or move it out of the dataset",
            ) from error


def _way_out(error: EntryRefused) -> str:
    if isinstance(error.__cause__, PathRefused):
        return "rename or remove it"
    if "is a link" not in error.finding:
        return "remove it"
    return (
        "put what it leads to there itself, or remove it (`cp -rL` copies a dataset with what its links lead to; on "
        "your own machine, --follow-links DIR allows links to files and folders below DIR)"
    )
