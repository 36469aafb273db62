"""The maker of a shard of a LeRobot dataset: each episode's videos and rows, and at the end the rows of all."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import SourceInvalid, WorkerFailure
from augmentation_worker.formats.lerobot.camera_masks import files_of_masks
from augmentation_worker.formats.lerobot.data_table import SourceRows, write_shard_rows
from augmentation_worker.formats.lerobot.episode_images import UnusableImage
from augmentation_worker.formats.lerobot.episode_rows import EpisodeRows, unusable_image
from augmentation_worker.formats.lerobot.episode_videos import EpisodeVideos
from augmentation_worker.formats.lerobot.moved_videos import MovedVideos
from augmentation_worker.formats.lerobot.plan import PlannedEpisode, PlannedShard, RowsMade
from augmentation_worker.formats.lerobot.preview import draw_episode
from augmentation_worker.formats.lerobot.records import DATA_KEY, DataRecord, EpisodeRecord, episode_key
from augmentation_worker.formats.port import ShardMaker, Unit
from augmentation_worker.formats.records import BlobRecord, UnitRecord, unusable_of
from augmentation_worker.media.contact_sheet import empty_preview
from augmentation_worker.media.video.container_file import VideoInvalid

if TYPE_CHECKING:
    from augmentation_worker.formats.lerobot.result import LeRobotPlan


class EpisodeMaker(ShardMaker):
    """Makes the episodes of one shard."""

    def __init__(self, plan: "LeRobotPlan", shard: PlannedShard, bad: Collection[int]) -> None:
        self._whole = plan
        self._work, self._metadata, self._plan, self._shard = plan.work, plan.metadata, plan.plan, shard
        self._bad = set(bad)
        self._episodes = {episode_key(episode.source.index): episode for episode in shard.episodes}
        self._source_rows = SourceRows(self._metadata, self._work.source.open)
        self._videos = EpisodeVideos(self._work, self._metadata, self._plan)
        self._moved = MovedVideos(self._work, self._metadata, self._plan)
        self._rows = EpisodeRows(self._work, self._metadata, self._plan, self._source_rows)

    @override
    def reads(self, unit: Unit) -> Collection[DatasetPath]:
        episode = self._episodes.get(unit.key)
        if episode is None:
            return ()
        info = self._metadata.info
        rows = [info.data_file(episode.source.data_file)] if info.image_cameras else []
        cameras = [camera.key for camera in self._plan.cameras]
        masks = files_of_masks(
            self._work.spec.augmentation, self._metadata, episode.source, cameras, self._work.source.paths
        )
        return [*self._videos.source_paths(episode), *self._moved.source_paths(episode), *masks, *rows]

    @override
    def preview(self, unit: Unit | None) -> bytes:
        if unit is None:
            return empty_preview(f"{self._metadata.dataset}: no episode of this shard can be used")
        # Of the shard with the first episodes: it knows all that move its numbers up.
        plan = self._whole.leave_out([range(episode, episode + 1) for episode in sorted(self._bad)]).plan
        index = self._episodes[unit.key].source.index
        episode = next(episode for episode in plan.episodes if episode.source.index == index)
        try:
            return draw_episode(self._metadata, plan, self._work.spec.augmentation, episode, self._work.source)
        except VideoInvalid as error:
            raise self._videos.unusable(episode, plan.video_cameras[0], error) from error
        except UnusableImage as error:
            raise unusable_image(self._metadata, episode, error) from error

    @override
    def make(self, unit: Unit, on_frames: Callable[[int], None]) -> UnitRecord:
        if unit.key == DATA_KEY:
            self._choose_encodings()
            return self._make_shard_rows()
        episode = self._episodes[unit.key]
        try:
            self._choose_encodings()
            return self._make_episode(episode, on_frames)
        except WorkerFailure as failure:
            if failure.reason is not FailureReason.SOURCE_INVALID:
                raise
            index = episode.source.index
            self._bad.add(index)
            finding = failure.finding if isinstance(failure, SourceInvalid) else failure.message
            cause = finding.removeprefix(f"episode {index}, ")
            return EpisodeRecord(videos={}, unusable=unusable_of({index: cause}))

    def _choose_encodings(self) -> None:
        """Once, for the shard; one without an episode to make needs none."""
        if any(episode.source.index not in self._bad for episode in self._shard.episodes):
            self._videos.choose_encodings()
            self._moved.choose_encodings()

    def _make_episode(self, episode: PlannedEpisode, on_frames: Callable[[int], None]) -> EpisodeRecord:
        self._source_rows.of(episode.source)  # in a moment, before its videos take minutes
        videos = {**self._videos.make(episode, on_frames), **self._moved.make(episode, on_frames)}
        if self._plan.rows_made is not RowsMade.WITH_EPISODE:
            return EpisodeRecord(videos=videos)
        rows, images = self._rows.make(episode, on_frames)
        return EpisodeRecord(videos=videos, pictures=images, rows=rows)

    def _make_shard_rows(self) -> DataRecord:
        encodings = {**self._videos.encodings, **self._moved.encodings}
        record = DataRecord(encodings=encodings, encoders=self._videos.encoders)
        if self._shard.data_file is None or self._bad:
            return record  # with other numbers than those that were planned, publish writes them
        path = self._metadata.info.data_file(self._shard.data_file)
        with self._work.new_file("rows.parquet") as local:
            rows = write_shard_rows(self._shard, self._source_rows, local)
            stored = self._work.output.put(path, local)
        return record.model_copy(update={"file": BlobRecord.of(stored), "rows": rows})
