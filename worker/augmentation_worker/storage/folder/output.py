"""A result in a folder: written to a hidden folder next to it, which is renamed when it is complete.

Others may write to the volume meanwhile. Everything is done in folders that are held open (HeldFolder), so a link that
somebody puts in the way is replaced or refused, never followed.
"""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath, shown
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.disk import is_disk_full, output_full
from augmentation_worker.storage.folder.dataset_folder import DatasetFolder, Listing
from augmentation_worker.storage.folder.held_folder import (
    EntryRefused,
    HeldFolder,
    prune,
    remove_if_empty,
    running_user,
)
from augmentation_worker.storage.folder.source import FolderSource
from augmentation_worker.storage.port import (
    NO_CONVENTIONS,
    FormatConventions,
    OutputDataset,
    OutputMoved,
    SourceDataset,
    StoredFile,
)
from augmentation_worker.storage.provenance import PROVENANCE_PATH, job_of

NOTHING = ""
"""State of a folder that does not exist or is empty."""
_CHUNK_BYTES = 1 << 20
_REPLACED = ".replaced"
"""Folder next to the stored files that keeps, by hash, the content of those that were replaced by another: records
of it may exist, and whoever is stopped in between has to find it."""
_MOST_READ_BYTES = 512 * 2**20
"""The record of 40,000 episodes in ten versions has half of it."""


