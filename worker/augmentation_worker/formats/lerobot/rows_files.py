"""Data files with the rows of one augmented episode, or with some of the source's, written as a stream.

They may hold images: memory holds a batch of rows and a row group of each copy, whatever the episode's length. The
same input gives the same bytes with the same pyarrow.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from augmentation_worker.formats.lerobot.data_table import SourceRows, augmented_rows
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.info import DatasetInfo
from augmentation_worker.formats.lerobot.plan import KeptRows, PlannedEpisode
from augmentation_worker.formats.tables import ROW_GROUP_BYTES, ROW_GROUP_ROWS, RowGroups

BATCH_ROWS = 64
"""Rows that are read at a time, unless their images are larger than usual."""
_MOST_ROWS_WITHOUT_IMAGES = 100_000
ChangeRows = Callable[[pa.Table, int], Sequence[pa.Table]]
"""Makes some rows of an episode, from the frame with this number on, into those of each copy, in order."""


def write_episode_rows(
    episode: PlannedEpisode,
    source: SourceRows,
    info: DatasetInfo,
    targets: Sequence[Path],
    change: ChangeRows | None = None,
    batch_rows: int = BATCH_ROWS,
    copies_at_once: int | None = None,
) -> None:
    """Write the data files of an episode: all of its copies one after the other in one file, or a file for each.

    Args:
        episode, source: the episode, and where its rows come from.
        info: meta/info.json of the source.
        targets: files to write, in the order of `episode.data_files`.
        change: what makes the copies' images; without it rows differ in their numbers only.
        batch_rows: rows that are read at a time.
        copies_at_once: copies that share memory, by which row groups are bounded; default: those of the episode.

    Raises:
        WorkerFailure: SOURCE_INVALID.
    """
    source.of(episode.source)
    schema, groups = source.schema(), _Groups(info, copies_at_once or len(episode.copies))
    parts = targets[0].with_name(targets[0].name + ".parts")
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    try:
        with ExitStack() as opened:
            files = [groups.new(parts / f"{copy.copy}.parquet", schema) for copy in episode.copies]
            for file in files:
                opened.enter_context(closing(file))
            first_frame = 0
            for rows in source.batches(episode.source, batch_rows):
                tables = change(rows, first_frame) if change else [rows] * len(files)
                for file, copy, table in zip(files, episode.copies, tables, strict=True):
                    file.add(augmented_rows(table, copy, first_frame))
                first_frame += rows.num_rows
        per_target = len(files) // len(targets)
        for place, target in enumerate(targets):
            parts_of_target = files[place * per_target : (place + 1) * per_target]
            _join([file.path for file in parts_of_target], target, column_options(info, schema))
    finally:
        shutil.rmtree(parts, ignore_errors=True)


def write_kept_rows(
    kept: KeptRows, episodes: Sequence[Episode], source: SourceRows, info: DatasetInfo, target: Path
) -> None:
    """Write a data file with rows of the source as they are; `episodes` are all of the source."""
    schema = source.schema()
    with closing(_Groups(info, 1).new(target, schema)) as file:
        for index in kept.episodes:
            source.of(episodes[index])
            for rows in source.batches(episodes[index], BATCH_ROWS):
                file.add(rows)


class JoinedRows:
    """A data file of several files of rows, one after the other, row group by row group. Memory holds one.

    Of a single file it has the bytes. As a context manager it leaves nothing open.

    Args:
        target: the file to write.
        options: more options of pyarrow's ParquetWriter.
    """

    def __init__(self, target: Path, options: Mapping[str, object]) -> None:
        self._target, self._options = target, options
        self._first = target.with_name(target.name + ".first")
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        self._first.unlink(missing_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._first.unlink(missing_ok=True)

    def append(self, part: Path) -> None:
        """Append the rows of a file, which goes."""
        if self._writer is None and not self._first.exists():
            part.replace(self._first)
            return
        if self._writer is None:
            with pq.ParquetFile(self._first, pre_buffer=False) as file:
                self._writer = pq.ParquetWriter(self._target, file.schema_arrow, compression="snappy", **self._options)
            self._copy(self._first)
        self._copy(part)

    def close(self) -> None:
        """Complete the file."""
        if self._writer is None:
            self._first.replace(self._target)
        else:
            self._writer.close()
            self._writer = None

    def _copy(self, part: Path) -> None:
        with pq.ParquetFile(part, pre_buffer=False) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                self._writer.write_table(table, row_group_size=table.num_rows)  # type: ignore[union-attr]
        part.unlink()


class _Groups:
    """How files are written: row groups that are small where they hold images, and no dictionary of those."""

    def __init__(self, info: DatasetInfo, at_once: int) -> None:
        self._info = info
        self._most_bytes = max(ROW_GROUP_BYTES // at_once, 2**21)
        self._most_rows = ROW_GROUP_ROWS if info.image_cameras else _MOST_ROWS_WITHOUT_IMAGES

    def new(self, path: Path, schema: pa.Schema) -> RowGroups:
        return RowGroups(path, column_options(self._info, schema), self._most_bytes, self._most_rows)


def column_options(info: DatasetInfo, schema: pa.Schema) -> dict[str, Any]:
    """Options of pyarrow's ParquetWriter for the columns of a data file."""
    images = {camera.key for camera in info.image_cameras}
    # A dictionary of images would hold each in memory twice.
    return {"use_dictionary": [name for name in schema.names if name not in images]}


def _join(parts: Sequence[Path], target: Path, options: Mapping[str, object]) -> None:
    """One file of several."""
    with JoinedRows(target, options) as joined:
        for part in parts:
            joined.append(part)
        joined.close()
