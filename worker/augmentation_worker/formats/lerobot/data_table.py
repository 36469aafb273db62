"""The rows of the source, read and checked, and those of augmented episodes made of them.

An augmented row is its source's, bit by bit, but for its two index columns and the images of augmented cameras.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from augmentation_worker.bounded.parquet_file import explained_by_arrow, open_parquet, read_columns, rows_of_images
from augmentation_worker.bounded.unreadable import damaged, explained
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.episodes import TIMESTAMP_TOLERANCE_SECONDS, Episode
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata, OpenFile
from augmentation_worker.formats.lerobot.plan import PlannedCopy, PlannedShard
from augmentation_worker.formats.tables import with_column, with_schema

_READ_BUFFER_BYTES = 2**18


class SourceRows:
    """Rows of the source by episode. Holds one data file without its images in memory: ask for episodes in order."""

    def __init__(self, metadata: DatasetMetadata, open_file: OpenFile) -> None:
        self._metadata = metadata
        self._open_file = open_file
        self._images = frozenset(camera.key for camera in metadata.info.image_cameras)
        self._number: FileNumber | None = None
        self._table: pa.Table | None = None
        self._first_rows: Mapping[FileNumber, int] = {
            episode.data_file: episode.from_index for episode in reversed(metadata.episodes)
        }
        self._last_rows: Mapping[FileNumber, int] = {
            episode.data_file: episode.to_index for episode in metadata.episodes
        }

    def schema(self) -> pa.Schema:
        """Schema of the source's first data file, with its metadata and its images."""
        number = self._metadata.data_numbers[0]
        self._file(number)
        schema: pa.Schema = pq.read_schema(self._open(number))
        return schema

    def of(self, episode: Episode) -> pa.Table:
        """An episode's rows without images, checked against its metadata. Raises WorkerFailure(SOURCE_INVALID)."""
        table = self._file(episode.data_file)
        rows = table.slice(self._place(episode), episode.length)
        with self._explained(episode.data_file):
            self._check(rows, episode)
        return rows

    def batches(self, episode: Episode, size: int, begin: int = 0, end: int | None = None) -> Iterator[pa.Table]:
        """Frames begin to end (exclusive; default: all) of an episode, images and all, at most `size` at a time.

        Memory holds a batch, however long the episode and however large the file's row groups are.
        Raises WorkerFailure(SOURCE_INVALID).
        """
        first = self._place(episode) + begin
        last = self._place(episode) + (episode.length if end is None else end)
        path = self._open(episode.data_file)
        with self._explained(episode.data_file), open_parquet(path, buffer_size=_READ_BUFFER_BYTES) as file:
            groups, position = _row_groups(file.metadata, first, last)
            size = rows_of_images(file, self._images, size)
            for batch in file.iter_batches(size, row_groups=groups, use_threads=False):
                start, stop = max(first - position, 0), min(last - position, batch.num_rows)
                position += batch.num_rows
                if start < stop:
                    yield pa.Table.from_batches([batch.slice(start, stop - start)])
                if position >= last:
                    return

    def _place(self, episode: Episode) -> int:
        """Where an episode begins in its file, rows."""
        return episode.from_index - self._first_rows[episode.data_file]

    def _open(self, number: FileNumber) -> Path:
        return self._open_file(self._metadata.info.data_file(number))

    def _file(self, number: FileNumber) -> pa.Table:
        if self._number == number and self._table is not None:
            return self._table
        self._table = None
        expected = self._last_rows[number] - self._first_rows[number]
        with self._explained(number), open_parquet(self._open(number)) as file:
            if (rows := file.metadata.num_rows) != expected:
                path = self._metadata.info.data_file(number)
                raise damaged(self._metadata.dataset, f"{path} has {rows} rows, its episodes have {expected}")
            columns = [name for name in file.schema_arrow.names if name not in self._images]
            table = read_columns(file, columns, most_rows=expected, most_bytes=limits.MOST_DATA_TABLE_BYTES)
        self._number, self._table = number, table
        return table

    @contextmanager
    def _explained(self, number: FileNumber) -> Iterator[None]:
        with explained(self._metadata.dataset, self._metadata.info.data_file(number)), explained_by_arrow():
            yield

    def _check(self, rows: pa.Table, episode: Episode) -> None:
        frames = np.arange(episode.length)
        wanted = {
            "episode_index": np.full(episode.length, episode.index),
            "index": frames + episode.from_index,
            "frame_index": frames,
        }
        for name, values in wanted.items():
            if name not in rows.column_names or not np.array_equal(rows.column(name).to_numpy(), values):
                raise damaged(
                    self._metadata.dataset,
                    f"the column {name} of episode {episode.index} does not run from {values[0]} to {values[-1]}",
                )
        times = frames / self._metadata.info.fps
        if not np.abs(rows.column("timestamp").to_numpy() - times).max() <= TIMESTAMP_TOLERANCE_SECONDS:  # or NaN
            raise damaged(
                self._metadata.dataset,
                f"the timestamps of episode {episode.index} are not frame_index / {self._metadata.info.fps:g}",
            )


def _row_groups(metadata: pq.FileMetaData, first: int, last: int) -> tuple[list[int], int]:
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
    """A copy's rows from `first_frame` on: those of its source episode under the copy's own episode_index and index."""
    begin = copy.from_index + first_frame
    columns = {
        "episode_index": np.full(rows.num_rows, copy.episode_index),
        "index": np.arange(begin, begin + rows.num_rows),
    }
    for name, values in columns.items():
        rows = with_column(rows, name, values)
    return rows


def write_shard_rows(shard: PlannedShard, source: SourceRows, target: Path) -> int:
    """Write a shard's data file, one row group per episode, in the source's schema. Returns the number of rows.

    The same input gives the same bytes with the same pyarrow, so a file can be checked by writing it again.
    """
    schema = source.schema()
    written = 0
    with pq.ParquetWriter(target, schema, compression="snappy", use_dictionary=True) as writer:
        for episode in shard.episodes:
            rows = source.of(episode.source).combine_chunks()
            for copy in episode.copies:
                table = augmented_rows(rows, copy)
                writer.write_table(with_schema(table, schema))
                written += table.num_rows
    return written
