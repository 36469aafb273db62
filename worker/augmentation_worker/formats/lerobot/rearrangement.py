"""What shards made, put where another plan has it: one without some of their episodes, or that of a corrected job.

Shards number episodes, rows and files by a plan that counts on every selected episode. Where some cannot be used, the
others move up: LeRobot refuses gaps in episode_index, and a row's index is its place. Videos hold no numbers: those of
several episodes stay where they are, with the frames of an episode that was found bad only later, which no episode
names; those of one copy are renamed (v2.1). Rows are rewritten, those with images from the files that the shards made.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from augmentation_api.episode_ranges import parse_ranges
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.integrity import fetch_back
from augmentation_worker.formats.lerobot.data_table import SourceRows, write_shard_rows
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import (
    EpisodePlan,
    PlannedCopy,
    PlannedEpisode,
    PlannedShard,
    PlannedUnit,
    RowsMade,
    UnitKind,
)
from augmentation_worker.formats.lerobot.records import (
    DATA_KEY,
    DataRecord,
    EpisodeRecords,
    RowsFileRecord,
    RowsRecord,
    VideoRecord,
    VideosRecord,
    unusable_episodes,
)
from augmentation_worker.formats.lerobot.renumbered_rows import write_renumbered_rows
from augmentation_worker.formats.lerobot.rows_files import JoinedRows, column_options, write_episode_rows
from augmentation_worker.formats.lerobot.written_files import check_written_images
from augmentation_worker.formats.moved_files import stored_as
from augmentation_worker.formats.records import BlobRecord, ShardRecords, UnitRecord
from augmentation_worker.formats.spooled_records import spooled
from augmentation_worker.work import Work


@dataclass(frozen=True)
class Rearrangement:
    """Stores files again. May be repeated at any moment.

    Attributes:
        work, metadata: the job, and its source.
        made: the plan that the shards followed.
        plan: the plan that is to be followed.
    """

    work: Work
    metadata: DatasetMetadata
    made: EpisodePlan
    plan: EpisodePlan

    def rearrange(self, records: Sequence[ShardRecords]) -> Sequence[ShardRecords]:
        """The records of each shard, by index, as a plan of the same units has them. Raises WorkerFailure."""
        source = SourceRows(self.metadata, self.work.source.open)
        shards = zip(self.plan.shards, records, strict=True)
        return spooled(
            self.work.scratch / "rearranged", (self._shard(shard, of_shard, source) for shard, of_shard in shards)
        )

    def take_over(self, records: Sequence[ShardRecords]) -> dict[str, UnitRecord]:
        """The records of those units, by key, whose files hold the plan's episodes and no others. Raises WorkerFailure.

        Where each copy has files of its own, all that are needed may be from several units.
        """
        source = SourceRows(self.metadata, self.work.source.open)
        recorded = _Recorded.of(records)
        units: dict[str, UnitRecord] = {}
        for shard in self.plan.shards:
            for unit in shard.units:
                record = recorded.unit(unit)
                if record is not None:
                    units[unit.key] = self._unit(unit, record, source)
        return units

    def _shard(self, shard: PlannedShard, records: ShardRecords, source: SourceRows) -> ShardRecords:
        units = {unit.key: self._unit(unit, records.units[unit.key], source) for unit in shard.units}
        data = EpisodeRecords.of(records).data or DataRecord()
        units[DATA_KEY] = self._shard_rows(shard, data, source)
        carried = {file.path: file for file in records.originals}
        originals = [carried.get(path) or self._original(path) for path in shard.original_videos]
        return replace(records, units=units, originals=tuple(originals))

    def _original(self, path: DatasetPath) -> BlobRecord:
        """A file of the source that was to be replaced as a whole."""
        stored = BlobRecord.of(self.work.output.put(path, self.work.source.open(path)))
        self.work.source.drop(path)
        return stored

    def _shard_rows(self, shard: PlannedShard, data: DataRecord, source: SourceRows) -> DataRecord:
        if self.plan.rows_made is not RowsMade.WITH_SHARD:
            return data
        files = []
        for number in shard.data_files:
            episodes = shard.in_data_file(number)
            with self.work.new_file("rows.parquet") as local:
                rows = write_shard_rows(episodes, source, local)
                stored = self.work.output.put(self.metadata.info.data_file(number), local)
            indices = tuple(episode.source.index for episode in episodes)
            files.append(
                RowsFileRecord(path=stored.path, sha256=stored.sha256, size=stored.size, rows=rows, episodes=indices)
            )
        return data.model_copy(update={"files": tuple(files)})

    def _unit(self, unit: PlannedUnit, record: UnitRecord, source: SourceRows) -> UnitRecord:
        if isinstance(record, VideosRecord):
            return record.model_copy(update={"files": tuple(self._videos(unit, record.files))})
        if isinstance(record, RowsRecord):
            return record.model_copy(update={"files": tuple(self._rows(unit, record.files, source))})
        return record

    def _videos(self, unit: PlannedUnit, files: Sequence[VideoRecord]) -> Iterator[VideoRecord]:
        """The files in which an episode is that is made, each under its number."""
        made = {episode.source.index: [*episode.copies] for episode in unit.episodes}
        for place, file in enumerate(files):
            first = file.episodes[0].episode
            if not any(entry.episode in made for entry in file.episodes):
                continue
            if unit.number is None:
                number = made[first].pop(0).videos[unit.stream or ""]
            else:
                number = unit.spare[first] if place else unit.number
            path = self.metadata.info.video_file(unit.stream or "", number)
            yield file.model_copy(update={"path": stored_as(self.work, file, path).path, "number": tuple(number)})

    def _rows(self, unit: PlannedUnit, files: Sequence[RowsFileRecord], source: SourceRows) -> Iterator[RowsFileRecord]:
        info = self.metadata.info
        made = {episode.source.index: episode for episode in unit.episodes}
        used: dict[int, int] = {}
        for file in files:
            live = [made[index] for index in file.episodes if index in made]
            if not live:
                continue
            if unit.number is None:
                place = used.get(live[0].source.index, 0)
                used[live[0].source.index] = place + 1
                number = live[0].data_files[place]
            else:
                number = unit.number
            parts = [(episode, episode.copies_in(number)) for episode in live]
            yield (
                self._rows_file(file, number, parts, source)
                if self._differs(file, parts)
                else file.model_copy(update={"path": stored_as(self.work, file, info.data_file(number)).path})
            )

    def _differs(self, file: RowsFileRecord, parts: Sequence[tuple[PlannedEpisode, Sequence[PlannedCopy]]]) -> bool:
        """Whether a file would have other rows than when it was made."""
        if [episode.source.index for episode, _ in parts] != [*file.episodes]:
            return True
        for episode, copies in parts:
            place = int(np.searchsorted(self.made.source_episodes.indices, episode.source.index))
            before = {_numbers(copy) for copy in self.made.episodes[place].copies}
            if any(_numbers(copy) not in before for copy in copies):
                return True
        return False

    def _rows_file(
        self,
        file: RowsFileRecord,
        number: FileNumber,
        parts: Sequence[tuple[PlannedEpisode, Sequence[PlannedCopy]]],
        source: SourceRows,
    ) -> RowsFileRecord:
        """A file with the rows of these copies, under their numbers."""
        info, made = self.metadata.info, {episode.source.index: copies for episode, copies in parts}
        path = info.data_file(number)
        with self.work.new_file("rows.parquet") as local:
            if self.plan.makes_images:
                with self.work.new_file("made.parquet") as before:
                    fetch_back(self.work.output, file, before)
                    write_renumbered_rows(before, [*self._parts(file, made)], info, local)
                check_written_images(local, path, parts, source, info, self.plan.image_cameras)
            else:
                self._write_rows(parts, source, local)
            stored = self.work.output.put(path, local)
        return RowsFileRecord(
            path=path,
            sha256=stored.sha256,
            size=stored.size,
            rows=sum(episode.source.length * len(copies) for episode, copies in parts),
            episodes=tuple(made),
        )

    def _parts(
        self, file: RowsFileRecord, made: Mapping[int, Sequence[PlannedCopy]]
    ) -> Iterator[tuple[int, PlannedCopy | None]]:
        """What lies in a file of rows: each copy's number of rows, and the copy; None for one that is left out."""
        copies = 1 if self.metadata.info.version.has_file_per_episode else self.plan.copies
        for index in file.episodes:
            length = int(self.metadata.episodes.lengths[index])
            for place in range(copies):
                yield length, made[index][place] if index in made else None

    def _write_rows(
        self, parts: Sequence[tuple[PlannedEpisode, Sequence[PlannedCopy]]], source: SourceRows, local: Path
    ) -> None:
        """Rows without images, from the source."""
        info = self.metadata.info
        with JoinedRows(local, column_options(info, source.schema())) as joined:
            for episode, copies in parts:
                part = local.with_name("rows-of-episode.parquet")
                of_file = replace(episode, copies=tuple(copies))
                write_episode_rows(of_file, source, info, [part], copies_at_once=len(episode.copies))
                joined.append(part)
            joined.close()


