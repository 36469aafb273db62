"""The rows of the source, read and checked, and those of augmented episodes made of them.

An augmented row is its source's, bit by bit, but for its two index columns and the images of augmented cameras.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from augmentation_worker.bounded.parquet_file import explained_by_arrow, open_parquet, read_columns, rows_of_images
from augmentation_worker.bounded.unreadable import Unreadable, explained
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.index_columns import check_index_columns
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata, OpenFile
from augmentation_worker.formats.lerobot.plan import PlannedCopy, PlannedEpisode
from augmentation_worker.formats.tables import with_column, with_schema

_READ_BUFFER_BYTES = 2**18


class SourceRows:
    """Rows of the source by episode, in the columns and types of its first data file.

    Holds one data file without its images in memory: ask for episodes in order.
    """

    def __init__(self, metadata: DatasetMetadata, open_file: OpenFile) -> None:
        self._metadata = metadata
        self._open_file = open_file
        self._images = frozenset(camera.key for camera in metadata.info.image_cameras)
        self._number: FileNumber | None = None
        self._table: pa.Table | None = None
        self._schema: pa.Schema | None = None

    def schema(self) -> pa.Schema:
        """Schema of the source's first data file, with its metadata and its images. Raises WorkerFailure."""
        if self._schema is None:
            number = self._metadata.data_numbers[0]
            with self._opened(number) as file:
                self._schema = file.schema_arrow
        return self._schema

    def of(self, episode: Episode) -> pa.Table:
        """An episode's rows without images, checked against its metadata. Raises WorkerFailure(SOURCE_INVALID)."""
        table = self._file(episode.data_file)
        rows = table.slice(self._place(episode), episode.length)
        with self._explained(episode.data_file):
            check_index_columns(rows, episode, self._metadata.info)
        return rows

    def tasks_of(self, episode: Episode) -> npt.NDArray[np.int64]:
        """The column task_index of an episode. Raises WorkerFailure(SOURCE_INVALID)."""
        return np.asarray(self.of(episode).column("task_index"), dtype=np.int64)

    def images(self, episode: Episode, camera: str, begin: int, end: int) -> pa.Table:
        """The column of a camera that stores images, frames begin to end (exclusive). Raises WorkerFailure."""
        first, last = self._place(episode) + begin, self._place(episode) + end
        field = self.schema().field(camera)
        with self._opened(episode.data_file, buffer_size=_READ_BUFFER_BYTES) as file:
            size = rows_of_images(file, self._images, end - begin)
            parts = list(_rows_between(file, first, last, size, [camera]))
        return with_schema(pa.concat_tables(parts), pa.schema([field]))

    def batches(self, episode: Episode, size: int, begin: int = 0, end: int | None = None) -> Iterator[pa.Table]:
        """Frames begin to end (exclusive; default: all) of an episode, images and all, at most `size` at a time.

        Memory holds a batch, however long the episode and however large the file's row groups are.
        Raises WorkerFailure(SOURCE_INVALID).
        """
        first = self._place(episode) + begin
        last = self._place(episode) + (episode.length if end is None else end)
        schema = self.schema()
        with self._opened(episode.data_file, buffer_size=_READ_BUFFER_BYTES) as file:
            for rows in _rows_between(file, first, last, rows_of_images(file, self._images, size)):
                yield with_schema(rows, schema)

    def _place(self, episode: Episode) -> int:
        """Where an episode begins in its file, rows."""
        return episode.from_index - rows_of_file(self._metadata, episode.data_file).start

    def _file(self, number: FileNumber) -> pa.Table:
        if self._number == number and self._table is not None:
            return self._table
        self._table = None
        schema = self.schema()
        others = pa.schema([field for field in schema if field.name not in self._images], schema.metadata)
        with self._opened(number) as file:
            rows = file.metadata.num_rows
            table = read_columns(file, others.names, most_rows=rows, most_bytes=limits.MOST_DATA_TABLE_BYTES)
            self._number, self._table = number, with_schema(table, others)
        return self._table

    @contextmanager
    def _opened(self, number: FileNumber, **options: object) -> Iterator[pq.ParquetFile]:
        """A data file with the rows and columns that it has to have."""
        path = self._open_file(self._metadata.info.data_file(number))
        with self._explained(number), open_parquet(path, **options) as file:
            check_rows_of_file(file, rows_of_file(self._metadata, number), self._schema)
            yield file

    @contextmanager
    def _explained(self, number: FileNumber) -> Iterator[None]:
        with explained(self._metadata.dataset, self._metadata.info.data_file(number)), explained_by_arrow():
            yield


