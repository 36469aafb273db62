"""What shards made, put where a plan without some of their episodes has it.

Shards number episodes, rows and files by a plan that counts on every selected episode. Where some cannot be used, the
others move up: LeRobot refuses gaps in episode_index, and a row's index is its place. Videos hold no numbers, so they
are at most renamed (v2.1); rows are rewritten, those with images from the files that the shards made.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.integrity import fetch_back
from augmentation_worker.formats.lerobot.data_table import SourceRows, write_shard_rows
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedEpisode, PlannedShard, RowsMade
from augmentation_worker.formats.lerobot.records import (
    DATA_KEY,
    DataRecord,
    EpisodeRecord,
    EpisodeRecords,
    RowsRecord,
    VideoRecord,
    episode_key,
)
from augmentation_worker.formats.lerobot.renumbered_rows import write_renumbered_rows
from augmentation_worker.formats.lerobot.rows_files import write_episode_rows
from augmentation_worker.formats.lerobot.written_files import check_written_images
from augmentation_worker.formats.moved_files import stored_as
from augmentation_worker.formats.records import BlobRecord, ShardRecords, UnitRecord
from augmentation_worker.work import Work


@dataclass(frozen=True)
class Rearrangement:
    """Stores files again. May be repeated at any moment.

    Attributes:
        work, metadata: the job, and its source.
        made: the plan that the shards followed.
        plan: the plan without some of its episodes.
    """

    work: Work
    metadata: DatasetMetadata
    made: EpisodePlan
    plan: EpisodePlan

    def rearrange(self, records: Sequence[ShardRecords]) -> list[ShardRecords]:
        """The records of each shard, by index, as the plan has them. Raises WorkerFailure."""
        source = SourceRows(self.metadata, self.work.source.open)
        before = {episode.source.index: episode for episode in self.made.episodes}
        return [
            self._shard(shard, of_shard, before, source)
            for shard, of_shard in zip(self.plan.shards, records, strict=True)
        ]

    def episodes(self, records: Sequence[ShardRecords]) -> dict[str, UnitRecord]:
        """The records of those of the plan's episodes that are recorded, by key, as the plan has them."""
        source = SourceRows(self.metadata, self.work.source.open)
        before = {episode.source.index: episode for episode in self.made.episodes}
        recorded = {
            index: record for of_shard in records for index, record in EpisodeRecords.of(of_shard).episodes.items()
        }
        units: dict[str, UnitRecord] = {}
        for episode in self.plan.episodes:
            index = episode.source.index
            if index in recorded:
                record = recorded[index]
                moved = record if record.unusable else self._episode(episode, before[index], record, source)
                units[episode_key(index)] = moved
        return units

    def _shard(
        self,
        shard: PlannedShard,
        records: ShardRecords,
        before: Mapping[int, PlannedEpisode],
        source: SourceRows,
    ) -> ShardRecords:
        recorded = EpisodeRecords.of(records)
        units: dict[str, UnitRecord] = {}
        for episode in shard.episodes:
            index = episode.source.index
            units[episode_key(index)] = self._episode(episode, before[index], recorded.episodes[index], source)
        units[DATA_KEY] = self._shard_rows(shard, recorded.data or DataRecord(), source)
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
        if shard.data_file is None:
            return data.model_copy(update={"file": None, "rows": 0})
        with self.work.new_file("rows.parquet") as local:
            rows = write_shard_rows(shard, source, local)
            stored = self.work.output.put(self.metadata.info.data_file(shard.data_file), local)
        return data.model_copy(update={"file": BlobRecord.of(stored), "rows": rows})

    def _episode(
        self, episode: PlannedEpisode, before: PlannedEpisode, record: EpisodeRecord, source: SourceRows
    ) -> EpisodeRecord:
        if episode == before:
            return record
        videos = {
            camera: tuple(
                self._video(video, self.metadata.info.video_file(camera, number))
                for video, number in zip(of_camera, episode.video_files(camera), strict=True)
            )
            for camera, of_camera in record.videos.items()
        }
        rows = self._rows(episode, record, source) if record.rows else ()
        return record.model_copy(update={"videos": videos, "rows": rows})

    def _video(self, video: VideoRecord, path: DatasetPath) -> VideoRecord:
        return video.model_copy(update={"path": stored_as(self.work, video, path).path})

    def _rows(self, episode: PlannedEpisode, record: EpisodeRecord, source: SourceRows) -> tuple[RowsRecord, ...]:
        info = self.metadata.info
        with ExitStack() as opened:
            names = [f"rows-{place}.parquet" for place in range(len(record.rows))]
            locals_ = [opened.enter_context(self.work.new_file(name)) for name in names]
            if not self.plan.makes_images:
                write_episode_rows(episode, source, info, locals_)
            stored = []
            for file, number, local in zip(record.rows, episode.data_files, locals_, strict=True):
                path = info.data_file(number)
                if self.plan.makes_images:
                    copies = episode.copies_in(number)
                    with self.work.new_file("made.parquet") as made:
                        fetch_back(self.work.output, file, made)
                        write_renumbered_rows(made, copies, info, local)
                    check_written_images(local, path, episode, copies, source, info, self.plan.image_cameras)
                stored.append(self.work.output.put(path, local))
        return tuple(
            RowsRecord(path=new.path, sha256=new.sha256, size=new.size, rows=old.rows)
            for new, old in zip(stored, record.rows, strict=True)
        )