def _numbers(copy: PlannedCopy) -> tuple[object, ...]:
    """What of a copy is in its rows."""
    return (copy.copy, copy.episode_index, copy.from_index, tuple(copy.tasks.items()))


@dataclass(frozen=True)
class _Recorded:
    """What the shards of a plan have recorded, whole or not.

    Attributes:
        videos, rows: the records of units, videos by stream.
        bad: episodes that cannot be used.
    """

    videos: Mapping[str, Sequence[VideosRecord]]
    rows: Sequence[RowsRecord]
    bad: frozenset[int]

    @classmethod
    def of(cls, records: Sequence[ShardRecords]) -> "_Recorded":
        units = [unit for of_shard in records for unit in of_shard.units.values()]
        videos: dict[str, list[VideosRecord]] = {}
        for unit in units:
            if isinstance(unit, VideosRecord):
                videos.setdefault(unit.stream, []).append(unit)
        bad = frozenset(index for unit in units for part in unit.bad_episodes for index in part)
        return cls(videos, [unit for unit in units if isinstance(unit, RowsRecord)], bad)

    def unit(self, planned: PlannedUnit) -> UnitRecord | None:
        """What a unit of another plan would have recorded, under the numbers that the files have; None: not all."""
        if planned.kind is UnitKind.ROWS:
            return self._rows(planned)
        found = self.videos.get(planned.stream or "", ())
        if planned.number is not None:
            same = (each for each in found if self._holds(planned, [e.episode for f in each.files for e in f.episodes]))
            record = next(same, None)
            return record and record.model_copy(update={"unusable": _unusable([record], planned)})
        wanted = {*planned.selected}
        files = [file for each in found for file in each.files if file.episodes[0].episode in wanted]
        files.sort(key=lambda file: file.episodes[0].episode)
        if not self._holds(planned, [file.episodes[0].episode for file in files]):
            return None
        return VideosRecord(stream=planned.stream or "", files=tuple(files), unusable=_unusable(found, planned))

    def _rows(self, planned: PlannedUnit) -> UnitRecord | None:
        if planned.number is not None:
            same = (each for each in self.rows if self._holds(planned, [i for f in each.files for i in f.episodes]))
            record = next(same, None)
            return record and record.model_copy(update={"unusable": _unusable([record], planned)})
        wanted = {*planned.selected}
        files = [file for each in self.rows for file in each.files if {*file.episodes} & wanted]
        files.sort(key=lambda file: file.episodes)
        if not self._holds(planned, [index for file in files for index in file.episodes]):
            return None
        pictures = {i: cameras for each in self.rows for i, cameras in each.pictures.items() if i in wanted}
        return RowsRecord(pictures=pictures, files=tuple(files), unusable=_unusable(self.rows, planned))

    def _holds(self, planned: PlannedUnit, episodes: Sequence[int]) -> bool:
        """Whether files hold all of a unit's episodes that can be used, and none that is not selected."""
        return bool(episodes) and {*planned.selected} - self.bad <= {*episodes} <= {*planned.selected}


def _unusable(records: Sequence[UnitRecord], planned: PlannedUnit) -> dict[str, str]:
    wanted = {*planned.selected}
    causes = {
        index: cause
        for record in records
        for cause, episodes in record.unusable.items()
        for part in parse_ranges(episodes)
        for index in range(*part)
        if index in wanted
    }
    return unusable_episodes(causes)
