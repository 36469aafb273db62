"""Checks of a LeRobot result: its records against the plan, and its metadata as a whole."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.lerobot.episode_columns import read_episodes
from augmentation_worker.formats.lerobot.episodes import TIMESTAMP_TOLERANCE_SECONDS
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.info import DatasetInfo, read_info
from augmentation_worker.formats.lerobot.merge import changed_statistics
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import (
    EpisodePlan,
    PlannedEpisode,
    PlannedShard,
    PlannedUnit,
    RowsMade,
    UnitKind,
)
from augmentation_worker.formats.lerobot.records import (
    DATA_KEY,
    CopyRecord,
    DataRecord,
    RowsRecord,
    VideoRecord,
    VideosRecord,
)
from augmentation_worker.formats.lerobot.statistics import column_name, statistics_columns
from augmentation_worker.formats.records import ShardRecords, UnitRecord
from augmentation_worker.formats.tables import columns_difference, table_difference


def check_records(metadata: DatasetMetadata, plan: EpisodePlan, records: Sequence[ShardRecords]) -> None:
    """Check that the shards recorded what was planned: paths, numbers of frames, timestamps, finite statistics.

    Raises WorkerFailure(INTEGRITY_CHECK_FAILED) with the first finding.
    """
    for shard, of_shard in zip(plan.shards, records, strict=True):
        _check_data_record(metadata, shard, of_shard.units.get(DATA_KEY))
        for unit in shard.units:
            record = of_shard.units.get(unit.key)
            if unit.kind is not UnitKind.ROWS and isinstance(record, VideosRecord) and record.stream == unit.stream:
                _check_videos(metadata, unit, record)
            elif unit.kind is UnitKind.ROWS and isinstance(record, RowsRecord):
                _check_rows(metadata, plan, unit, record)
            else:
                raise broken(f"what was recorded of {unit.key} is something else")


def _check_videos(metadata: DatasetMetadata, unit: PlannedUnit, record: VideosRecord) -> None:
    made = {episode.source.index: episode for episode in unit.episodes}
    lengths = dict(zip(unit.selected, metadata.episodes.lengths[list(unit.selected)].tolist(), strict=True))
    entries = [entry.episode for file in record.files for entry in file.episodes]
    recorded = list(dict.fromkeys(entries))
    missing = sorted(set(made).difference(recorded))
    if missing:
        raise broken(f"episode {missing[0]}, {unit.stream}: nothing was recorded")
    known = len({*recorded} - {*unit.selected}) == 0 and recorded == sorted(recorded)
    if not known or (unit.number is not None and len(entries) != len(recorded)):
        raise broken(f"{unit.stream} of the episodes {unit.selected[0]} to {unit.selected[-1]}: {entries} was recorded")
    versions: dict[int, list[CopyRecord]] = {}
    for place, file in enumerate(record.files):
        first = file.episodes[0].episode
        if unit.number is None:
            number = made[first].copies[len(versions.get(first, ()))].videos[unit.stream or ""]
        else:
            number = unit.spare[first] if place else unit.number
        _check_video(metadata, unit.stream or "", file, number, lengths)
        for entry in file.episodes:
            versions.setdefault(entry.episode, []).extend(entry.copies)
    for index, episode in made.items():
        _check_copies(episode, unit.stream or "", versions[index])


def _check_video(
    metadata: DatasetMetadata, stream: str, file: VideoRecord, planned: FileNumber, lengths: Mapping[int, int]
) -> None:
    path = metadata.info.video_file(stream, planned)
    if (file.path, FileNumber(*file.number)) != (path, planned):
        raise broken(f"{stream}: {file.path} was recorded, {path} was planned")
    first = 0
    for entry in file.episodes:
        for copy in entry.copies:
            frames = (first, first + lengths[entry.episode])
            begin, end = (float(frame / metadata.info.frame_rate) for frame in frames)
            off = max(abs(copy.from_timestamp - begin), abs(copy.to_timestamp - end))
            if off > TIMESTAMP_TOLERANCE_SECONDS:
                raise broken(f"episode {entry.episode}, camera {stream}: a copy lies {off} s off its place in {path}")
            first = frames[1]


def _check_copies(episode: PlannedEpisode, camera: str, copies: Sequence[CopyRecord]) -> None:
    where = f"episode {episode.source.index}, camera {camera}"
    if len(copies) != len(episode.copies):
        raise broken(f"{where}: {len(copies)} copies were recorded, {len(episode.copies)} planned")
    for number, copy in enumerate(copies):
        if copy.frames != episode.source.length:
            raise broken(f"{where}, copy {number}: {copy.frames} frames, not {episode.source.length}")
        if not all(np.isfinite(values).all() for values in copy.statistics.values()):
            raise broken(f"{where}, copy {number}: its statistics are not finite")


def _check_rows(metadata: DatasetMetadata, plan: EpisodePlan, unit: PlannedUnit, record: RowsRecord) -> None:
    where = f"the rows of the episodes {unit.selected[0]} to {unit.selected[-1]}"
    planned: dict[str, int] = {}
    for episode in unit.episodes:
        for copy in episode.copies:
            path = metadata.info.data_file(copy.data_file)
            planned[path] = planned.get(path, 0) + episode.source.length
        pictures = record.pictures.get(episode.source.index, {})
        if sorted(pictures) != sorted(camera.key for camera in plan.image_cameras):
            raise broken(f"episode {episode.source.index} was augmented for the cameras {sorted(pictures)}")
        for camera, copies in pictures.items():
            _check_copies(episode, camera, copies)
    recorded = [(file.path, file.rows) for file in record.files]
    if recorded != [*planned.items()]:
        raise broken(f"{where} were recorded as {recorded}, planned as {[*planned.items()]}")


def _check_data_record(metadata: DatasetMetadata, shard: PlannedShard, recorded: UnitRecord | None) -> None:
    planned = [
        (metadata.info.data_file(number), sum(episode.augmented_frames for episode in shard.in_data_file(number)))
        for number in shard.data_files
    ]
    if not isinstance(recorded, DataRecord):
        raise broken(f"the rows of shard {shard.index} were not recorded")
    found = [(file.path, file.rows) for file in recorded.files]
    if found != planned:
        raise broken(f"shard {shard.index} recorded rows as {found}, planned were {planned}")


def check_result(
    metadata: DatasetMetadata, plan: EpisodePlan, info_json: bytes, episodes: pa.Table, stats_json: bytes
) -> None:
    """Check the result's own metadata as a source's is, and against the totals that were planned.

    Raises WorkerFailure(INTEGRITY_CHECK_FAILED) with the first finding.
    """
    try:
        info = read_info(info_json, "result")
        read = read_episodes(episodes, info, "result")
    except WorkerFailure as failure:
        raise broken(failure.message) from failure
    counted = {(info.total_episodes, info.total_frames), (len(read), int(read.to_indices[-1]))}
    if counted != {(plan.total_episodes, plan.total_frames)}:
        raise broken(
            f"it has {len(read)} episodes and {info.total_frames} frames, not {plan.total_episodes} and "
            f"{plan.total_frames}"
        )
    difference = columns_difference(metadata.table.schema, episodes.schema)
    if difference is not None:
        raise broken(f"{metadata.info.version.episodes_place}, compared with the source, {difference}")
    check_splits(metadata, plan, info)
    _check_original_rows(metadata, plan, episodes)
    _check_statistics(metadata, plan, episodes, json.loads(stats_json))


def check_splits(metadata: DatasetMetadata, plan: EpisodePlan, info: DatasetInfo) -> None:
    """Check that an original episode is in the splits that it was in, and a copy in those of its episode.

    Raises WorkerFailure(INTEGRITY_CHECK_FAILED).
    """
    sources = list(range(len(metadata.episodes)))
    sources += [] if plan.in_place else [episode.source.index for episode in plan.episodes for _ in episode.copies]
    result = info.split_episodes
    for name, ranges in metadata.info.split_episodes.items():
        before, after = ({index for part in each for index in part} for each in (ranges, result.get(name, ())))
        wrong = next((index for index, source in enumerate(sources) if (source in before) != (index in after)), None)
        if wrong is not None:
            raise broken(f"episode {wrong} is not in the splits of its source episode {sources[wrong]} ({name})")


def _check_statistics(
    metadata: DatasetMetadata,
    plan: EpisodePlan,
    episodes: pa.Table,
    stats: Mapping[str, Mapping[str, object]],
) -> None:
    """Statistics are numbers, unless the source's are not: LeRobot computes NaN of rows that hold NaN."""
    changed = changed_statistics(plan)
    augmented = episodes.take(pa.array([copy.episode_index for episode in plan.episodes for copy in episode.copies]))
    source_stats: Mapping[str, object] = json.loads(metadata.stats_json or b"{}")
    for feature, statistics in source_stats.items():
        lost = sorted(set(statistics).difference(stats.get(feature, ()))) if isinstance(statistics, Mapping) else []
        if lost or feature not in stats:
            raise broken(f"meta/stats.json has lost {', '.join(lost) or 'all'} of {feature}")
    are_numbers = {feature: _is_finite(statistics) for feature, statistics in source_stats.items()}
    for feature, names in statistics_columns(episodes).items():
        for name in (column_name(feature, statistic) for statistic in names):
            is_finite = _is_finite(metadata.table.column(name).to_pylist())
            are_numbers[feature] = are_numbers.get(feature, True) and is_finite
            if (is_finite or feature in changed) and not _is_finite(augmented.column(name).to_pylist()):
                raise broken(f"{name} is not a number in an augmented episode")
    for feature, statistics in stats.items():
        if are_numbers.get(feature, True) and not _is_finite(statistics):
            raise broken(f"the statistics of {feature} in meta/stats.json are not numbers")