class FolderOutput(OutputDataset):
    """A dataset to be published in a folder of its own. Who may read a volume is not the job's to decide.

    Args:
        folder: the folder that the result becomes, absolute; no part of its path may be a link.
        name: what it is called in messages.
        job_uid: whose result it is.
        follow_links, conventions: as for the source, which may be in the same folder.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        job_uid: str,
        follow_links: Path | None = None,
        conventions: FormatConventions = NO_CONVENTIONS,
    ) -> None:
        self.folder = folder
        self.name = name
        self._job_uid = job_uid
        self._follow_links = follow_links
        self._conventions = conventions
        self._staging = staging_of(folder, job_uid)
        self._previous = previous_of(folder, job_uid)

    @override
    def prepare(self, source: SourceDataset) -> None:
        with self._explained(), HeldFolder.at(self.folder.parent, create=True) as parent:
            probe = f".{uuid4()}"
            os.close(parent.create_file(probe))
            parent.unlink(probe)

    @override
    def check(self, source: SourceDataset) -> str:
        with self._explained():
            state, listing = self._state()
            if state == NOTHING or is_result_of(self.folder, self._job_uid):
                return state
            if not (
                isinstance(source, FolderSource)
                and state == source.revision
                and self.folder.exists()
                and self.folder.samefile(source.folder)
            ):
                among = next(iter(listing.files), None) or listing.refused[0].path
                raise WorkerFailure(
                    FailureReason.OUTPUT_CONFLICT,
                    f"the folder {self.name} exists and holds something else (among it {shown(among)}): name another "
                    "one, or delete it first",
                )
            with HeldFolder.at(self.folder.parent) as parent:
                self._check_free(parent)
            return state

    @override
    def published(self) -> str | None:
        with self._explained():
            if is_result_of(self._staging, self._job_uid):
                with HeldFolder.at(self.folder.parent) as parent:
                    if parent.status(self.folder.name) is None and parent.status(self._previous.name) is not None:
                        # An earlier try was stopped between its two renames.
                        parent.rename(self._staging.name, self.folder.name)
            return self._state()[0] if is_result_of(self.folder, self._job_uid) else None

    @override
    def read(self, path: DatasetPath) -> bytes | None:
        return _content(self.folder, path)

    @override
    def put(self, path: DatasetPath, content: Path) -> StoredFile:
        with self._explained(), content.open("rb") as source:
            return self._write(path, iter(lambda: source.read(_CHUNK_BYTES), b""))

    @override
    def missing(self, files: Sequence[StoredFile]) -> list[StoredFile]:
        stored = self._stored()
        return [file for file in files if stored.get(file.path) != file.size and not self._is_replaced(file)]

    def _is_replaced(self, file: StoredFile) -> bool:
        try:
            with HeldFolder.at(self._staging) as staging, staging.within([_REPLACED]) as replaced:
                status = replaced.status(file.sha256)
        except (FileNotFoundError, NotADirectoryError, EntryRefused):
            return False
        return status is not None and status.st_size == file.size

    @override
    def fetch(self, file: StoredFile, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if self._is_replaced(file):
                with HeldFolder.at(self._staging) as staging, staging.within([_REPLACED]) as replaced:
                    stored = os.fdopen(replaced.open_file(file.sha256), "rb")
            else:
                stored = os.fdopen(DatasetFolder(self._staging, links=False).open(file.path), "rb")
        except (EntryRefused, NotADirectoryError) as error:
            raise FileNotFoundError(errno.ENOENT, str(error), file.path) from error
        with stored, target.open("wb") as out:
            shutil.copyfileobj(stored, out, _CHUNK_BYTES)

    @override
    def commit(
        self,
        message: str,
        *,
        checked: str,
        stored: Sequence[StoredFile],
        written: Mapping[DatasetPath, bytes],
        deleted: Sequence[DatasetPath] = (),
    ) -> str:
        with self._explained():
            # Last of them the file by which a folder is known as this job's result.
            for path in sorted(written, key=lambda path: path == PROVENANCE_PATH):
                self._write(path, [written[path]])
            for file in stored:
                self._bring_back(file)
            with HeldFolder.at(self.folder.parent) as parent:
                with parent.within([self._staging.name]) as staging:
                    prune(staging, {file.path for file in stored} | set(written))
                if lost := next((file for file in self.missing(stored)), None):
                    raise WorkerFailure(
                        FailureReason.INTEGRITY_CHECK_FAILED,
                        f"nothing was published, because the recorded file {lost.path} is not stored",
                    )
                if self._state()[0] != checked:
                    raise OutputMoved(self.name)
                if checked != NOTHING:
                    self._check_free(parent)
                    parent.rename(self.folder.name, self._previous.name)
                elif not remove_if_empty(parent, self.folder.name):
                    raise OutputMoved(self.name)
                parent.rename(self._staging.name, self.folder.name)
                parent.flush()
            return self._state()[0]

    def _check_free(self, parent: HeldFolder) -> None:
        """Check that the name under which the present content is to be kept is not taken."""
        if parent.status(self._previous.name) is not None:
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT,
                f"the folder {self.name} would be kept as {self._previous.name}, and that exists: rename or delete it, "
                "or name another output",
            )

    def _state(self) -> tuple[str, Listing]:
        folder = DatasetFolder(self.folder, self._follow_links)
        try:
            listing = folder.list()
        except FileNotFoundError:
            listing = Listing({}, ())
        return folder.fingerprint(listing, self._conventions) if listing.files or listing.refused else NOTHING, listing

    def _stored(self) -> Mapping[DatasetPath, int]:
        """Sizes of the stored files: regular files only, as somebody else may have replaced one by a link."""
        try:
            with self._explained():
                return DatasetFolder(self._staging, links=False).list().files
        except FileNotFoundError:
            return {}

    def _write(self, path: DatasetPath, content: "Iterator[bytes] | Sequence[bytes]") -> StoredFile:
        path = DatasetPath(path)
        with HeldFolder.at(self._staging.parent) as parent:
            folder = parent.within([self._staging.name, *path.folder], create=True)
        # Short enough, however long the name is.
        partial = f"{hashlib.sha256(path.name.encode()).hexdigest()[:32]}.partial"
        digest, size = hashlib.sha256(), 0
        with folder, os.fdopen(folder.create_file(partial), "wb") as out:
            for chunk in content:
                out.write(chunk)
                digest.update(chunk)
                size += len(chunk)
            out.flush()
            os.fsync(out.fileno())
            self._keep_replaced(folder, path.name, digest.hexdigest())
            folder.rename(partial, path.name)
        return StoredFile(path, digest.hexdigest(), size)

    def _bring_back(self, file: StoredFile) -> None:
        """Put a content that was replaced under its path in its place again, if it is part of the result."""
        if not self._is_replaced(file):
            return
        with HeldFolder.at(self._staging) as staging, staging.within([_REPLACED]) as replaced:
            descriptor = replaced.open_file(file.sha256)
        with os.fdopen(descriptor, "rb") as content:
            self._write(file.path, iter(lambda: content.read(_CHUNK_BYTES), b""))

    def _keep_replaced(self, folder: HeldFolder, name: str, new_digest: str) -> None:
        """Move a file that is about to be replaced by another content to where it is found by its hash."""
        status = folder.status(name)
        if status is None or not stat.S_ISREG(status.st_mode):
            return
        with os.fdopen(folder.open_file(name), "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != new_digest:
            with HeldFolder.at(self._staging) as staging, staging.within([_REPLACED], create=True) as replaced:
                folder.rename(name, digest, into=replaced)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except EntryRefused as error:
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT,
                f"the result cannot be written to {self.name}: {error}; name a folder whose path has no links, or "
                "remove what is in the way",
            ) from error
        except NotADirectoryError as error:
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT,
                f"the result cannot be written to {self.name}: {shown(str(error.filename))} is not a folder; name "
                "another one, or remove it",
            ) from error
        except PermissionError as error:
            raise WorkerFailure(
                FailureReason.OUTPUT_ACCESS_DENIED,
                f"the result cannot be written to {self.name}: {error}; let {running_user()}, as which "
                "this runs, write there",
            ) from error
        except OSError as error:
            if is_disk_full(error):
                raise output_full(self.name) from error
            raise


def is_result_of(folder: Path, job_uid: str) -> bool:
    """Whether a folder holds this job's result."""
    return job_of(_content(folder, PROVENANCE_PATH)) == job_uid


def staging_of(folder: Path, job_uid: str) -> Path:
    """Where the files of a job's result are stored until it is complete."""
    return folder.with_name(f".{folder.name}.augmenting-{job_uid[:8]}")


def previous_of(folder: Path, job_uid: str) -> Path:
    """Where the content of a folder is kept that a job's result replaces."""
    return folder.with_name(f"{folder.name}.before-{job_uid[:8]}")


def _content(folder: Path, path: DatasetPath) -> bytes | None:
    """Content of a file that anybody may have written; None if it is too large to be of a result of this program."""
    try:
        with os.fdopen(DatasetFolder(folder).open(path), "rb") as file:
            if os.fstat(file.fileno()).st_size > _MOST_READ_BYTES:
                return None
            content = file.read(_MOST_READ_BYTES + 1)
            return content if len(content) <= _MOST_READ_BYTES else None
    except (FileNotFoundError, NotADirectoryError, EntryRefused):
        return None
