"""Checks of a LeRobot result: its records against the plan, and its metadata as a whole."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.lerobot.episode_columns import read_episodes
from augmentation_worker.formats.lerobot.episodes import TIMESTAMP_TOLERANCE_SECONDS
from augmentation_worker.formats.lerobot.info import DatasetInfo, read_info
from augmentation_worker.formats.lerobot.merge import changed_statistics
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedEpisode, PlannedShard, RowsMade
from augmentation_worker.formats.lerobot.records import CopyRecord, EpisodeRecord, EpisodeRecords, VideoRecord
from augmentation_worker.formats.lerobot.statistics import column_name, statistics_columns
from augmentation_worker.formats.tables import columns_difference, table_difference


def check_records(metadata: DatasetMetadata, plan: EpisodePlan, records: Sequence[EpisodeRecords]) -> None:
    """Check that the shards recorded what was planned: paths, numbers of frames, timestamps, finite statistics.

    Raises WorkerFailure(INTEGRITY_CHECK_FAILED) with the first finding.
    """
    for shard, shard_records in zip(plan.shards, records, strict=True):
        _check_data_record(metadata, shard, shard_records)
        for episode in shard.episodes:
            record = shard_records.episodes[episode.source.index]
            planned = [[camera.key for camera in cameras] for cameras in (plan.made_videos, plan.image_cameras)]
            if [sorted(record.videos), sorted(record.pictures)] != [sorted(cameras) for cameras in planned]:
                raise broken(f"episode {episode.source.index} was augmented for the cameras {sorted(record.cameras)}")
            for camera in record.videos:
                _check_video_records(metadata, episode, camera, record.videos[camera])
            for camera in record.cameras:
                _check_copy_records(episode, camera, record.copies(camera))
            _check_rows_records(metadata, plan, episode, record)


def _check_video_records(
    metadata: DatasetMetadata, episode: PlannedEpisode, camera: str, videos: Sequence[VideoRecord]
) -> None:
    where = f"episode {episode.source.index}, camera {camera}"
    planned = [metadata.info.video_file(camera, number) for number in episode.video_files(camera)]
    per_file = len(episode.copies) // len(planned)
    if [(video.path, len(video.copies)) for video in videos] != [(path, per_file) for path in planned]:
        recorded = [f"{video.path} with {len(video.copies)} copies" for video in videos]
        raise broken(f"{where}: {', '.join(recorded) or 'nothing'} was recorded, {', '.join(planned)} was planned")
    for video in videos:
        for place, copy in enumerate(video.copies):
            begin = place * episode.source.length / metadata.info.fps
            end = (place + 1) * episode.source.length / metadata.info.fps
            off = max(abs(copy.from_timestamp - begin), abs(copy.to_timestamp - end))
            if off > TIMESTAMP_TOLERANCE_SECONDS:
                raise broken(f"{where}: copy {place} lies {off} s off its place in {video.path}")


def _check_copy_records(episode: PlannedEpisode, camera: str, copies: Sequence[CopyRecord]) -> None:
    where = f"episode {episode.source.index}, camera {camera}"
    if len(copies) != len(episode.copies):
        raise broken(f"{where}: {len(copies)} copies were recorded, {len(episode.copies)} planned")
    for number, copy in enumerate(copies):
        if copy.frames != episode.source.length:
            raise broken(f"{where}, copy {number}: {copy.frames} frames, not {episode.source.length}")
        if not all(np.isfinite(values).all() for values in copy.statistics.values()):
            raise broken(f"{where}, copy {number}: its statistics are not finite")


def _check_rows_records(
    metadata: DatasetMetadata, plan: EpisodePlan, episode: PlannedEpisode, record: EpisodeRecord
) -> None:
    with_episode = plan.rows_made is RowsMade.WITH_EPISODE
    planned = [
        (metadata.info.data_file(number), episode.source.length * len(episode.copies_in(number)))
        for number in (episode.data_files if with_episode else ())
    ]
    recorded = [(rows.path, rows.rows) for rows in record.rows]
    if recorded != planned:
        raise broken(f"episode {episode.source.index}: rows were recorded as {recorded}, planned as {planned}")


def _check_data_record(metadata: DatasetMetadata, shard: PlannedShard, shard_records: EpisodeRecords) -> None:
    planned = None if shard.data_file is None else metadata.info.data_file(shard.data_file)
    recorded = shard_records.data
    if recorded is None or (recorded.file.path if recorded.file else None) != planned:
        raise broken(f"the rows of shard {shard.index} are not in {planned}")
    if recorded.rows != shard.rows:
        raise broken(f"shard {shard.index} wrote {recorded.rows} rows, not {shard.rows}")


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
