"""The maker of a shard of a LeRobot dataset: each episode's videos and rows, and at the end the rows of all."""

from collections.abc import Callable, Collection, Sequence

from typing_extensions import override

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.data_table import SourceRows, write_shard_rows
from augmentation_worker.formats.lerobot.episode_images import UnusableImage
from augmentation_worker.formats.lerobot.episode_rows import EpisodeRows, unusable_image
from augmentation_worker.formats.lerobot.episode_videos import EpisodeVideos
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedEpisode, PlannedShard, RowsMade
from augmentation_worker.formats.lerobot.preview import draw_episode
from augmentation_worker.formats.lerobot.records import DATA_KEY, DataRecord, EpisodeRecord, episode_key
from augmentation_worker.formats.port import ShardMaker, Unit
from augmentation_worker.formats.records import BlobRecord, UnitRecord
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.work import Work


class EpisodeMaker(ShardMaker):
    """Makes the episodes of one shard."""

    def __init__(self, work: Work, metadata: DatasetMetadata, plan: EpisodePlan, shard: PlannedShard) -> None:
        self._work, self._metadata, self._plan, self._shard = work, metadata, plan, shard
        self._episodes = {episode_key(episode.source.index): episode for episode in shard.episodes}
        self._source_rows = SourceRows(metadata, work.source.open)
        self._videos = EpisodeVideos(work, metadata, plan)
        self._rows = EpisodeRows(work, metadata, plan, self._source_rows)

    @override
    def check(self, units: Sequence[Unit]) -> None:
        if self._metadata.info.image_cameras:
            return  # their rows are large files
        for unit in units:
            if unit.key in self._episodes:
                self._source_rows.of(self._episodes[unit.key].source)

    @override
    def reads(self, unit: Unit) -> Collection[DatasetPath]:
        episode = self._episodes.get(unit.key)
        if episode is None:
            return ()
        info = self._metadata.info
        rows = [info.data_file(episode.source.data_file)] if info.image_cameras else []
        return [*self._videos.source_paths(episode), *rows]

    @override
    def preview(self) -> bytes:
        episode = self._shard.episodes[0]
        try:
            return draw_episode(
                self._metadata, self._plan, self._work.spec.augmentation, episode, self._work.source.open
            )
        except VideoInvalid as error:
            raise self._videos.unusable(episode, self._plan.video_cameras[0], error) from error
        except UnusableImage as error:
            raise unusable_image(self._metadata, episode, error) from error

    @override
    def make(self, unit: Unit, on_frames: Callable[[int], None]) -> UnitRecord:
        self._choose_encodings(unit)
        if unit.key == DATA_KEY:
            return self._make_shard_rows()
        return self._make_episode(self._episodes[unit.key], on_frames)

    def _choose_encodings(self, unit: Unit) -> None:
        """By the shard's first episode, also where an earlier attempt has made it: every attempt chooses the same."""
        if self._videos.encodings or not self._shard.episodes:
            return
        first = self._shard.episodes[0]
        self._videos.choose_encodings(first)
        for path in set(self._videos.source_paths(first)).difference(self.reads(unit)):
            self._work.source.drop(path)

    def _make_episode(self, episode: PlannedEpisode, on_frames: Callable[[int], None]) -> EpisodeRecord:
        videos = self._videos.make(episode, on_frames)
        if self._plan.rows_made is not RowsMade.WITH_EPISODE:
            return EpisodeRecord(videos=videos)
        rows, images = self._rows.make(episode, on_frames)
        return EpisodeRecord(videos=videos, pictures=images, rows=rows)

    def _make_shard_rows(self) -> DataRecord:
        record = DataRecord(encodings=self._videos.encodings, encoders=self._videos.encoders)
        if self._shard.data_file is None:
            return record
        path = self._metadata.info.data_file(self._shard.data_file)
        with self._work.new_file("rows.parquet") as local:
            rows = write_shard_rows(self._shard, self._source_rows, local)
            stored = self._work.output.put(path, local)
        return record.model_copy(update={"file": BlobRecord.of(stored), "rows": rows})
