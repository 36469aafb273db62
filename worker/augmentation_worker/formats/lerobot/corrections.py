"""What metadata says of files, times and totals, corrected by the files themselves.

LeRobot lists the data files and reads them in the order of their paths; it looks at data/file_index only to download
single episodes, and at to_timestamp never. So both are wrong in published datasets that train well: lerobot/libero
(macrodata-labs/refiner#193), what aggregate_datasets of LeRobot 0.3.4 to 0.4.1 wrote (lerobot#2264, #2453), and videos
with a frame more than rows (jashshah999/lerobot-doctor#7).
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from augmentation_api.counted import counted
from augmentation_worker.bounded.parquet_file import open_parquet
from augmentation_worker.bounded.unreadable import damaged, explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.episode_columns import whole_numbers
from augmentation_worker.formats.lerobot.episodes import EPISODES_FOLDER, TIMESTAMP_TOLERANCE_SECONDS
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.info import INFO_PATH, DatasetInfo
from augmentation_worker.formats.tables import with_column
from augmentation_worker.storage.port import SourceDataset

MOST_FOOTERS = 64
"""Data files of which each is looked into in any case; of more only where metadata and the list of files disagree."""
_FOOTERS_AT_ONCE = 8
_FILE_COLUMNS = ("data/chunk_index", "data/file_index")
_ROW_COLUMNS = ("dataset_from_index", "dataset_to_index")
MOST_DRIFT_FRAMES = 0.25
"""How far off a frame a time may lie and still be meant for it, as a share of the time between two frames."""
Whole = npt.NDArray[np.int64]
RowCounts = Callable[[], Sequence[int]]
"""Counts the rows of the data files, by their footers."""


@dataclass(frozen=True)
class DataFiles:
    """The data files that LeRobot finds, in its order.

    Attributes:
        numbers: their numbers.
        rows: counts the rows of each.
    """

    numbers: Sequence[FileNumber]
    rows: RowCounts


@dataclass(frozen=True, eq=False)
class Correction:
    """Episodes as they are, and how that differs from what was said of them.

    Attributes:
        table: the episodes.
        rows: the rows that changed, rising, int64.
        said: a sentence for the user; None if nothing changed.
    """

    table: pa.Table
    rows: Whole = field(default_factory=lambda: np.empty(0, np.int64))
    said: str | None = None


def with_data_files(table: pa.Table, files: DataFiles, info: DatasetInfo, dataset: str) -> Correction:
    """Set data/chunk_index and data/file_index to the file that each episode's rows are in.

    Where the files do not have the rows of the episodes, what is said of them stays, if the files have the names: a
    look into the rows says more (rows_inspection.py), and may be able to leave some of them out.

    Columns are of the types that check_column_types asks for. An empty cell is corrected like a wrong number.

    Raises WorkerFailure(SOURCE_INVALID) where neither the names nor the rows fit.
    """
    if not {*_FILE_COLUMNS, *_ROW_COLUMNS} <= set(table.column_names) or not table.num_rows:
        return Correction(table)
    declared = [whole_numbers(table.column(name)) for name in _FILE_COLUMNS]
    has_names = _distinct(table) == set(files.numbers)
    if has_names and len(files.numbers) > MOST_FOOTERS:
        return Correction(table)
    try:
        found = _files_of_rows(table, files, info, dataset)
    except WorkerFailure:
        if has_names:
            return Correction(table)
        raise
    changed = np.flatnonzero((declared[0] != found[0]) | (declared[1] != found[1])).astype(np.int64)
    if not len(changed):
        return Correction(table)
    for name, numbers in zip(_FILE_COLUMNS, found, strict=True):
        try:
            table = with_column(table, name, numbers)
        except (pa.ArrowInvalid, OverflowError) as error:
            raise damaged(
                dataset,
                f"{EPISODES_FOLDER} has the column {name} of type {table.schema.field(name).type}, which cannot hold "
                f"{numbers.max()}",
            ) from error
    said = (
        f"data/file_index is wrong for {_episodes(changed)}, whose rows lie in other files: the result says where they "
        "are"
    )
    return Correction(table, changed, said)


def _distinct(table: pa.Table) -> set[FileNumber]:
    """The numbers of data files that episodes name, with None in place of an empty cell."""
    distinct = table.select(_FILE_COLUMNS).group_by(list(_FILE_COLUMNS), use_threads=False).aggregate([])
    chunks, files = (distinct.column(name).to_pylist() for name in _FILE_COLUMNS)
    return set(map(FileNumber, chunks, files))


def _files_of_rows(table: pa.Table, files: DataFiles, info: DatasetInfo, dataset: str) -> tuple[Whole, Whole]:
    """Both parts of the number of the file that each episode's rows are in."""
    starts, ends = (whole_numbers(pc.fill_null(table.column(name), 0)) for name in _ROW_COLUMNS)
    counts = files.rows()
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.array(counts, np.int64))])
    if begins[-1] != ends.max():
        if any(table.column(name).null_count for name in _FILE_COLUMNS):
            raise damaged(dataset, f"{EPISODES_FOLDER} has an empty cell in the columns {' and '.join(_FILE_COLUMNS)}")
        expected: dict[FileNumber, int] = {}
        for *number, start, end in zip(
            *(table.column(name).to_pylist() for name in _FILE_COLUMNS), starts.tolist(), ends.tolist(), strict=True
        ):
            expected[FileNumber(*number)] = expected.get(FileNumber(*number), 0) + end - start
        raise damaged(dataset, _misfit(expected, dict(zip(files.numbers, counts, strict=True)), info))
    filled = np.flatnonzero(np.diff(begins))
    if not len(filled):
        raise damaged(dataset, "its data files have no rows")
    places = filled[np.maximum(np.searchsorted(begins[filled], starts, side="right") - 1, 0)]
    borders = begins[places + 1]
    divided = np.flatnonzero((starts < borders) & (borders < ends))
    if len(divided):
        raise damaged(
            dataset,
            f"the rows of episode {divided[0]} lie in two data files: write the dataset with each episode in one",
        )
    numbers = np.array(files.numbers, np.int64).reshape(-1, 2)[places]
    return numbers[:, 0], numbers[:, 1]


