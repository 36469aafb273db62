"""The storage port: a source whose files are read, and an output whose files become the result all at once.

A storage knows no format of datasets: it stores files by their paths. What it has to know of a format is given to it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from augmentation_api import AugmentationJob
from augmentation_api.status import SourceStatus
from augmentation_worker.bounded.documents import check_size
from augmentation_worker.bounded.unreadable import damaged, explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure

MOST_SMALL_BYTES: Final = 16 * 2**20
"""Limit of a file that is read at once (a card, .gitattributes), unless its reader sets another."""


OnRetry = Callable[[int, str], None]
"""Called with the number of the coming attempt (1 is the first retry) and what was wrong with the last."""
OnNotice = Callable[[str, str], None]
"""Called with a word for what is being done and a sentence for people about it."""


@dataclass(frozen=True)
class FormatConventions:
    """What a storage has to know of the formats of datasets: their files and versions.

    Attributes:
        metadata: names of files that describe others, and of folders of such files, these with a slash at their end.
        version_tags: tags by which readers look for a dataset of a format's version, the newest first.
        entrances: files by which readers of a format enter a dataset: without the first that a dataset has, they find
            none.
    """

    metadata: frozenset[str] = frozenset()
    version_tags: tuple[str, ...] = ()
    entrances: tuple[DatasetPath, ...] = ()

    def is_metadata(self, path: DatasetPath) -> bool:
        """Whether a file describes others."""
        return path.name in self.metadata or any(f"{folder}/" in self.metadata for folder in path.folder[:1])


class ListingStore(Protocol):
    """Where resolve leaves the list of the source's files for the shards."""

    def keep_listing(self, text: str) -> None:
        """Leave it. Raises WorkerFailure."""

    def read_listing(self) -> str | None:
        """What was left; None if there is nothing. Raises WorkerFailure."""


NO_CONVENTIONS: Final = FormatConventions()


@dataclass(frozen=True)
class StorageContext:
    """What a storage has to know of a job and of the pod that works for it.

    Attributes:
        job: as it was when the pod started.
        environment: the pod's variables, of which a storage reads its own.
        scratch: writable folder for local copies.
        conventions: of all formats.
        on_retry: called before a request is retried.
        listings: where the list of the source's files is left for the shards; None: nowhere.
        on_notice: called with what people should know of, such as a longer wait.
    """

    job: AugmentationJob
    environment: Mapping[str, str]
    scratch: Path
    conventions: FormatConventions
    on_retry: OnRetry
    listings: ListingStore | None = None
    on_notice: OnNotice = lambda _status, _sentence: None


class SourceDataset(Protocol):
    """A dataset at a revision."""

    name: str
    """For people: `owner/name`, or a folder."""
    revision: str
    """What it is pinned to: a commit, or a folder's fingerprint."""

    @property
    def paths(self) -> Collection[DatasetPath]:
        """Paths of all its files."""

    @property
    def origin(self) -> Mapping[str, str]:
        """Name and revision as they are recorded in the result."""

    def size(self, path: DatasetPath) -> int:
        """Bytes of one of its files, as they are listed: nothing is fetched."""

    def open(self, path: DatasetPath) -> Path:
        """A local file with the content of one of its files. Raises WorkerFailure."""

    def open_partly(self, path: DatasetPath) -> BinaryIO:
        """A seekable file of which only what is read is fetched: for the footer of a large one."""

    def read(self, path: DatasetPath, most_bytes: int = MOST_SMALL_BYTES) -> bytes | None:
        """Content of a small file; None if there is none. Raises WorkerFailure: SOURCE_INVALID if it is not small."""
        return read_small(self.open(path), self.name, path, most_bytes) if path in self.paths else None

    def lacks(self, path: DatasetPath) -> WorkerFailure:
        """The failure of a job that needs a file which is listed, or named by another, and is not there."""
        return damaged(self.name, f"it lists the file {path}, but does not have it")

    def way_to(self, folder: str) -> str:
        """What to set for one of its folders to be read as the dataset, as a clause in the imperative."""
        return f"name its folder {folder} as the source"

    def drop(self, path: DatasetPath) -> None:
        """Free the space of a file that is not needed any more."""
        return

    def close(self) -> None:
        """Free the space of all files."""
        return


