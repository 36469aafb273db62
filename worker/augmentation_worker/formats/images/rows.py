"""Reading rows: from parquet files as a stream, from an image folder image by image. Memory holds a few rows."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa
from typing_extensions import override

from augmentation_worker.bounded.parquet_file import explained_by_arrow, open_parquet, rows_of_images
from augmentation_worker.bounded.unreadable import Unreadable, explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats import limits
from augmentation_worker.formats.images.dataset import ImageDataset, Layout, SourceFile
from augmentation_worker.formats.tables import with_column
from augmentation_worker.storage.port import SourceDataset, read_small

BATCH_BYTES = 16 * 2**20
MOST_BATCH_ROWS = 64
"""A batch of rows is as many as fit into BATCH_BYTES, and no more than these."""
_READ_BUFFER_BYTES = 2**18


class Rows(Protocol):
    """The rows of a source. For use in one thread; quickest in rising order."""

    def between(self, file: SourceFile, start: int, stop: int) -> Iterator[tuple[int, pa.Table]]:
        """Rows start to stop (exclusive) of a file, in batches.

        Yields:
            The number in the dataset of the batch's first row, and the batch, its images as the source stores them.

        Raises:
            WorkerFailure: SOURCE_INVALID.
        """


@contextmanager
def open_rows(dataset: ImageDataset, source: SourceDataset, *, partly: bool = False) -> Iterator[Rows]:
    """Open the source for reading.

    With `partly` only what is read is fetched, where the source is not at hand: for a few rows of a large file.
    """
    with ExitStack() as opened:
        if dataset.layout is Layout.PARQUET:
            yield _ParquetRows(dataset, source, opened, partly)
        else:
            yield _FolderRows(dataset, source)


@dataclass
class _ParquetRows(Rows):
    dataset: ImageDataset
    source: SourceDataset
    opened: ExitStack
    partly: bool
    _path: str | None = None
    _position: int = 0
    _batches: Iterator[pa.RecordBatch] = field(default_factory=lambda: iter(()))
    _rest: pa.Table | None = None

    @override
    def between(self, file: SourceFile, start: int, stop: int) -> Iterator[tuple[int, pa.Table]]:
        # Continues where the last call ended, as a block begins where the one before it ended.
        with explained(self.dataset.name, str(file.path)), explained_by_arrow():
            if self._path != file.path or self._position > start:
                self._begin(file)
            yield from self._batches_between(file, start, stop)

    def _begin(self, file: SourceFile) -> None:
        assert file.path is not None  # noqa: S101 (parquet files have one)
        self.opened.close()
        opened = self.source.open_partly(file.path) if self.partly else self.source.open(file.path).open("rb")
        # Read page by page: a row group may be as large as the file.
        self.opened.enter_context(opened)
        parquet = self.opened.enter_context(open_parquet(opened, buffer_size=_READ_BUFFER_BYTES))
        if parquet.metadata.num_rows != file.rows:
            raise Unreadable(f"has {parquet.metadata.num_rows} rows, and had {file.rows}")
        size = max(1, min(MOST_BATCH_ROWS, BATCH_BYTES // max(file.row_bytes, 1)))
        size = rows_of_images(parquet, self.dataset.columns, size)
        self._path, self._position, self._rest = file.path, 0, None
        self._batches = parquet.iter_batches(size, use_threads=False)

    def _batches_between(self, file: SourceFile, start: int, stop: int) -> Iterator[tuple[int, pa.Table]]:
        while self._position < stop:
            batch = self._rest if self._rest is not None else self._next_batch()
            skipped = min(max(start - self._position, 0), len(batch))
            part = batch.slice(skipped, stop - self._position - skipped)
            first = file.first_row + self._position + skipped
            self._rest = batch.slice(skipped + len(part)) if skipped + len(part) < len(batch) else None
            self._position += skipped + len(part)
            if len(part):
                yield first, part

    def _next_batch(self) -> pa.Table:
        batch = next(self._batches, None)
        if batch is None:
            raise Unreadable(f"ends after {self._position} rows, fewer than its footer counts")
        return pa.Table.from_batches([batch])


@dataclass(frozen=True)
class _FolderRows(Rows):
    dataset: ImageDataset
    source: SourceDataset

    @override
    def between(self, file: SourceFile, start: int, stop: int) -> Iterator[tuple[int, pa.Table]]:
        # One row per batch: an image is a file. Its local copy, if it is one, is left to the caller.
        table = self.dataset.tables[file.split]
        for row in range(start, stop):
            yield file.first_row + row, self._with_images(table.slice(row, 1))

    def _with_images(self, row: pa.Table) -> pa.Table:
        for name in self.dataset.columns:
            (cell,) = row.column(name).to_pylist()
            if cell is not None:
                path = DatasetPath(cell["path"])
                content = read_small(self.source.open(path), self.dataset.name, path, limits.MOST_IMAGE_BYTES)
                row = with_column(row, name, [{**cell, "bytes": content}])
        return row
