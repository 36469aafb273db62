"""The episodes of the result, part by part: from those of the source and from what the shards recorded."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from augmentation_worker.formats.lerobot.augmentation_columns import (
    cells_of_copy,
    recorded_columns,
    with_columns,
)
from augmentation_worker.formats.lerobot.episode_tables import EPISODES_AT_ONCE
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedCopy, PlannedEpisode
from augmentation_worker.formats.lerobot.records import CopyRecord, EpisodeRecord, EpisodeRecords, VideoCopyRecord
from augmentation_worker.formats.lerobot.statistics import column_name, percent_of, stacked, statistics_columns
from augmentation_worker.formats.lerobot.unchanged_videos import copied_cameras, number_of
from augmentation_worker.formats.tables import with_column

Columns = dict[str, list[Any]]
TasksOfRows = Callable[[Episode], npt.NDArray[np.int64]]
"""The column task_index of an episode of the source."""
_COPIES_AT_ONCE = 2000
"""Most added episodes of a part, however many copies an episode has."""


@dataclass(frozen=True)
class Version:
    """An augmented episode, with what was recorded of its source episode."""

    episode: PlannedEpisode
    copy: PlannedCopy
    record: EpisodeRecord


@dataclass(frozen=True)
class Part:
    """Consecutive episodes of the result.

    Attributes:
        table: the episodes.
        before: those of the source under the same numbers; None where they are added.
        versions: by the row in `table`, those that are augmented.
    """

    table: pa.Table
    before: pa.Table | None
    versions: Mapping[int, Version]


def versions_of(plan: EpisodePlan, records: Iterable[EpisodeRecords]) -> Iterator[Version]:
    """The augmented episodes in the order of their numbers. `records` are those of each shard, read as they come."""
    for shard, recorded in zip(plan.shards, records, strict=True):
        for episode in shard.episodes:
            for copy in episode.copies:
                yield Version(episode, copy, recorded.episodes[episode.source.index])


@dataclass(frozen=True)
class Merge:
    """Makes the rows of meta/episodes of augmented episodes.

    Attributes:
        metadata: of the source.
        plan: of the result.
        tasks_of_rows: reads rows where an episode has several tasks.
        episodes_number: gives the episodes file that rows are added to next; of no meaning in v2.1.
    """

    metadata: DatasetMetadata
    plan: EpisodePlan
    tasks_of_rows: TasksOfRows
    episodes_number: Callable[[], FileNumber]

    def parts(self, source_parts: Callable[[], Iterator[pa.Table]], versions: Iterable[Version]) -> Iterator[Part]:
        """All episodes of the result: the source's, with the augmented episodes after them or in their place.

        Args:
            source_parts: gives those of the source, as EpisodeTables does.
            versions: what `versions_of` gives.
        """
        groups = groupby(versions, lambda version: version.episode.source.index // EPISODES_AT_ONCE)
        if self.plan.in_place:
            following = next(groups, None)
            for number, rows in enumerate(source_parts()):
                replaced: list[Version] = []
                if following is not None and following[0] == number:
                    replaced = list(following[1])
                    following = next(groups, None)
                yield self._with_replaced(rows, number * EPISODES_AT_ONCE, replaced)
            return
        for rows in source_parts():
            yield Part(with_columns(rows, recorded_columns(rows)), rows, {})
        parts = enumerate(source_parts())
        for wanted, of_part in groups:
            rows = next(rows for number, rows in parts if number == wanted)
            while some := list(islice(of_part, _COPIES_AT_ONCE)):
                yield Part(self._made(rows, wanted * EPISODES_AT_ONCE, some), None, dict(enumerate(some)))

    def _with_replaced(self, rows: pa.Table, begin: int, versions: Sequence[Version]) -> Part:
        table = with_columns(rows, recorded_columns(rows))
        places = {version.episode.source.index - begin: version for version in versions}
        if places:
            order = np.arange(len(rows))
            order[list(places)] = len(rows) + np.arange(len(places))
            table = pa.concat_tables([table, self._made(rows, begin, versions)]).take(pa.array(order)).combine_chunks()
        return Part(self._with_data_files(table), rows, places)

    def _with_data_files(self, table: pa.Table) -> pa.Table:
        """In place, rows may lie in other files than before."""
        indices = table.column("episode_index").to_pylist()
        for place, name in enumerate(("data/chunk_index", "data/file_index")):
            table = with_column(table, name, [self._data_files[index][place] for index in indices])
        return table

    @cached_property
    def _data_files(self) -> Mapping[int, FileNumber]:
        numbers = {index: kept.number for kept in self.plan.kept_rows for index in kept.episodes}
        return numbers | {
            copy.episode_index: copy.data_file for episode in self.plan.episodes for copy in episode.copies
        }

    def _made(self, source: pa.Table, begin: int, versions: Sequence[Version]) -> pa.Table:
        """Rows for augmented episodes, in order.

        Each row is its source episode's, with the files and timestamps of the copy and new statistics of the augmented
        cameras; where copies are added also with their numbers, and new statistics of episode_index and index.

        Args:
            source: consecutive episodes of the source, all that the versions are of among them.
            begin: number of the first of these.
            versions: at least one.
        """
        plan, metadata = self.plan, self.metadata
        places = [version.episode.source.index - begin for version in versions]
        recorded = recorded_columns(source)
        rows = with_columns(source, recorded).take(pa.array(places))
        cells_before = _Cells(source)
        copied = copied_cameras(metadata, plan)
        file = self.episodes_number()
        changed: Columns = {}
        for place, version in zip(places, versions, strict=True):
            episode, copy, record = version.episode, version.copy, version.record
            before = _Row(cells_before, place)
            cells: dict[str, object] = cells_of_copy(recorded, place, copy.copy)
            if not plan.in_place:
                cells |= _numbers(episode, copy, file) | _index_statistics(before, episode, copy)
            if plan.instructions is not None:
                texts = plan.instructions.texts(copy.tasks)
                cells |= _task_cells(before, episode, copy, texts, self.tasks_of_rows)
            for camera in copied:
                cells |= _video_place(camera, number_of(metadata, copy))
            for camera in record.cameras:
                made = record.copies(camera)[copy.copy]
                if isinstance(made, VideoCopyRecord):
                    cells |= _video_cells(camera, record.number(camera, copy.copy), made)
                cells |= _image_statistics(before, camera, made)
            for name, value in cells.items():
                changed.setdefault(name, []).append(value)
        for name, values in changed.items():
            if name in rows.column_names:
                rows = with_column(rows, name, values)
        return rows.combine_chunks()


class _Cells:
    """Cells of some episodes of the source, of which each column is converted once."""

    def __init__(self, rows: pa.Table) -> None:
        self.names = frozenset(rows.column_names)
        self.statistics: Mapping[str, list[str]] = statistics_columns(rows)
        self._rows = rows
        self._values: dict[str, list[Any]] = {}
        self._flat: dict[str, list[list[Any]]] = {}
        self._depths: dict[str, int] = {}

    def column(self, name: str) -> list[Any]:
        """A column."""
        if name not in self._values:
            self._values[name] = self._rows.column(name).to_pylist()
        return self._values[name]

    def flat(self, name: str) -> list[list[Any]]:
        """The numbers in each cell of a column of statistics, without the lists that they are in."""
        if name not in self._flat:
            numbers = stacked(self._rows.column(name))
            if numbers is None:
                self._flat[name] = [_flat(cell) for cell in self.column(name)]
            else:
                self._flat[name] = numbers.reshape(len(numbers), -1).tolist()
        return self._flat[name]

    def depth(self, name: str) -> int:
        """How many lists are in each other in a column."""
        if name not in self._depths:
            self._depths[name] = _depth(self._rows.schema.field(name).type)
        return self._depths[name]


@dataclass(frozen=True)
class _Row:
    """One episode of the source."""

    cells: _Cells
    place: int

    def __contains__(self, name: str) -> bool:
        return name in self.cells.names

    def __getitem__(self, name: str) -> Any:
        return self.cells.column(name)[self.place]

    def get(self, name: str) -> Any:
        """A cell; None if there is no such column."""
        return self.cells.column(name)[self.place] if name in self.cells.names else None


def changed_statistics(plan: EpisodePlan) -> list[str]:
    """Features whose statistics are other ones in an augmented episode than in its source."""
    return [
        *(camera.key for camera in plan.cameras),
        *([] if plan.in_place else ["index", "episode_index"]),
        *([] if plan.instructions is None else ["task_index"]),
    ]


def _numbers(episode: PlannedEpisode, copy: PlannedCopy, file: FileNumber) -> dict[str, object]:
    return {
        "episode_index": copy.episode_index,
        "length": episode.source.length,
        "data/chunk_index": copy.data_file.chunk,
        "data/file_index": copy.data_file.file,
        "dataset_from_index": copy.from_index,
        "dataset_to_index": copy.to_index,
        "meta/episodes/chunk_index": file.chunk,
        "meta/episodes/file_index": file.file,
    }


def _video_place(camera: str, number: FileNumber) -> dict[str, object]:
    return {f"videos/{camera}/chunk_index": number.chunk, f"videos/{camera}/file_index": number.file}


def _video_cells(camera: str, number: FileNumber, version: VideoCopyRecord) -> dict[str, object]:
    return {
        **_video_place(camera, number),
        f"videos/{camera}/from_timestamp": version.from_timestamp,
        f"videos/{camera}/to_timestamp": version.to_timestamp,
    }


def _image_statistics(before: _Row, camera: str, version: CopyRecord) -> dict[str, object]:
    """Image statistics in the shape the source has them in: one value per channel, as [[v]] where it nests them.

    An alpha channel is not augmented: where the source has a value of it, that stays. Of a grey camera the channels are
    alike, and one stands for all where the source has one.
    """
    cells: dict[str, object] = {}
    for statistic, values in version.statistics.items():
        name = column_name(camera, statistic)
        if name not in before:
            continue
        if statistic == "count":
            cells[name] = [int(value) for value in values]
        else:
            found = before.cells.flat(name)[before.place]
            colours = values[:1] if len(found) in (1, 2) else values
            channels = [*colours, *found[len(colours) :]]
            cells[name] = [_nested(value, before.cells.depth(name) - 1) for value in channels]
    return cells


def _flat(value: object) -> list[object]:
    return (
        [item for part in value for item in _flat(part)] if isinstance(value, list) else [value] * (value is not None)
    )


def _depth(kind: pa.DataType) -> int:
    return 1 + _depth(kind.value_type) if pa.types.is_nested(kind) else 0


def _nested(value: object, depth: int) -> object:
    return value if depth <= 0 else [_nested(value, depth - 1)]


def _task_cells(
    row: _Row,
    episode: PlannedEpisode,
    copy: PlannedCopy,
    texts: Mapping[str, str],
    tasks_of_rows: TasksOfRows,
) -> dict[str, object]:
    """The tasks of a copy, and the statistics of its task_index: from rows where an episode has several tasks."""
    cells: dict[str, object] = {}
    tasks = row.get("tasks")
    if tasks is not None:
        cells["tasks"] = list(dict.fromkeys(texts.get(text, text) for text in tasks))
    names = row.cells.statistics.get("task_index", [])
    found = {name: row[column_name("task_index", name)] for name in names}
    if copy.tasks and any(value is not None for value in found.values()):
        (low,), (high,) = found.get("min") or [None], found.get("max") or [None]
        values = np.array([low]) if low is not None and low == high else tasks_of_rows(episode.source)
        found |= _statistics_of(np.array([copy.tasks.get(int(task), int(task)) for task in values]), names)
    return cells | {column_name("task_index", name): value for name, value in found.items()}


def _statistics_of(values: npt.NDArray[np.int64], names: Sequence[str]) -> dict[str, list[float]]:
    known = {name: getattr(values, name) for name in ("min", "max", "mean", "std")}
    found = {name: known[name]() for name in names if name in known}
    quantiles = {name: percent for name in names if (percent := percent_of(name)) is not None}
    found |= {name: np.quantile(values.astype(np.float64), percent / 100) for name, percent in quantiles.items()}
    return {name: [float(value)] for name, value in found.items()}


def _first_index(row: _Row, episode: PlannedEpisode) -> int:
    """The first value of the column index: not always that of the row, as some datasets count it in each episode."""
    name = column_name("index", "min")
    value = row.get(name)
    return episode.source.from_index if value is None else round(value[0])


def _index_statistics(row: _Row, episode: PlannedEpisode, copy: PlannedCopy) -> dict[str, object]:
    """index is the source's, moved to where the copy begins; episode_index is one number throughout."""
    cells: dict[str, object] = {}
    known = row.cells.statistics
    shift = copy.from_index - _first_index(row, episode)
    for statistic in known.get("index", []):
        if statistic not in ("count", "std"):
            name = column_name("index", statistic)
            source = row[name]
            cells[name] = None if source is None else [value + shift for value in source]
    for statistic in known.get("episode_index", []):
        if statistic not in ("count", "std"):
            cells[column_name("episode_index", statistic)] = [float(copy.episode_index)]
    return cells