@dataclass(frozen=True)
class StoredFile:
    """A file of the result whose content is stored, but not yet visible.

    Attributes:
        path: path in the dataset.
        sha256: hash of the content, hexadecimal.
        size: bytes.
    """

    path: DatasetPath
    sha256: str
    size: int


class OutputMoved(Exception):
    """The output has changed since it was checked."""


class OutputDataset(Protocol):
    """Where a job's result goes. Every method may raise WorkerFailure."""

    name: str
    """For people, and in the status: `owner/name`, or a folder."""
    page: str | None = None
    """Its page, for people."""
    stores_by_content: bool = False
    """Whether what is stored can be committed under any path, by hash and size alone."""

    def extends(self, source: SourceDataset) -> bool:
        """Whether the result is committed on top of the source, so that unchanged files need not be brought over."""
        return False

    def prepare(self, source: SourceDataset) -> None:
        """Make sure that it exists, with no more readers than the source, and can be written to."""

    def check(self, source: SourceDataset) -> str:
        """Check that the output is empty, the source as it was read, or this job's own result.

        Returns:
            The state that was checked, for `commit`.

        Raises:
            WorkerFailure: OUTPUT_CONFLICT.
        """

    def check_audience(self, source: SourceDataset) -> str | None:
        """Refuse a result that more people could read than the source, unless the job allows it.

        Returns:
            If the job does: a sentence for people about who can read it.

        Raises:
            WorkerFailure: OUTPUT_CONFLICT, with the field and the way out.
        """
        return None

    def published(self) -> str | None:
        """The revision of this job's result, if it is there already."""

    def read(self, path: DatasetPath) -> bytes | None:
        """Content of a small file that it holds now."""

    def put(self, path: DatasetPath, content: Path) -> StoredFile:
        """Store a file without making it visible. What was stored under its path before can still be fetched."""

    def missing(self, files: Sequence[StoredFile]) -> list[StoredFile]:
        """Those of `files` that are not stored."""

    def expect_fetch(self, files: Sequence[StoredFile]) -> None:
        """Name files that will be fetched: where that takes a step of its own, they share it."""
        return

    def fetch(self, file: StoredFile, target: Path) -> None:
        """Copy a stored file to `target`. Raises FileNotFoundError."""

    def end_check(self) -> None:
        """Remove what `fetch` had to make so that files could be fetched; the result is published or has failed."""
        return

    def keep_previous(self, checked: str) -> None:
        """Keep what it holds now under another name, unless `commit` does so."""
        return

    def commit(
        self,
        message: str,
        *,
        checked: str,
        stored: Sequence[StoredFile],
        written: Mapping[DatasetPath, bytes],
        deleted: Sequence[DatasetPath] = (),
    ) -> str:
        """Make the result visible, all at once.

        Args:
            message: for people.
            checked: what `check` returned.
            stored: files that were put.
            written: small files, by path.
            deleted: paths of the source that the result does not have, where it extends the source.

        Returns:
            The result's revision.

        Raises:
            OutputMoved: it has changed since it was checked.
        """

    def announce(self, revision: str, version: str) -> None:
        """Let readers of a format version find the result, if that takes a step of its own: the last one."""
        return


class StorageBackend(Protocol):
    """One kind of storage, for one job. Making one asks nobody; every method may raise WorkerFailure."""

    def has_source(self) -> bool:
        """Whether the job's source is stored here."""

    def has_output(self) -> bool:
        """Whether the job's result is to be stored here."""

    def read_secrets(self) -> None:
        """Read the secrets that it uses and register them (secrecy.keep). Called first, if the job is stored here."""
        return

    def find_source(self) -> SourceDataset:
        """The source, pinned to what it is now."""

    def open_source(self, pinned: SourceStatus) -> SourceDataset:
        """The source, at the revision that was pinned. Raises WorkerFailure(SOURCE_INVALID) if there is no such."""

    def new_output(self, source: SourceDataset) -> OutputDataset:
        """Where the result is to go, before anything is there."""

    def open_output(self, dataset: str) -> OutputDataset:
        """The output of this name, which was prepared before."""


def read_small(local: Path, dataset: str, path: DatasetPath, most_bytes: int) -> bytes:
    """Content of a local file. Raises WorkerFailure: SOURCE_INVALID if it is larger than `most_bytes`."""
    with local.open("rb") as file:
        content = file.read(most_bytes + 1)
    with explained(dataset, path):
        check_size(max(len(content), local.stat().st_size), most_bytes)
    return content
