"""A source in an object store: pinned by its listing, read by ranges of the versions that were listed."""

import hashlib
import io
import os
import shutil
import threading
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final

from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_worker.bounded.documents import check_size
from augmentation_worker.bounded.unreadable import explained
from augmentation_worker.dataset_path import DatasetPath, PathRefused, checked_listing
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.disk import is_disk_full, scratch_full
from augmentation_worker.storage.object_store.client import ObjectChanged, StoreClient, StoredObject
from augmentation_worker.storage.object_store.errors import field_of
from augmentation_worker.storage.port import MOST_SMALL_BYTES, SourceDataset

RANGE_BYTES: Final = 1 << 18
"""Fetched per request of a file that is read partly, at least: more than most footers have."""
_PART_BYTES: Final = 8 * 2**20
_PARALLEL_FROM: Final = 2 * _PART_BYTES
_CONCURRENT_PARTS: Final = 4
_MARKER_END: Final = "_$folder$"
"""How Hadoop's programs name the empty objects that stand for folders."""


class ObjectStoreSource(SourceDataset):
    """A dataset in a folder of a bucket.

    Args:
        client: of the bucket.
        scratch: writable folder for local copies.

    Raises:
        WorkerFailure: SOURCE_NOT_FOUND where there is nothing; SOURCE_INVALID for a key that is no path; what
            StoreClient raises.
    """

    def __init__(self, client: StoreClient, scratch: Path) -> None:
        access = client.access
        self.name = access.url
        self.access = access
        self._client = client
        self._folder = scratch / "source"
        self._files = files_below(client, access.path)
        if not self._files:
            name = "container" if access.kind == "azure" else "bucket"
            raise WorkerFailure(
                FailureReason.SOURCE_NOT_FOUND,
                f"there are no files in {self.name}: name the dataset's folder in "
                f"{field_of(access, 'source', 'path')}, or another {name}",
            )
        self.revision = fingerprint(self._files)

    @property
    @override
    def paths(self) -> Collection[DatasetPath]:
        return self._files.keys()

    @property
    @override
    def origin(self) -> Mapping[str, str]:
        return {"url": self.name, "revision": self.revision}

    @override
    def size(self, path: DatasetPath) -> int:
        return self._files[path].size

    @override
    def open(self, path: DatasetPath) -> Path:
        wanted, local = self._listed(path), self._folder / path
        if local.is_file():
            return local
        local.parent.mkdir(parents=True, exist_ok=True)
        # Of this thread alone: another may want the same file.
        digest = hashlib.sha256(path.name.encode()).hexdigest()[:32]
        partial = local.with_name(f"{digest}.{os.getpid()}.{threading.get_ident()}.partial")
        try:
            self._fetch(wanted, partial)
            partial.replace(local)
        except ObjectChanged as error:
            raise self._changed(path) from error
        except OSError as error:
            if is_disk_full(error):
                raise scratch_full() from error
            raise
        finally:
            partial.unlink(missing_ok=True)
        return local

    @override
    def open_partly(self, path: DatasetPath) -> BinaryIO:
        return io.BufferedReader(_PartialObject(self, path, self._listed(path)), RANGE_BYTES)

    @override
    def read(self, path: DatasetPath, most_bytes: int = MOST_SMALL_BYTES) -> bytes | None:
        if path in self._files:
            with explained(self.name, path):
                check_size(self._files[path].size, most_bytes)  # what is listed as larger is not fetched
        return super().read(path, most_bytes)

    @override
    def way_to(self, folder: str) -> str:
        access = self._client.access
        path = f"{access.path}/{folder}" if access.path else folder
        wanted = access.model_copy(update={"path": path}).url if access.named_by == "command" else path
        return f"set {field_of(access, 'source', 'path')} to {wanted}"

    @override
    def drop(self, path: DatasetPath) -> None:
        if path in self._files:
            (self._folder / path).unlink(missing_ok=True)

    @override
    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def read_range(self, path: DatasetPath, wanted: StoredObject, start: int, end: int) -> bytes:
        """Bytes of a file from `start` up to `end`. Raises WorkerFailure."""
        try:
            return self._client.read_range(wanted, start, end)
        except ObjectChanged as error:
            raise self._changed(path) from error

    def _listed(self, path: DatasetPath) -> StoredObject:
        if path not in self._files:
            raise self.lacks(path)
        return self._files[path]

    def _fetch(self, wanted: StoredObject, target: Path) -> None:
        with target.open("wb") as file:
            if wanted.size < _PARALLEL_FROM:
                self._client.download(wanted, file)
                return
            descriptor = file.fileno()

            def fetch_part(start: int) -> None:
                content = self._client.read_range(wanted, start, min(start + _PART_BYTES, wanted.size))
                os.pwrite(descriptor, content, start)

            with ThreadPoolExecutor(_CONCURRENT_PARTS, thread_name_prefix="range") as threads:
                list(threads.map(fetch_part, range(0, wanted.size, _PART_BYTES)))

    def _changed(self, path: DatasetPath) -> WorkerFailure:
        return WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"the file {path} in {self.name} has changed or is gone since the dataset was listed: let nobody write "
            "there while a job runs, and create the job again",
        )


class _PartialObject(io.RawIOBase):
    """A file of the source of which only what is read is fetched. Put a BufferedReader around it."""

    def __init__(self, source: ObjectStoreSource, path: DatasetPath, wanted: StoredObject) -> None:
        super().__init__()
        self._source, self._path, self._wanted = source, path, wanted
        self._position = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._position

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._wanted.size}[whence]
        self._position = begin + offset
        return self._position

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fetch as much as fits, up to the end of the file."""
        end = min(self._position + len(buffer), self._wanted.size)
        if end <= self._position:
            return 0
        content = self._source.read_range(self._path, self._wanted, self._position, end)
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)


def files_below(client: StoreClient, folder: str) -> dict[DatasetPath, StoredObject]:
    """The files of a dataset, by their paths in it. What begins with a dot, at the top, is not part of one.

    Empty objects that stand for folders are left out.

    Raises WorkerFailure: SOURCE_INVALID, naming a key that is no path.
    """
    prefix = f"{folder}/" if folder else ""
    found = {
        entry.key.removeprefix(prefix): entry
        for entry in client.list(folder)
        if entry.key.startswith(prefix) and not entry.key.removeprefix(prefix).startswith(".")
    }
    for marker in markers_among(found.values(), client):
        del found[marker.key.removeprefix(prefix)]
    try:
        return dict(zip(checked_listing(found), found.values(), strict=True))
    except PathRefused as error:
        raise WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"the dataset in {client.access.url} is not read: {error}; rename or remove it",
        ) from error


def fingerprint(files: Mapping[DatasetPath, StoredObject]) -> str:
    """Identifies the state of a dataset that has no commits, by 40 hexadecimal digits.

    A hash of every file's path, size and ETag, which changes with its content. Nothing is read.
    """
    state = hashlib.sha256()
    for path in sorted(files):
        state.update(f"{path}\0{files[path].size}\0{files[path].tag}\n".encode())
    return state.hexdigest()[:40]


def markers_among(entries: Iterable[StoredObject], client: StoreClient) -> list[StoredObject]:
    """Empty objects that stand for folders: obstore lists `folder/` as `folder`, under which there is no object."""
    empty = [entry for entry in entries if entry.size == 0]
    markers = [entry for entry in empty if entry.key.endswith(_MARKER_END)]
    asked = [entry for entry in empty if not entry.key.endswith(_MARKER_END)]
    client.for_each(asked, lambda entry: markers.append(entry) if client.head(entry.key) is None else None)
    return markers