def _misfit(expected: Mapping[FileNumber, int], found: Mapping[FileNumber, int], info: DatasetInfo) -> str:
    """What is wrong with the data files where together they do not have the rows of all episodes."""
    missing = next((number for number in expected if number not in found), None)
    if missing is not None and sum(found.values()) < sum(expected.values()):
        return f"its metadata names the file {info.data_file(missing)}, which it does not have"
    other = next(number for number in [*expected, *found] if found.get(number) != expected.get(number))
    return f"{info.data_file(other)} has {found.get(other, 0)} rows, its episodes have {expected.get(other, 0)}"


def with_begin_times(table: pa.Table, camera: str, fps: float) -> Correction:
    """Set a camera's from_timestamp to that of the frame it is meant for, where it lies next to one.

    LeRobot 0.4 added up durations instead of counting frames, and their rounding errors with them (lerobot#3177,
    lerobot#3580): after some episodes the time is off by more than the loader's default tolerance, which then finds no
    frame. Further off than MOST_DRIFT_FRAMES it stays as it is, and is refused.
    """
    name = f"videos/{camera}/from_timestamp"
    if name not in table.column_names or not pa.types.is_floating(table.schema.field(name).type):
        return Correction(table)
    times = _numbers(table, name)
    frames = np.round(times * fps)
    off = np.abs(times - frames / fps)
    changed = np.flatnonzero((off > TIMESTAMP_TOLERANCE_SECONDS) & (off * fps <= MOST_DRIFT_FRAMES))
    if not len(changed):
        return Correction(table)
    worst = float(off[changed].max())
    times[changed] = frames[changed] / fps
    said = (
        f"from_timestamp of {camera} is up to {worst:.2g} s off a frame for {_episodes(changed)}, and "
        f"LeRobot's loader tolerates {TIMESTAMP_TOLERANCE_SECONDS:g} s by default: the result has the time of the frame"
    )
    return Correction(_with_times(table, name, times), changed, said)


