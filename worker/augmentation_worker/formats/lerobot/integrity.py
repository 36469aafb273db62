"""Checks of a LeRobot result: its records against the plan, and its metadata as a whole."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.lerobot.episodes import TIMESTAMP_TOLERANCE_SECONDS, read_episodes
from augmentation_worker.formats.lerobot.info import read_info
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedEpisode, PlannedShard, RowsMade
from augmentation_worker.formats.lerobot.records import CopyRecord, EpisodeRecord, EpisodeRecords, VideoRecord
from augmentation_worker.formats.lerobot.statistics import column_name, statistics_columns


def check_records(metadata: DatasetMetadata, plan: EpisodePlan, records: Sequence[EpisodeRecords]) -> None:
    """Check that the shards recorded what was planned: paths, numbers of frames, timestamps, finite statistics.

    Raises WorkerFailure(INTEGRITY_CHECK_FAILED) with the first finding.
    """
    for shard, shard_records in zip(plan.shards, records, strict=True):
        _check_data_record(metadata, shard, shard_records)
        for episode in shard.episodes:
            record = shard_records.episodes[episode.source.index]
            planned = [[camera.key for camera in cameras] for cameras in (plan.video_cameras, plan.image_cameras)]
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
    if (len(read), info.total_frames) != (plan.total_episodes, plan.total_frames):
        raise broken(
            f"it has {len(read)} episodes and {info.total_frames} frames, not {plan.total_episodes} and "
            f"{plan.total_frames}"
        )
    if episodes.schema != metadata.table.schema:
        raise broken(f"the columns of {metadata.info.version.episodes_place} are not those of the source")
    _check_original_rows(metadata, plan, episodes)
    augmented = episodes.take(pa.array([copy.episode_index for episode in plan.episodes for copy in episode.copies]))
    for feature, names in statistics_columns(augmented).items():
        for name in names:
            if not _is_finite(augmented.column(column_name(feature, name)).to_pylist()):
                raise broken(f"statistic {name} of {feature} is not a number in an augmented episode")
    document: Mapping[str, Mapping[str, object]] = json.loads(stats_json)
    for feature, statistics in document.items():
        if not _is_finite(list(statistics.values())):
            raise broken(f"the statistics of {feature} in meta/stats.json are not finite")


def _check_original_rows(metadata: DatasetMetadata, plan: EpisodePlan, episodes: pa.Table) -> None:
    """Rows that were not augmented are the source's; of those that were, in place, all but what is said of cameras."""
    augmented = {episode.source.index for episode in plan.episodes} if plan.in_place else set()
    moved = "data/" if plan.in_place and plan.rows_made is RowsMade.WITH_EPISODE else None
    same = [name for name in episodes.column_names if moved is None or not name.startswith(moved)]
    kept = pa.array([episode.index for episode in metadata.episodes if episode.index not in augmented], pa.int64())
    if not episodes.select(same).take(kept).equals(metadata.table.select(same).take(kept)):
        raise broken("the rows of the original episodes in meta/episodes have changed")
    prefixes = tuple(f"{kind}/{camera.key}/" for kind in ("videos", "stats") for camera in plan.cameras)
    others = [name for name in same if not name.startswith(prefixes)]
    if not episodes.select(others).slice(0, len(metadata.episodes)).equals(metadata.table.select(others)):
        raise broken("meta/episodes has changed in more than what it says of the augmented cameras")


def _is_finite(values: list[object]) -> bool:
    for value in values:
        if isinstance(value, list):
            if not _is_finite(value):
                return False
        elif value is not None and not np.isfinite(float(value)):  # type: ignore[arg-type]
            return False
    return True
