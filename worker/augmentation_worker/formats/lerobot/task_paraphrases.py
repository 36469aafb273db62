"""The paraphrases that a dataset holds of its tasks: rows of the style `task_aug` in the column language_persistent.

LeRobot's annotation pipeline writes them into every frame of an episode, the episode's task first (lerobot's
plan_subtasks_memory.py), and its recipes read them (language_render.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from augmentation_worker.bounded.parquet_file import batches_of, open_parquet
from augmentation_worker.bounded.unreadable import Unreadable, explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.data_table import check_rows_of_file, row_groups, rows_of_file
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.rows_inspection import open_rows
from augmentation_worker.storage.port import SourceDataset

LANGUAGE_COLUMN = "language_persistent"
_STYLE, _ROLE = "task_aug", "user"
_LONGEST_TEXT = 10_000
_BYTES_FETCHED_PER_ROW = 2 * 2**18
"""Of a file on a hub: a range of each of two columns."""


@dataclass(frozen=True)
class EpisodeParaphrases:
    """What a dataset says of one episode.

    Attributes:
        task_index: of its first frame.
        texts: its paraphrases, in their order, each once.
    """

    task_index: int
    texts: tuple[str, ...]


def read_paraphrases(
    metadata: DatasetMetadata, selected: Sequence[Episode], source: SourceDataset
) -> Mapping[int, EpisodeParaphrases]:
    """By index of each selected episode, the paraphrases in its first row. Reads these rows and no more of large files.

    Raises WorkerFailure: SOURCE_INVALID.
    """
    found: dict[int, EpisodeParaphrases] = {}
    for number, together in groupby(selected, lambda episode: episode.data_file):
        path, rows = metadata.info.data_file(number), rows_of_file(metadata, number)
        firsts = {episode.from_index - rows.start: episode.index for episode in together}
        with explained(metadata.dataset, path), _opened(source, path, len(firsts)) as file:
            check_rows_of_file(file, rows, None)
            for row, cells in _rows_at(file, list(firsts)):
                found[firsts[row]] = EpisodeParaphrases(cells["task_index"], _texts(cells.get(LANGUAGE_COLUMN)))
    return found


@contextmanager
def _opened(source: SourceDataset, path: DatasetPath, rows: int) -> Iterator[pq.ParquetFile]:
    """A data file of which so many rows are read: fetched as a whole where that is less than fetching each row."""
    if rows * _BYTES_FETCHED_PER_ROW < source.size(path):
        with open_rows(source, path) as (file, _):
            yield file
    else:
        with open_parquet(source.open(path)) as file:
            yield file
        source.drop(path)


def _rows_at(file: pq.ParquetFile, numbers: Sequence[int]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Some rows of a file, by their numbers, which rise."""
    columns = [name for name in ("task_index", LANGUAGE_COLUMN) if name in file.schema_arrow.names]
    if columns[:1] != ["task_index"]:
        raise Unreadable("lacks the column task_index")
    group: int | None = None
    batches: Iterator[pa.RecordBatch] = iter(())
    begin, batch = 0, None
    for number in numbers:
        (group_of_row,), first = row_groups(file.metadata, number, number + 1)
        if group_of_row != group:
            group, begin, batch = group_of_row, first, None
            batches = batches_of(file, columns, most_bytes=limits.MOST_DATA_TABLE_BYTES, groups=[group])
        while batch is None or number >= begin + batch.num_rows:
            begin += 0 if batch is None else batch.num_rows
            batch = next(batches)
        yield number, {name: batch.column(name)[number - begin].as_py() for name in columns}


def _texts(cell: object) -> tuple[str, ...]:
    entries = [entry for entry in cell if isinstance(entry, Mapping)] if isinstance(cell, list) else []
    said = [entry.get("content") for entry in entries if (entry.get("style"), entry.get("role")) == (_STYLE, _ROLE)]
    texts = tuple(dict.fromkeys(text for text in said if isinstance(text, str) and text))
    longest = max(map(len, texts), default=0)
    if longest > _LONGEST_TEXT:
        raise Unreadable(f"holds a paraphrase of {longest} characters, more than {_LONGEST_TEXT}")
    return texts