def with_end_times(table: pa.Table, camera: str, fps: float) -> Correction:
    """Set a camera's to_timestamp to the end of each episode's frames, where it is something else."""
    begin, end = (f"videos/{camera}/{which}_timestamp" for which in ("from", "to"))
    if not {begin, end, "length"} <= set(table.column_names) or not pa.types.is_floating(table.schema.field(end).type):
        return Correction(table)
    times, right = _numbers(table, end), _numbers(table, begin) + _numbers(table, "length") / fps
    changed = np.flatnonzero(~(np.abs(times - right) <= TIMESTAMP_TOLERANCE_SECONDS) & np.isfinite(right))
    if not len(changed):
        return Correction(table)
    times[changed] = right[changed]
    said = (
        f"to_timestamp of {camera} is not from_timestamp + length / {fps:g} for {_episodes(changed)}: the "
        "result has that time"
    )
    return Correction(_with_times(table, end, times), changed, said)


def with_totals(info: DatasetInfo, episodes: int, frames: int) -> tuple[DatasetInfo, str | None]:
    """meta/info.json with the totals of the episodes, and a sentence for the user if it had others."""
    if (info.total_episodes, info.total_frames) == (episodes, frames):
        return info, None
    said = (
        f"{INFO_PATH} counts {counted(info.total_episodes, 'episode')} and {counted(info.total_frames, 'frame')}, "
        f"{info.version.episodes_place} lists {episodes} and {frames}: the result counts those"
    )
    return info.model_copy(update={"total_episodes": episodes, "total_frames": frames}), said


def data_files_of(source: SourceDataset, info: DatasetInfo) -> DataFiles:
    """The files data/*/*.parquet of a source. Raises WorkerFailure(SOURCE_INVALID) if one has a name of its own."""
    numbers = {}
    for path in source.paths:
        if path.startswith("data/") and path.endswith(".parquet") and path.count("/") == 2:
            number = info.data_file_number(path)
            if number is None:
                hint = " (macOS leaves such files on other disks: delete it)" if path.name.startswith("._") else ""
                raise damaged(source.name, f"its data file {path} is not named as data_path of {INFO_PATH} says{hint}")
            numbers[path] = number
    paths = sorted(numbers, key=lambda path: path.split("/"))
    return DataFiles([numbers[path] for path in paths], lambda: _rows_of(source, paths))


def _rows_of(source: SourceDataset, paths: Sequence[DatasetPath]) -> list[int]:
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as threads:
        return list(threads.map(lambda path: _rows(source, path), paths))


def _rows(source: SourceDataset, path: DatasetPath) -> int:
    with explained(source.name, path), source.open_partly(path) as file, open_parquet(file) as parquet:
        return int(parquet.metadata.num_rows)


def changed_files(files: Mapping[DatasetPath, int], rows: Whole) -> frozenset[DatasetPath]:
    """Those of the files, by the number of rows in each, that hold one of the rows."""
    paths, ends = list(files), np.cumsum(np.array(list(files.values()), np.int64))
    return frozenset(paths[place] for place in np.unique(np.searchsorted(ends, rows, side="right")))


def _numbers(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    """A column as numbers, NaN where it has none."""
    column = table.column(name).cast(pa.float64(), safe=False)
    return np.array(column.to_numpy(), dtype=np.float64)


def _with_times(table: pa.Table, name: str, times: npt.NDArray[np.float64]) -> pa.Table:
    return with_column(table, name, times.astype(table.schema.field(name).type.to_pandas_dtype()))


def _episodes(rows: Whole) -> str:
    """Some episodes, for people."""
    return f"episode {rows[0]}" if len(rows) == 1 else f"{len(rows)} episodes, the first of them {rows[0]}"
