"""A look into the rows before the job runs: of every small dataset, and of a sample of a large one.

At most MOST_FILES data files are looked into, spread evenly over the episodes that the job selects, the first and the
last among them. Of a file of up to SMALL_FILE_BYTES all selected episodes are checked, of a larger one the first and
the last, of which only the index columns are fetched. The augment phase checks every episode before it makes any.
"""

import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from augmentation_api.episode_ranges import disjoint, short_text_of
from augmentation_worker.bounded.parquet_file import open_parquet, read_columns
from augmentation_worker.bounded.unreadable import Unreadable, damaged
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.data_table import check_rows_of_file, rows_of_file
from augmentation_worker.formats.lerobot.episodes import Episode, Episodes
from augmentation_worker.formats.lerobot.index_columns import check_index_columns, index_warnings
from augmentation_worker.formats.lerobot.info import INDEX_COLUMNS, INFO_PATH, DatasetInfo
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.limits import LARGEST_FILE_NUMBER
from augmentation_worker.storage.port import SourceDataset

MOST_FILES, SMALL_FILE_BYTES = 8, 8 * 2**20
_MOST_ROWS, _MOST_BYTES = 2**22, 2**28
"""Of the row groups of an episode: five columns of numbers."""
Item = TypeVar("Item")


def inspect_rows(
    metadata: DatasetMetadata, selected: Episodes, source: SourceDataset, *, leave_out: bool = False
) -> tuple[str, ...]:
    """What is odd in the rows of the selected episodes and no reason to refuse them, a sentence for each kind.

    Args:
        metadata, source: the dataset.
        selected: the episodes that the job selects.
        leave_out: whether the job leaves out episodes that cannot be used; then these are a warning, too.

    Raises:
        WorkerFailure: SOURCE_INVALID for what LeRobot's loader would not read, naming file, episode, value and fix.
    """
    found = _Findings({}, {})
    first: pa.Schema | None = None
    for number, places in _spread(list(selected.data_files.runs()), MOST_FILES):
        path, rows = metadata.info.data_file(number), rows_of_file(metadata, number)
        episodes = selected[places.start : places.stop]
        try:
            with open_rows(source, path) as (file, is_small):
                check_rows_of_file(file, rows, first)
                if first is None:
                    first = file.schema_arrow
                    found.warnings.update(_column_warnings(first.names, metadata.info))
                columns = _IndexColumns(file)
                for episode in episodes if is_small else _spread(episodes, 2):
                    found.inspect(columns.of(episode.from_index - rows.start, episode.length), episode, metadata)
        except Unreadable as error:
            found.bad.update(dict.fromkeys(episodes.indices.tolist(), f"{path} {error.finding}"))
    if not found.bad:
        return tuple(found.warnings.values())
    cause = found.bad[min(found.bad)]
    if not leave_out:
        others = sorted(found.bad)[1:]
        more = f" (also wrong: episodes {_listed(others)}, of those that were looked into)" if others else ""
        raise damaged(metadata.dataset, cause + more)
    return (
        *found.warnings.values(),
        f"Episodes that cannot be used are left out, {_listed(found.bad)} among them: {cause}",
    )


@dataclass
class _Findings:
    """What was found so far: warnings by kind, and by index what is wrong with an episode."""

    warnings: dict[str, str]
    bad: dict[int, str]

    def inspect(self, rows: pa.Table | None, episode: Episode, metadata: DatasetMetadata) -> None:
        if rows is None:
            return
        try:
            check_index_columns(rows, episode, metadata.info)
        except Unreadable as error:
            self.bad[episode.index] = f"{metadata.info.data_file(episode.data_file)} {error.finding}"
            return
        for kind, warning in index_warnings(rows, episode, metadata.info).items():
            self.warnings.setdefault(kind, warning)


def _listed(episodes: Collection[int]) -> str:
    return short_text_of(disjoint(((episode, episode + 1) for episode in episodes), LARGEST_FILE_NUMBER))


def _column_warnings(names: Sequence[str], info: DatasetInfo) -> dict[str, str]:
    """LeRobot casts the rows to the features of info.json, and refuses any other set of columns."""
    features = [name for name, feature in info.features.items() if feature.dtype != "video"]
    added = sorted({*names}.difference(features))
    missing = sorted(set(features).difference(names))
    warnings = {}
    if added:
        warnings["added"] = (
            f"The data files have the column {added[0]}, which features of {INFO_PATH} does not have: LeRobot's loader "
            "refuses the dataset for it, and will refuse the result, which keeps it. To read it with LeRobot, drop "
            "the column or describe it in features"
        )
    if missing:
        warnings["missing"] = (
            f"The data files lack the column {missing[0]}, which features of {INFO_PATH} names: LeRobot's loader "
            "refuses the dataset for it, and will refuse the result. To read it with LeRobot, take it out of features"
        )
    return warnings


def _spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, evenly spread, the first and the last among them."""
    last = len(items) - 1
    return list(items) if last < most else [items[place * last // (most - 1)] for place in range(most)]


@contextmanager
def open_rows(source: SourceDataset, path: DatasetPath) -> Iterator[tuple[pq.ParquetFile, bool]]:
    """Open a data file for a look at a few rows. Also given is whether it is small: then it is fetched whole."""
    with closing(source.open_partly(path)) as opened:
        size = opened.seek(0, io.SEEK_END)
        opened.seek(0)
        is_small = size <= SMALL_FILE_BYTES
        with open_parquet(io.BytesIO(opened.read(size)) if is_small else opened) as file:
            yield file, is_small


class _IndexColumns:
    """The index columns of a data file. Row groups are read once where episodes are asked for in order."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
        self._begins = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self._groups = range(0)
        self._table: pa.Table | None = None

    def of(self, first: int, length: int) -> pa.Table | None:
        """Those of some rows; None where that would take more than a look. Raises Unreadable."""
        groups = range(
            int(np.searchsorted(self._begins, first, side="right")) - 1,
            int(np.searchsorted(self._begins, first + length)),
        )
        begin, end = int(self._begins[groups.start]), int(self._begins[groups.stop])
        if end - begin > _MOST_ROWS:
            return None
        if self._table is None or self._groups != groups:
            self._table = None
            self._table = read_columns(
                self._file, INDEX_COLUMNS, most_rows=_MOST_ROWS, most_bytes=_MOST_BYTES, groups=groups
            )
            self._groups = groups
        return self._table.slice(first - begin, length)
