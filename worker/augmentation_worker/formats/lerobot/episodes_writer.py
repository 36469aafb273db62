"""The files of a result that list its episodes, written part by part.

v3.0: the source's files are written again, each episode with the columns augmentation/*; added episodes go to files of
their own, of about data_files_size_in_mb. v2.1: two files of JSON lines.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa
from typing_extensions import override

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.lerobot.augmentation_columns import COLUMNS, result_schema
from augmentation_worker.formats.lerobot.episode_lines import (
    EPISODES_PATH,
    STATISTICS_PATH,
    AugmentedLines,
    original_line,
    read_episode_lines,
)
from augmentation_worker.formats.lerobot.episode_tables import EpisodeTables
from augmentation_worker.formats.lerobot.episodes import episodes_path
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.merge import Part, changed_statistics
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan
from augmentation_worker.formats.lerobot.planner import LARGEST_SORTABLE_CHUNK
from augmentation_worker.formats.tables import RowGroups, conformed, table_difference
from augmentation_worker.storage.port import StoredFile
from augmentation_worker.work import Work

_GROUP_ROWS, _GROUP_BYTES = 2000, 16 * 2**20
"""Where a row group ends."""
MOST_COMMITTED_BYTES: Final = 8 * 2**20
"""Files of lines up to this size go into the commit itself, as text in a repository; others are stored."""


class EpisodesWriter(Protocol):
    """Takes the episodes of a result in order, and writes them."""

    number: FileNumber
    """Of the episodes file that added episodes go to now; of no meaning in v2.1."""

    def add(self, part: Part) -> None:
        """Write consecutive episodes."""

    def finish(self) -> tuple[dict[DatasetPath, bytes], list[StoredFile]]:
        """The files: small ones as bytes, and those that are stored already."""


@dataclass(frozen=True)
class _OpenFile:
    path: DatasetPath
    local: Path
    groups: RowGroups
    stack: ExitStack


class TablesWriter(EpisodesWriter):
    """The parquet files of v3.0."""

    def __init__(self, work: Work, metadata: DatasetMetadata) -> None:
        self._work, self._metadata = work, metadata
        taken = [_number_of(path) for path in metadata.episode_files]
        self._files_per_chunk = min(metadata.info.chunks_size, LARGEST_SORTABLE_CHUNK)
        self.number = max(taken).following(self._files_per_chunk)
        """Of the file that added episodes go to."""
        self._most_bytes = metadata.info.data_file_bytes
        self._originals = iter(metadata.episode_files.items())
        self._left = 0
        self._open: _OpenFile | None = None
        self._stored: list[StoredFile] = []

    @override
    def add(self, part: Part) -> None:
        table = part.table
        if part.before is None:
            self._write(episodes_path(self.number), table)
            if self._open is not None and self._is_full(self._open, len(table)):
                self._close()
                self.number = self.number.following(self._files_per_chunk)
            return
        while table.num_rows:
            if not self._left:
                self._next_original(table.schema)
                continue
            now = min(self._left, table.num_rows)
            self._write(self._original, table.slice(0, now))
            self._left -= now
            table = table.slice(now)

    @override
    def finish(self) -> tuple[dict[DatasetPath, bytes], list[StoredFile]]:
        self._close()
        return {}, self._stored

    def _next_original(self, schema: pa.Schema) -> None:
        """Go on with the next of the source's files. One without episodes is written without any."""
        self._close()
        self._original, self._left = next(self._originals)
        self._write(self._original, schema.empty_table())

    def _write(self, path: DatasetPath, table: pa.Table) -> None:
        if self._open is None or self._open.path != path:
            self._close()
            stack = ExitStack()
            local = stack.enter_context(self._work.new_file("episodes.parquet"))
            groups = RowGroups(local, {"use_dictionary": True}, most_bytes=_GROUP_BYTES, most_rows=_GROUP_ROWS)
            self._open = _OpenFile(path, local, groups, stack)
        self._open.groups.add(table)

    def _is_full(self, file: _OpenFile, following_rows: int) -> bool:
        """Whether as many rows again may make a file larger than it should be."""
        groups = file.groups
        size = file.local.stat().st_size if file.local.exists() else 0
        each = size / groups.rows if groups.rows else 0
        return size + (groups.pending_rows + following_rows) * each > self._most_bytes

    def _close(self) -> None:
        if self._open is not None:
            with self._open.stack:
                self._open.groups.close()
                self._stored.append(self._work.output.put(self._open.path, self._open.local))
            self._open = None


class LinesWriter(EpisodesWriter):
    """The two files of v2.1."""

    number = FileNumber(0, 0)
    """Stands where v2.1 has no files of episodes to number."""

    def __init__(self, work: Work, metadata: DatasetMetadata, plan: EpisodePlan, tables: EpisodeTables) -> None:
        self._work, self._metadata = work, metadata
        self._schema = result_schema(tables.schema)
        self._sources = tables.line_files
        self._changed = changed_statistics(plan)
        self._stack = ExitStack()
        names = ("episodes.jsonl", "episodes_stats.jsonl")
        self._locals = [self._stack.enter_context(work.new_file(name)) for name in names]
        for local in self._locals:
            local.write_bytes(b"")
        self._last: tuple[int, AugmentedLines] | None = None

    @override
    def add(self, part: Part) -> None:
        texts = list(self._texts(part))
        made = [b"".join(text + b"\n" for text in of_file if text is not None) for of_file in zip(*texts, strict=True)]
        for local, content in zip(self._locals, made, strict=True):
            with local.open("ab") as file:
                file.write(content)
        self._check(part.table, made)

    def _texts(self, part: Part) -> Iterator[tuple[bytes | None, bytes | None]]:
        documents, statistics = self._sources
        for row, cells in enumerate(part.table.to_pylist()):
            version = part.versions.get(row)
            if version is not None:
                yield self._augmented(version.episode.source.index).made(cells)
            else:
                document = documents.text(cells["episode_index"])
                own = {name: cells[name] for name in COLUMNS.names}
                yield original_line(document or b"{}", own), statistics.text(cells["episode_index"])

    def _augmented(self, source: int) -> AugmentedLines:
        """What the lines of the copies of an episode are made of, kept while its copies come."""
        if self._last is None or self._last[0] != source:
            document, statistics = (file.text(source) for file in self._sources)
            self._last = (source, AugmentedLines(document or b"{}", statistics, self._changed))
        return self._last[1]

    def _check(self, table: pa.Table, made: Sequence[bytes]) -> None:
        """What was written is read again and has to say what the table says."""
        first_row = table.column("dataset_from_index")[0].as_py()
        read = read_episode_lines(made[0], made[1], self._metadata.info, self._work.source.name, first_row=first_row)
        difference = table_difference(table, conformed(read, self._schema))
        if difference is not None:
            raise broken(f"{EPISODES_PATH} with {STATISTICS_PATH}, compared with what was to be written, {difference}")

    @override
    def finish(self) -> tuple[dict[DatasetPath, bytes], list[StoredFile]]:
        written: dict[DatasetPath, bytes] = {}
        stored: list[StoredFile] = []
        with self._stack:
            for path, local in zip((EPISODES_PATH, STATISTICS_PATH), self._locals, strict=True):
                if local.stat().st_size <= MOST_COMMITTED_BYTES:
                    written[path] = local.read_bytes()
                else:
                    stored.append(self._work.output.put(path, local))
        return written, stored


def _number_of(path: str) -> FileNumber:
    chunk, file = path.removesuffix(".parquet").split("/")[-2:]
    return FileNumber(int(chunk.rsplit("-", 1)[-1]), int(file.rsplit("-", 1)[-1]))
