"""The maker of a shard of a LeRobot dataset: of its units, and at the end of the rows that are not units."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import SourceInvalid, WorkerFailure
from augmentation_worker.formats.lerobot.camera_masks import files_of_masks
from augmentation_worker.formats.lerobot.data_table import SourceRows, write_shard_rows
from augmentation_worker.formats.lerobot.episode_rows import EpisodeRows, RowsUnit, unusable_image
from augmentation_worker.formats.lerobot.episode_videos import EpisodeVideos
from augmentation_worker.formats.lerobot.image_cells import UnusableImage
from augmentation_worker.formats.lerobot.moved_videos import MovedVideos
from augmentation_worker.formats.lerobot.plan import PlannedEpisode, PlannedShard, PlannedUnit, UnitKind
from augmentation_worker.formats.lerobot.preview import draw_episode
from augmentation_worker.formats.lerobot.records import DATA_KEY, DataRecord, RowsFileRecord, unusable_episodes
from augmentation_worker.formats.lerobot.video_unit import VideoUnit
from augmentation_worker.formats.port import ShardMaker, Unit
from augmentation_worker.formats.records import UnitRecord
from augmentation_worker.media.contact_sheet import empty_preview
from augmentation_worker.media.stage_clock import Stage
from augmentation_worker.media.video.container_file import VideoInvalid

if TYPE_CHECKING:
    from augmentation_worker.formats.lerobot.result import LeRobotPlan


class EpisodeMaker(ShardMaker):
    """Makes the episodes of one shard."""

    def __init__(self, plan: "LeRobotPlan", shard: PlannedShard, bad: Collection[int]) -> None:
        self._whole = plan
        self._work, self._metadata, self._plan, self._shard = plan.work, plan.metadata, plan.plan, shard
        self._bad = set(bad)
        self._units = {unit.key: unit for unit in shard.units}
        self._source_rows = SourceRows(self._metadata, self._work.source.open)
        self._videos = EpisodeVideos(self._work, self._metadata, self._plan)
        self._moved = MovedVideos(self._work, self._metadata, self._plan)
        self._rows = EpisodeRows(self._work, self._metadata, self._plan, self._source_rows)

    @override
    def reads(self, unit: Unit) -> Collection[DatasetPath]:
        planned = self._units.get(unit.key)
        return (
            [] if planned is None else [path for episode in planned.episodes for path in self._reads(planned, episode)]
        )

    def _reads(self, unit: PlannedUnit, episode: PlannedEpisode) -> list[DatasetPath]:
        info, source = self._metadata.info, episode.source
        if unit.kind is UnitKind.ROWS:
            keys = [camera.key for camera in self._plan.image_cameras]
            paths = [info.data_file(source.data_file)] if info.image_cameras else []
        elif unit.kind is UnitKind.MOVED:
            follower = self._plan.video_followers[unit.place]
            keys = [follower.camera.key]
            paths = [self._moved.source_path(episode, follower.stream)]
        else:
            camera = self._plan.video_cameras[unit.place]
            keys, paths = [camera.key], [self._videos.source_path(episode, camera)]
        masks = files_of_masks(self._work.spec.augmentation, self._metadata, source, keys, self._work.source.paths)
        return [*paths, *masks]

    @override
    def preview(self, unit: Unit | None) -> bytes:
        if unit is None:
            return empty_preview(f"{self._metadata.dataset}: no episode of this shard can be used")
        # Of the shard with the first episodes: it knows all that move its numbers up.
        plan = self._whole.leave_out([range(episode, episode + 1) for episode in sorted(self._bad)]).plan
        made = (episode.source.index for episode in self._shard.episodes if episode.source.index not in self._bad)
        index = next(made)
        episode = next(episode for episode in plan.shards[self._shard.index].episodes if episode.source.index == index)
        try:
            return draw_episode(self._metadata, plan, self._work.spec.augmentation, episode, self._work.source)
        except VideoInvalid as error:
            raise self._videos.unusable(episode, plan.video_cameras[0], error) from error
        except UnusableImage as error:
            raise unusable_image(self._metadata, episode, error) from error

    @override
    def make(self, unit: Unit, on_frames: Callable[[int], None]) -> UnitRecord:
        self._choose_encodings()
        if unit.key == DATA_KEY:
            return self._make_shard_rows()
        planned, causes = self._units[unit.key], dict[int, str]()
        with self._opened(planned) as files:
            for episode in planned.episodes:
                index = episode.source.index
                if index in self._bad:
                    continue
                try:
                    self._add(files, planned, episode, on_frames)
                except WorkerFailure as failure:
                    if failure.reason is not FailureReason.SOURCE_INVALID:
                        raise
                    finding = failure.finding if isinstance(failure, SourceInvalid) else failure.message
                    causes[index] = finding.removeprefix(f"episode {index}, ")
                    self._bad.add(index)
            return files.finish().model_copy(update={"unusable": unusable_episodes(causes)})

    def _opened(self, unit: PlannedUnit) -> "AbstractContextManager[VideoUnit | RowsUnit]":
        """What writes the files of a unit."""
        if unit.kind is UnitKind.ROWS:
            return RowsUnit(self._rows, unit)
        return VideoUnit(self._work, self._metadata.info, unit)

    def _add(
        self,
        files: VideoUnit | RowsUnit,
        unit: PlannedUnit,
        episode: PlannedEpisode,
        on_frames: Callable[[int], None],
    ) -> None:
        """Make an episode for one stream, and append it. Raises WorkerFailure; then nothing of it is in the files."""
        self._source_rows.of(episode.source)  # in a moment, before its videos take minutes
        if isinstance(files, RowsUnit):
            files.add(episode, on_frames)
            return
        # Of all streams that are still to be made: an episode that is bad in one is better found before the first.
        if unit.kind is UnitKind.VIDEO:
            self._videos.check(episode, self._plan.video_cameras[unit.place :])
        for follower in self._plan.video_followers[unit.place if unit.kind is UnitKind.MOVED else 0 :]:
            self._moved.check(episode, follower)
        if unit.kind is UnitKind.VIDEO:
            self._videos.make(episode, self._plan.video_cameras[unit.place], files, on_frames)
        else:
            self._moved.make(episode, self._plan.video_followers[unit.place], files, on_frames)

    def _choose_encodings(self) -> None:
        """Once, for the shard; one without an episode to make needs none."""
        if any(episode.source.index not in self._bad for episode in self._shard.episodes):
            self._videos.choose_encodings()
            self._moved.choose_encodings()

    def _make_shard_rows(self) -> DataRecord:
        encodings = {**self._videos.encodings, **self._moved.encodings}
        record = DataRecord(encodings=encodings, encoders=self._videos.encoders)
        if self._bad:
            return record  # with other numbers than those that were planned, publish writes them
        files = []
        for number in self._shard.data_files:
            with self._work.new_file("rows.parquet") as local:
                episodes = self._shard.in_data_file(number)
                rows = write_shard_rows(episodes, self._source_rows, local)
                with self._work.stages.measure(Stage.UPLOAD):
                    stored = self._work.output.put(self._metadata.info.data_file(number), local)
            indices = tuple(episode.source.index for episode in episodes)
            files.append(
                RowsFileRecord(path=stored.path, sha256=stored.sha256, size=stored.size, rows=rows, episodes=indices)
            )
        return record.model_copy(update={"files": tuple(files)})
