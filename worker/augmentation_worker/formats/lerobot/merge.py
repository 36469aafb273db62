"""The metadata of the result, from that of the source and from what the shards recorded."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedCopy, PlannedEpisode
from augmentation_worker.formats.lerobot.records import CopyRecord, EpisodeRecords, VideoCopyRecord
from augmentation_worker.formats.lerobot.statistics import column_name, statistics_columns
from augmentation_worker.formats.tables import with_column

Columns = dict[str, list[Any]]


def episodes_of_result(
    metadata: DatasetMetadata, plan: EpisodePlan, records: Sequence[EpisodeRecords], file: FileNumber
) -> pa.Table:
    """All episodes of the result as a table: the source's, with the augmented episodes after them or in their place.

    `records` are those of each shard, by index; `file` is the episodes file of added rows, of no meaning in v2.1.
    """
    versions = augmented_episodes(metadata, plan, records, file)
    if not plan.in_place:
        return pa.concat_tables([metadata.table, versions]).combine_chunks()
    rows = list(range(len(metadata.episodes)))
    for position, episode in enumerate(plan.episodes):
        rows[episode.source.index] = len(rows) + position
    table = pa.concat_tables([metadata.table, versions]).take(pa.array(rows)).combine_chunks()
    return _with_data_files(table, plan)


def _with_data_files(table: pa.Table, plan: EpisodePlan) -> pa.Table:
    """In place, rows may lie in other files than before."""
    numbers = {episode.index: kept.number for kept in plan.kept_rows for episode in kept.episodes}
    numbers |= {copy.episode_index: copy.data_file for episode in plan.episodes for copy in episode.copies}
    for place, name in enumerate(("data/chunk_index", "data/file_index")):
        table = with_column(table, name, [numbers[index][place] for index in table.column("episode_index").to_pylist()])
    return table


def changed_statistics(plan: EpisodePlan) -> list[str]:
    """Features whose statistics are other ones in an augmented episode than in its source."""
    return [*(camera.key for camera in plan.cameras), *([] if plan.in_place else ["index", "episode_index"])]


def augmented_episodes(
    metadata: DatasetMetadata, plan: EpisodePlan, records: Sequence[EpisodeRecords], file: FileNumber
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
    for episode, copy, record in versions:
        cells: dict[str, object] = {}
        if not plan.in_place:
            cells |= _numbers(episode, copy, file) | _index_statistics(rows, metadata, episode, copy)
        for camera in record.cameras:
            version = record.copies(camera)[copy.copy]
            if isinstance(version, VideoCopyRecord):
                cells |= _video_cells(camera, copy.videos[camera], version)
            cells |= _image_statistics(rows, camera, version)
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


def _video_cells(camera: str, number: FileNumber, version: VideoCopyRecord) -> dict[str, object]:
    return {
        f"videos/{camera}/chunk_index": number.chunk,
        f"videos/{camera}/file_index": number.file,
        f"videos/{camera}/from_timestamp": version.from_timestamp,
        f"videos/{camera}/to_timestamp": version.to_timestamp,
    }


def _image_statistics(rows: pa.Table, camera: str, version: CopyRecord) -> dict[str, object]:
    """Image statistics in the shape the source has them in: one value per channel, as [[v]] where it nests them."""
    cells: dict[str, object] = {}
    for statistic, values in version.statistics.items():
        name = column_name(camera, statistic)
        if name not in rows.column_names:
            continue
        if statistic == "count":
            cells[name] = [int(value) for value in values]
        else:
            cells[name] = [_nested(value, _depth(rows.schema.field(name).type) - 1) for value in values]
    return cells


def _depth(kind: pa.DataType) -> int:
    return 1 + _depth(kind.value_type) if pa.types.is_nested(kind) else 0


def _nested(value: float, depth: int) -> object:
    return value if depth <= 0 else [_nested(value, depth - 1)]


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
