"""The rows of the augmented episodes: the source's rows, equal bit by bit but for their two index columns."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from augmentation_worker.dataset.episodes import TIMESTAMP_TOLERANCE_SECONDS, Episode, invalid
from augmentation_worker.dataset.file_number import FileNumber
from augmentation_worker.dataset.metadata import DatasetMetadata
from augmentation_worker.dataset.plan import PlannedCopy, PlannedEpisode, PlannedShard

OpenFile = Callable[[str], Path]
"""Gives a local copy of a file of the source, by its path in the dataset."""


class SourceRows:
    """Rows of the source by episode. Holds one data file in memory: ask for episodes in order."""

    def __init__(self, metadata: DatasetMetadata, open_file: OpenFile) -> None:
        self._metadata = metadata
        self._open_file = open_file
        self._number: FileNumber | None = None
        self._table: pa.Table | None = None
        self._first_rows: Mapping[FileNumber, int] = {
            episode.data_file: episode.from_index for episode in reversed(metadata.episodes)
        }
        self._last_rows: Mapping[FileNumber, int] = {
            episode.data_file: episode.to_index for episode in metadata.episodes
        }

    def schema(self) -> pa.Schema:
        """Schema of the source's first data file, with its metadata."""
        return self._file(self._metadata.data_numbers[0]).schema

    def of(self, episode: Episode) -> pa.Table:
        """An episode's rows, checked against its metadata.

        Raises:
            WorkerFailure: SOURCE_INVALID.
        """
        table = self._file(episode.data_file)
        rows = table.slice(episode.from_index - self._first_rows[episode.data_file], episode.length)
        self._check(rows, episode)
        return rows

    def _file(self, number: FileNumber) -> pa.Table:
        if self._number == number and self._table is not None:
            return self._table
        path = self._metadata.info.data_file(number)
        self._table = None
        try:
            table = pq.read_table(self._open_file(path))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise invalid(self._metadata.dataset, f"{path} cannot be read: {error}") from error
        expected = self._last_rows[number] - self._first_rows[number]
        if table.num_rows != expected:
            raise invalid(self._metadata.dataset, f"{path} has {table.num_rows} rows, its episodes have {expected}")
        self._number, self._table = number, table
        return table

    def _check(self, rows: pa.Table, episode: Episode) -> None:
        frames = np.arange(episode.length)
        wanted = {
            "episode_index": np.full(episode.length, episode.index),
            "index": frames + episode.from_index,
            "frame_index": frames,
        }
        for name, values in wanted.items():
            if name not in rows.column_names or not np.array_equal(rows.column(name).to_numpy(), values):
                raise invalid(
                    self._metadata.dataset,
                    f"the column {name} of episode {episode.index} does not run from {values[0]} to {values[-1]}",
                )
        self._check_finite(rows, episode)
        times = frames / self._metadata.info.fps
        if np.abs(rows.column("timestamp").to_numpy() - times).max() > TIMESTAMP_TOLERANCE_SECONDS:
            raise invalid(
                self._metadata.dataset,
                f"the timestamps of episode {episode.index} are not frame_index / {self._metadata.info.fps:g}",
            )

    def _check_finite(self, rows: pa.Table, episode: Episode) -> None:
        for name in rows.column_names:
            values = rows.column(name).combine_chunks()
            while pa.types.is_nested(values.type) and not pa.types.is_struct(values.type):
                values = values.flatten()
            if not pa.types.is_floating(values.type):
                continue
            finite = pc.is_finite(values)
            if not pc.all(finite, min_count=0).as_py():
                value = values.filter(pc.invert(finite))[0].as_py()
                raise invalid(
                    self._metadata.dataset,
                    f"{name} of episode {episode.index} holds {value} (leave the episode out with "
                    "spec.augmentation.episodes)",
                )


def augmented_rows(rows: pa.Table, copy: PlannedCopy) -> pa.Table:
    """A copy's rows: those of its source episode under the copy's own episode_index and index."""
    columns = {
        "episode_index": np.full(rows.num_rows, copy.episode_index),
        "index": np.arange(copy.from_index, copy.to_index),
    }
    for name, values in columns.items():
        position = rows.schema.get_field_index(name)
        field = rows.schema.field(position)
        rows = rows.set_column(position, field, pa.array(values, type=field.type))
    return rows


def write_shard_rows(shard: PlannedShard, source: SourceRows, target: Path) -> int:
    """Write the data file of a shard: one row group an episode, snappy, the source's schema with its metadata.

    The same input gives the same bytes with the same pyarrow, so a file can be checked by writing it again.

    Returns:
        Number of rows.
    """
    tables = (table for episode in shard.episodes for table in _tables(episode, episode.copies, source))
    return _write(tables, source.schema(), target)


def write_episode_rows(episode: PlannedEpisode, data_file: FileNumber, source: SourceRows, target: Path) -> int:
    """Write a data file of an episode, in the same way. Returns the number of rows."""
    return _write(_tables(episode, episode.copies_in(data_file), source), source.schema(), target)


def _write(tables: Iterable[pa.Table], schema: pa.Schema, target: Path) -> int:
    written = 0
    with pq.ParquetWriter(target, schema, compression="snappy", use_dictionary=True) as writer:
        for table in tables:
            writer.write_table(table.cast(schema))
            written += table.num_rows
    return written


def _tables(episode: PlannedEpisode, copies: Iterable[PlannedCopy], source: SourceRows) -> Iterable[pa.Table]:
    rows = source.of(episode.source).combine_chunks()
    for copy in copies:
        yield augmented_rows(rows, copy)
