"""A result in a folder: made in a hidden folder beside it, and renamed when it is complete."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from augmentation_api import FailureReason
from augmentation_worker.dataset.layout import PROVENANCE_PATH
from augmentation_worker.dataset.provenance import read_provenance
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.disk import is_disk_full, output_full
from augmentation_worker.storage.fingerprint import files_of, fingerprint
from augmentation_worker.storage.folder_source import FolderSource
from augmentation_worker.storage.output import OutputMoved, StoredFile
from augmentation_worker.storage.source import SourceDataset

NOTHING = ""
"""The state of a folder that does not exist or is empty."""
_CHUNK_BYTES = 1 << 20


class FolderOutput:
    """A dataset to be published in a folder.

    Args:
        folder: the folder that the result becomes.
        name: what it is called in messages.
        job_uid: whose result it is.
    """

    page = None

    def __init__(self, folder: Path, name: str, job_uid: str) -> None:
        self.folder = folder
        self.name = name
        self._job_uid = job_uid
        self._staging = folder.with_name(f".{folder.name}.augmenting-{job_uid[:8]}")

    def extends(self, source: SourceDataset) -> bool:
        """See OutputDataset: the result is a folder of its own in any case."""
        return False

    def prepare(self, source: SourceDataset) -> None:
        """See OutputDataset."""
        with self._explained():
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self.folder.parent):
                pass

    def check(self, source: SourceDataset) -> str:
        """See OutputDataset."""
        state = self._state()
        is_source = isinstance(source, FolderSource) and state == source.revision and self._is(source.folder)
        if state != NOTHING and not is_source and not is_result_of(self.folder, self._job_uid):
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT,
                f"the folder {self.name} exists and holds something else (among it "
                f"{next(iter(files_of(self.folder)))}): name another one, or delete it first",
            )
        return state

    def check_audience(self, source: SourceDataset) -> str | None:
        """See OutputDataset: who may read a volume is not the job's to say."""
        return None

    def published(self) -> str | None:
        """See OutputDataset."""
        with self._explained():
            if not self.folder.exists() and is_result_of(self._staging, self._job_uid) and self._previous.exists():
                self._staging.rename(self.folder)  # an earlier try was stopped between its two renames
            return fingerprint(self.folder) if is_result_of(self.folder, self._job_uid) else None

    def read(self, path: DatasetPath) -> bytes | None:
        """See OutputDataset."""
        return (self.folder / path).read_bytes() if (self.folder / path).is_file() else None

    def put(self, path: DatasetPath, content: Path) -> StoredFile:
        """See OutputDataset."""
        with self._explained(), content.open("rb") as source:
            return self._write(path, iter(lambda: source.read(_CHUNK_BYTES), b""))

    def missing(self, files: Sequence[StoredFile]) -> list[StoredFile]:
        """See OutputDataset."""
        stored = files_of(self._staging)
        return [file for file in files if stored.get(file.path) != file.size]

    def fetch(self, file: StoredFile, target: Path) -> None:
        """See OutputDataset."""
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._staging / file.path, target)

    def keep_previous(self, checked: str) -> None:
        """See OutputDataset: `commit` renames it."""

    def commit(
        self,
        message: str,
        *,
        checked: str,
        stored: Sequence[StoredFile],
        written: Mapping[DatasetPath, bytes],
        deleted: Sequence[DatasetPath] = (),
    ) -> str:
        """See OutputDataset."""
        with self._explained():
            # Last of them the file by which a folder is known as this job's result.
            for path in sorted(written, key=lambda path: path == PROVENANCE_PATH):
                self._write(path, [written[path]])
            for path in set(files_of(self._staging)) - {file.path for file in stored} - set(written):
                (self._staging / path).unlink()
            _remove_empty_folders(self._staging)
            if self._state() != checked:
                raise OutputMoved(self.name)
            if checked != NOTHING:
                self.folder.rename(self._previous)
            elif self.folder.exists():
                _remove_empty_folders(self.folder)
                self.folder.rmdir()
            self._staging.rename(self.folder)
            _flush(self.folder.parent)
            return fingerprint(self.folder)

    def announce(self, revision: str, version: str) -> None:
        """See OutputDataset: a folder has no tags."""

    @property
    def _previous(self) -> Path:
        return previous_of(self.folder, self._job_uid)

    def _is(self, folder: Path) -> bool:
        return self.folder.exists() and self.folder.samefile(folder)

    def _state(self) -> str:
        return fingerprint(self.folder) if self.folder.is_dir() and files_of(self.folder) else NOTHING

    def _write(self, path: DatasetPath, content: "Iterator[bytes] | Sequence[bytes]") -> StoredFile:
        target = self._staging / path
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.partial")
        digest, size = hashlib.sha256(), 0
        with partial.open("wb") as out:
            for chunk in content:
                out.write(chunk)
                digest.update(chunk)
                size += len(chunk)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(target)
        return StoredFile(path, digest.hexdigest(), size)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise WorkerFailure(
                FailureReason.OUTPUT_ACCESS_DENIED,
                f"the result cannot be written to {self.name}: {error}; let the user that runs this write there",
            ) from error
        except OSError as error:
            if is_disk_full(error):
                raise output_full(self.name) from error
            raise


def is_result_of(folder: Path, job_uid: str) -> bool:
    """Whether a folder holds what this job published."""
    path = folder / PROVENANCE_PATH
    provenance = read_provenance(path.read_bytes()) if path.is_file() else None
    return provenance is not None and provenance.job_id == job_uid


def previous_of(folder: Path, job_uid: str) -> Path:
    """Where a folder's content is kept that a job's result takes the place of."""
    return folder.with_name(f"{folder.name}.before-{job_uid[:8]}")


def _remove_empty_folders(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