def rows_of_file(metadata: DatasetMetadata, number: FileNumber) -> range:
    """The rows of the dataset that lie in a data file."""
    episodes = metadata.episodes
    first, last = episodes.data_files.ends_of(number)
    return range(int(episodes.from_indices[first]), int(episodes.to_indices[last]))


def check_rows_of_file(file: pq.ParquetFile, rows: range, first: pa.Schema | None) -> None:
    """Refuse a data file with another number of rows than its episodes have, or with other columns than the first.

    Raises Unreadable.
    """
    if file.metadata.num_rows != len(rows):
        raise Unreadable(f"has {file.metadata.num_rows} rows, its episodes have {len(rows)}")
    names = file.schema_arrow.names
    odd = sorted({*names} ^ {*(names if first is None else first.names)})
    if odd:
        has, lacks = ("has", "lacks") if odd[0] in names else ("lacks", "has")
        raise Unreadable(f"{has} the column {odd[0]}, which the first data file {lacks}")


def _rows_between(
    file: pq.ParquetFile, first: int, last: int, size: int, columns: list[str] | None = None
) -> Iterator[pa.Table]:
    """Rows first to last (exclusive) of a file, at most `size` at a time; of all columns, or of some."""
    groups, begin = row_groups(file.metadata, first, last)
    yield from rows_within(
        file.iter_batches(size, row_groups=groups, columns=columns, use_threads=False), begin, first, last
    )


def rows_within(batches: Iterable[pa.RecordBatch], begin: int, first: int, last: int) -> Iterator[pa.Table]:
    """Rows first to last (exclusive) of consecutive batches, the first of which begins with row `begin`."""
    position = begin
    for batch in batches:
        start, stop = max(first - position, 0), min(last - position, batch.num_rows)
        position += batch.num_rows
        if start < stop:
            yield pa.Table.from_batches([batch.slice(start, stop - start)])
        if position >= last:
            return


def row_groups(metadata: pq.FileMetaData, first: int, last: int) -> tuple[list[int], int]:
    """The row groups that rows first to last (exclusive) lie in, and the row that those begin with."""
    groups: list[int] = []
    begin = position = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if position < last and position + rows > first:
            begin = begin if groups else position
            groups.append(group)
        position += rows
    return groups, begin


def augmented_rows(rows: pa.Table, copy: PlannedCopy, first_frame: int = 0) -> pa.Table:
    """A copy's rows from `first_frame` on: those of its source episode under the copy's own numbers, and its tasks.

    v2.1 can do without the column index. In place the numbers stay, whatever they are.
    """
    if copy.tasks:
        tasks = [copy.tasks.get(task, task) for task in rows.column("task_index").to_pylist()]
        rows = with_column(rows, "task_index", tasks)
    if rows.column("episode_index")[0].as_py() == copy.episode_index:
        return rows
    begin = copy.from_index + first_frame
    columns = {
        "episode_index": np.full(rows.num_rows, copy.episode_index),
        "index": np.arange(begin, begin + rows.num_rows),
    }
    for name, values in columns.items():
        if name in rows.column_names:
            rows = with_column(rows, name, values)
    return rows


def write_shard_rows(episodes: Sequence[PlannedEpisode], source: SourceRows, target: Path) -> int:
    """Write a data file of episodes without images, one row group per copy, in the source's schema.

    Returns the number of rows.

    The same input gives the same bytes with the same pyarrow, so a file can be checked by writing it again.
    """
    schema = source.schema()
    written = 0
    with pq.ParquetWriter(target, schema, compression="snappy", use_dictionary=True) as writer:
        for episode in episodes:
            rows = source.of(episode.source).combine_chunks()
            for copy in episode.copies:
                table = augmented_rows(rows, copy)
                writer.write_table(table)
                written += table.num_rows
    return written