def _check_original_rows(metadata: DatasetMetadata, plan: EpisodePlan, episodes: pa.Table) -> None:
    """Rows that were not augmented are the source's; of those that were, in place, all but what is said of cameras."""
    augmented = {episode.source.index for episode in plan.episodes} if plan.in_place else set()
    moved = "data/" if plan.in_place and plan.rows_made is RowsMade.WITH_EPISODE else None
    same = [name for name in episodes.column_names if moved is None or not name.startswith(moved)]
    kept = pa.array([episode.index for episode in metadata.episodes if episode.index not in augmented], pa.int64())
    difference = table_difference(metadata.table.select(same).take(kept), episodes.select(same).take(kept))
    if difference is not None:
        raise broken(f"meta/episodes, in the rows of the original episodes, {difference}")
    prefixes = tuple(f"{kind}/{camera.key}/" for kind in ("videos", "stats") for camera in plan.cameras)
    prefixes += tuple(f"videos/{stream.key}/" for stream in plan.made_videos)
    if plan.instructions is not None:
        prefixes = (*prefixes, "tasks", "stats/task_index/")
    others = [name for name in same if not name.startswith(prefixes)]
    first = episodes.select(others).slice(0, len(metadata.episodes))
    difference = table_difference(metadata.table.select(others), first)
    if difference is not None:
        raise broken(f"meta/episodes, in what is not of the augmented cameras, {difference}")


def _is_finite(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(_is_finite(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_finite(item) for item in value)
    return not isinstance(value, int | float) or bool(np.isfinite(value))
