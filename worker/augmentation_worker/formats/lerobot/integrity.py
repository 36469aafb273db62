"""Check of what the shards of a LeRobot result recorded, against the plan."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.lerobot.episodes import TIMESTAMP_TOLERANCE_SECONDS
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import (
    EpisodePlan,
    PlannedEpisode,
    PlannedShard,
    PlannedUnit,
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
from augmentation_worker.formats.records import ShardRecords, UnitRecord


def checked_records(
    metadata: DatasetMetadata, plan: EpisodePlan, records: Iterable[ShardRecords]
) -> Iterator[ShardRecords]:
    """The records of each shard, when they were checked to be what was planned: paths, frames, timestamps, statistics.

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
        yield of_shard


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
