"""A source in a folder. Its files are read where they are."""

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from augmentation_api import FailureReason
from augmentation_worker.dataset import limits
from augmentation_worker.dataset.episodes import invalid
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.fingerprint import files_of, fingerprint
from augmentation_worker.storage.source import read_small


class FolderSource:
    """A dataset in a folder.

    Args:
        folder: the folder.
        name: what it is called in messages.

    Raises:
        WorkerFailure: SOURCE_NOT_FOUND or SOURCE_ACCESS_DENIED.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        if not folder.is_dir():
            raise WorkerFailure(FailureReason.SOURCE_NOT_FOUND, f"there is no folder {name}: name the dataset's folder")
        try:
            self.revision = fingerprint(folder)
        except PermissionError as error:
            raise WorkerFailure(
                FailureReason.SOURCE_ACCESS_DENIED, f"the folder {name} may not be read: {error}"
            ) from error

    @cached_property
    def paths(self) -> Collection[DatasetPath]:
        """See SourceDataset."""
        return files_of(self.folder).keys()

    @property
    def origin(self) -> Mapping[str, str]:
        """See SourceDataset."""
        return {"folder": self.name, "revision": self.revision}

    def open(self, path: DatasetPath) -> Path:
        """See SourceDataset."""
        if path not in self.paths:
            raise invalid(self.name, f"it lists the file {path}, but does not have it")
        return self.folder / path

    def open_partly(self, path: DatasetPath) -> BinaryIO:
        """See SourceDataset."""
        return self.open(path).open("rb")

    def read(self, path: DatasetPath, most_bytes: int = limits.MOST_SMALL_BYTES) -> bytes | None:
        """See SourceDataset."""
        return read_small(self.folder / path, self.name, path, most_bytes) if path in self.paths else None

    def drop(self, path: DatasetPath) -> None:
        """See SourceDataset: nothing was copied."""

    def close(self) -> None:
        """See SourceDataset: nothing was copied."""
