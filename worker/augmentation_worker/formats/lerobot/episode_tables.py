"""The source's episodes with their statistics, read a part at a time: those of 100,000 episodes take gigabytes.

What metadata.table has is taken from there, as it may be corrected; everything else from the files.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property

import pyarrow as pa

from augmentation_worker.bounded.parquet_file import batches_of, open_parquet
from augmentation_worker.bounded.unreadable import damaged, explained
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.data_table import row_groups, rows_within
from augmentation_worker.formats.lerobot.episode_lines import (
    EPISODES_PATH,
    STATISTICS_PATH,
    LineFile,
    read_episode_lines,
)
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata, OpenFile
from augmentation_worker.formats.tables import conformed

EPISODES_AT_ONCE = 500
"""Episodes of a part: a few megabytes with their statistics."""


class EpisodeTables:
    """Tables of consecutive episodes, with the columns that v3.0 has in meta/episodes. Raises WorkerFailure."""

    def __init__(self, metadata: DatasetMetadata, open_file: OpenFile) -> None:
        self._metadata = metadata
        self._open_file = open_file

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of all of them."""
        metadata = self._metadata
        if metadata.info.version.has_file_per_episode:
            schemas = [table.schema for table in self._parts_of_lines(range(len(metadata.episodes)))]
            try:
                return pa.unify_schemas(schemas, promote_options="default")
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise damaged(metadata.dataset, f"{STATISTICS_PATH} is not numbers of one shape: {error}") from error
        first = min(metadata.episode_files)
        with explained(metadata.dataset, first), open_parquet(self._open_file(first)) as file:
            return file.schema_arrow

    def parts(self) -> Iterator[pa.Table]:
        """All of them, in order, in parts of EPISODES_AT_ONCE but for the last."""
        return self._read(range(len(self._metadata.episodes)))

    def of(self, episodes: range) -> pa.Table:
        """Consecutive episodes."""
        parts = list(self._read(episodes))
        return pa.concat_tables(parts) if parts else self.schema.empty_table()

    @cached_property
    def line_files(self) -> tuple[LineFile, LineFile]:
        """In v2.1, the lines of the episodes, and of their statistics."""
        dataset = self._metadata.dataset
        return (
            LineFile(self._open_file(EPISODES_PATH), EPISODES_PATH, dataset),
            LineFile(self._open_file(STATISTICS_PATH), STATISTICS_PATH, dataset),
        )

    def _read(self, episodes: range) -> Iterator[pa.Table]:
        lines = self._metadata.info.version.has_file_per_episode
        tables = self._parts_of_lines(episodes) if lines else self._batches(episodes)
        begin = episodes.start
        for table in _in_parts(conformed(table, self.schema) for table in tables):
            yield self._corrected(table, begin)
            begin += table.num_rows

    def _parts_of_lines(self, episodes: range) -> Iterator[pa.Table]:
        documents, statistics = self.line_files
        for part in _ranges(episodes):
            texts = [b"\n".join(filter(None, map(file.text, part))) for file in (documents, statistics)]
            yield read_episode_lines(texts[0], texts[1], self._metadata.info, self._metadata.dataset)

    def _batches(self, episodes: range) -> Iterator[pa.Table]:
        position = 0
        for path, rows in self._metadata.episode_files.items():
            first, last = max(episodes.start - position, 0), min(episodes.stop - position, rows)
            position += rows
            if first >= last:
                continue
            with explained(self._metadata.dataset, path), open_parquet(self._open_file(path)) as file:
                groups, begin = row_groups(file.metadata, first, last)
                most = limits.MOST_EPISODES_TABLE_BYTES
                names = [name for name in self.schema.names if name in file.schema_arrow.names]
                batches = batches_of(file, names, most_bytes=most, groups=groups, most_rows=EPISODES_AT_ONCE)
                yield from rows_within(batches, begin, first, last)

    def _corrected(self, table: pa.Table, begin: int) -> pa.Table:
        known = self._metadata.table.slice(begin, table.num_rows)
        for position, field in enumerate(table.schema):
            if field.name in known.column_names:
                table = table.set_column(position, field, known.column(field.name).cast(field.type))
        return table.combine_chunks()


def _ranges(episodes: range) -> Iterator[range]:
    for start in range(episodes.start, episodes.stop, EPISODES_AT_ONCE):
        yield range(start, min(start + EPISODES_AT_ONCE, episodes.stop))


def _in_parts(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of some tables in parts of EPISODES_AT_ONCE."""
    held: list[pa.Table] = []
    rows = 0
    for table in tables:
        held.append(table)
        rows += table.num_rows
        while rows >= EPISODES_AT_ONCE:
            whole = pa.concat_tables(held)
            yield whole.slice(0, EPISODES_AT_ONCE)
            held, rows = [whole.slice(EPISODES_AT_ONCE)], rows - EPISODES_AT_ONCE
    if rows:
        yield pa.concat_tables(held)
