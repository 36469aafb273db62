"""The metadata of the result, from that of the source and from what the shards recorded."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedCopy, PlannedEpisode
from augmentation_worker.formats.lerobot.records import CopyRecord, EpisodeRecords, VideoCopyRecord
from augmentation_worker.formats.lerobot.statistics import column_name, percent_of, statistics_columns
from augmentation_worker.formats.lerobot.unchanged_videos import copied_cameras, number_of
from augmentation_worker.formats.tables import with_column

Columns = dict[str, list[Any]]
TasksOfRows = Callable[[Episode], npt.NDArray[np.int64]]
"""The column task_index of an episode of the source."""


def episodes_of_result(
    metadata: DatasetMetadata,
    plan: EpisodePlan,
    records: Sequence[EpisodeRecords],
    file: FileNumber,
    tasks_of_rows: TasksOfRows,
) -> pa.Table:
    """All episodes of the result as a table: the source's, with the augmented episodes after them or in their place.

    `records` are those of each shard, by index; `file` is the episodes file of added rows, of no meaning in v2.1.
    """
    versions = augmented_episodes(metadata, plan, records, file, tasks_of_rows)
    if not plan.in_place:
        return pa.concat_tables([metadata.table, versions]).combine_chunks()
    rows = list(range(len(metadata.episodes)))
    for position, episode in enumerate(plan.episodes):
        rows[episode.source.index] = len(rows) + position
    table = pa.concat_tables([metadata.table, versions]).take(pa.array(rows)).combine_chunks()
    return _with_data_files(table, plan)


def _with_data_files(table: pa.Table, plan: EpisodePlan) -> pa.Table:
    """In place, rows may lie in other files than before."""
    numbers = {index: kept.number for kept in plan.kept_rows for index in kept.episodes}
    numbers |= {copy.episode_index: copy.data_file for episode in plan.episodes for copy in episode.copies}
    for place, name in enumerate(("data/chunk_index", "data/file_index")):
        table = with_column(table, name, [numbers[index][place] for index in table.column("episode_index").to_pylist()])
    return table


def changed_statistics(plan: EpisodePlan) -> list[str]:
    """Features whose statistics are other ones in an augmented episode than in its source."""
    return [
        *(camera.key for camera in plan.cameras),
        *([] if plan.in_place else ["index", "episode_index"]),
        *([] if plan.instructions is None else ["task_index"]),
    ]


def augmented_episodes(
    metadata: DatasetMetadata,
    plan: EpisodePlan,
    records: Sequence[EpisodeRecords],
    file: FileNumber,
    tasks_of_rows: TasksOfRows,
) -> pa.Table:
    """Rows of meta/episodes for the augmented episodes, in order, in the source's schema.

    Each row is its source episode's, with the files and timestamps of the copy and new statistics of the augmented
    cameras; where copies are added also with their numbers, and new statistics of episode_index and index.
    """
    versions = [
        (episode, copy, records[shard.index].episodes[episode.source.index])
        for shard in plan.shards
        for episode in shard.episodes
        for copy in episode.copies
    ]
    rows = metadata.table.take(pa.array([episode.source.index for episode, _, _ in versions]))
    changed: Columns = {}
    copied = copied_cameras(metadata, plan)
    for position, (episode, copy, record) in enumerate(versions):
        cells: dict[str, object] = {}
        if not plan.in_place:
            cells |= _numbers(episode, copy, file) | _index_statistics(rows, metadata, episode, copy)
        if plan.instructions is not None:
            texts = plan.instructions.texts(copy.tasks)
            cells |= _task_cells(metadata, episode, copy, texts, tasks_of_rows)
        for camera in copied:
            cells |= _video_place(camera, number_of(metadata, copy))
        for camera in record.cameras:
            version = record.copies(camera)[copy.copy]
            if isinstance(version, VideoCopyRecord):
                cells |= _video_cells(camera, record.number(camera, copy.copy), version)
            cells |= _image_statistics(rows, position, camera, version)
        for name, value in cells.items():
            changed.setdefault(name, []).append(value)
    for name, values in changed.items():
        if name in rows.column_names:
            rows = with_column(rows, name, values)
    return rows.combine_chunks()


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


def _image_statistics(rows: pa.Table, row: int, camera: str, version: CopyRecord) -> dict[str, object]:
    """Image statistics in the shape the source has them in: one value per channel, as [[v]] where it nests them.

    An alpha channel is not augmented: where the source has a value of it, that stays. Of a grey camera the channels are
    alike, and one stands for all where the source has one.
    """
    cells: dict[str, object] = {}
    for statistic, values in version.statistics.items():
        name = column_name(camera, statistic)
        if name not in rows.column_names:
            continue
        if statistic == "count":
            cells[name] = [int(value) for value in values]
        else:
            before = np.ravel(rows.column(name)[row].as_py() or []).tolist()
            colours = values[:1] if len(before) in (1, 2) else values
            channels = [*colours, *before[len(colours) :]]
            cells[name] = [_nested(value, _depth(rows.schema.field(name).type) - 1) for value in channels]
    return cells


def _depth(kind: pa.DataType) -> int:
    return 1 + _depth(kind.value_type) if pa.types.is_nested(kind) else 0


def _nested(value: float, depth: int) -> object:
    return value if depth <= 0 else [_nested(value, depth - 1)]


def _task_cells(
    metadata: DatasetMetadata,
    episode: PlannedEpisode,
    copy: PlannedCopy,
    texts: Mapping[str, str],
    tasks_of_rows: TasksOfRows,
) -> dict[str, object]:
    """The tasks of a copy, and the statistics of its task_index: from rows where an episode has several tasks."""
    row = metadata.table.slice(episode.source.index, 1).to_pylist()[0]
    cells: dict[str, object] = {}
    if row.get("tasks") is not None:
        cells["tasks"] = list(dict.fromkeys(texts.get(text, text) for text in row["tasks"]))
    names = statistics_columns(metadata.table).get("task_index", [])
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


def _first_index(metadata: DatasetMetadata, episode: PlannedEpisode) -> int:
    """The first value of the column index: not always that of the row, as some datasets count it in each episode."""
    name = column_name("index", "min")
    value = metadata.table.column(name)[episode.source.index].as_py() if name in metadata.table.column_names else None
    return episode.source.from_index if value is None else round(value[0])


def _index_statistics(
    rows: pa.Table, metadata: DatasetMetadata, episode: PlannedEpisode, copy: PlannedCopy
) -> dict[str, object]:
    """index is the source's, moved to where the copy begins; episode_index is one number throughout."""
    cells: dict[str, object] = {}
    known: Mapping[str, list[str]] = statistics_columns(rows)
    shift = copy.from_index - _first_index(metadata, episode)
    for statistic in known.get("index", []):
        if statistic not in ("count", "std"):
            name = column_name("index", statistic)
            source = metadata.table.column(name)[episode.source.index].as_py()
            cells[name] = None if source is None else [value + shift for value in source]
    for statistic in known.get("episode_index", []):
        if statistic not in ("count", "std"):
            cells[column_name("episode_index", statistic)] = [float(copy.episode_index)]
    return cells
