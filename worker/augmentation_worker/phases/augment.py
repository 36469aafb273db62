"""augment: make all copies of one shard's episodes, put them on the hub, and record each as it is finished."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from augmentation_api import FailureReason
from augmentation_api.vocabulary import ShardState
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.augment import augment_images
from augmentation_worker.formats.images.detection import is_image_dataset
from augmentation_worker.formats.lerobot.before_and_after import before_and_after
from augmentation_worker.formats.lerobot.data_table import SourceRows, write_shard_rows
from augmentation_worker.formats.lerobot.episode_pictures import UnusablePicture
from augmentation_worker.formats.lerobot.episode_rows import EpisodeRows, unusable_picture
from augmentation_worker.formats.lerobot.episode_videos import EpisodeVideos
from augmentation_worker.formats.lerobot.layout import PICTURE_PATH, check_order_of_data_files
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata, load_metadata
from augmentation_worker.formats.lerobot.plan import Plan, PlannedEpisode, PlannedShard, RowsMade, make_plan
from augmentation_worker.formats.lerobot.records import (
    DATA_KEY,
    ORIGINAL_VIDEOS_KEY,
    PICTURE_KEY,
    DataRecord,
    EpisodeRecord,
    OriginalVideosRecord,
    RecordInvalid,
    ShardRecords,
    episode_key,
    record_of,
)
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.phases.device import device_of
from augmentation_worker.phases.progress import ShardProgress
from augmentation_worker.phases.session import Session
from augmentation_worker.storage.port import OutputDataset, SourceDataset

_log = logging.getLogger(__name__)


def augment(session: Session) -> None:
    """Run one shard. Raises WorkerFailure."""
    index = session.settings.shard_index
    if index is None or index >= session.shard_count:
        raise WorkerFailure(FailureReason.INTERNAL_ERROR, f"there is no shard {index} among {session.shard_count}")
    source = session.storage.open_source()
    if is_image_dataset(source):
        augment_images(session, source, index, device_of(session.settings.device))
        return
    metadata = load_metadata(source)
    output = session.storage.open_output()
    plan = make_plan(metadata, session.job.spec, session.shard_count, carry_originals=not output.extends(source))
    check_order_of_data_files(metadata, plan)
    try:
        records = ShardRecords.read(session.manifests.read(index))
    except RecordInvalid as error:
        raise WorkerFailure(FailureReason.INTERNAL_ERROR, str(error)) from error
    _ShardRun(session, source, metadata, plan, plan.shards[index], records, output).run()


@dataclass
class _ShardRun:
    """One try of one shard."""

    session: Session
    source: SourceDataset
    metadata: DatasetMetadata
    plan: Plan
    shard: PlannedShard
    records: ShardRecords
    output: OutputDataset

    @cached_property
    def _videos(self) -> EpisodeVideos:
        return EpisodeVideos(self.session, self.source, self.metadata, self.plan, self.output)

    @cached_property
    def _source_rows(self) -> SourceRows:
        return SourceRows(self.metadata, self.source.open)

    @cached_property
    def _rows(self) -> EpisodeRows:
        return EpisodeRows(self.session, self.metadata, self.plan, self.output, self._source_rows)

    def run(self) -> None:
        """Do what is not recorded yet."""
        settings = self.session.settings
        shard = self.shard
        progress = ShardProgress(
            self.session.reporter,
            index=shard.index,
            node=settings.node_name,
            attempt=settings.shard_attempt,
            episodes=len(shard.episodes),
            frames=shard.augmented_frames,
            cameras=len(self.plan.cameras),
        )
        done = [episode for episode in shard.episodes if episode.source.index in self.records.episodes]
        sizes = sum(record.size for record in self.records.episodes.values())
        progress.skip(len(done), sum(episode.augmented_frames for episode in done), sizes)
        self._tell_start(len(done))
        try:
            self._check_rows()
            self._carry_originals()
            self._draw_picture()
            for episode in shard.episodes:
                if self.records.data is None:
                    self._videos.settle(episode)
                if episode.source.index not in self.records.episodes:
                    self._make(episode, progress)
                self._drop_what_is_not_needed_after(episode)
                self.session.reporter.check()
            self._write_shard_rows(progress)
        except WorkerFailure:
            progress.end(ShardState.FAILED)
            raise
        progress.end(ShardState.COMPLETED)
        self.session.reporter.event(
            "completed", f"Shard {shard.index} has made {len(shard.episodes) * self.plan.copies} augmented episodes"
        )
        self.source.close()

    def _tell_start(self, done: int) -> None:
        settings, shard = self.session.settings, self.shard
        where = f" on {settings.node_name}" if settings.node_name else ""
        what = f"{len(shard.episodes)} episodes" + (f", {done} of them done before" if done else "")
        self.session.reporter.event(
            "resumed" if done else "started",
            f"Shard {shard.index}{where} ({self._videos.device.type}): {what}",
            retry_attempt=settings.shard_attempt,
        )

    def _check_rows(self) -> None:
        """What is wrong with the rows is found before any frame is made, if that does not fetch large files early."""
        if self.metadata.info.picture_cameras:
            return
        for episode in self.shard.episodes:
            if episode.source.index not in self.records.episodes:
                self._source_rows.of(episode.source)

    def _carry_originals(self) -> None:
        carried = {file.path: file for file in self.records.original_videos}
        needed = {path for episode in self.shard.episodes for path in self._videos.source_paths(episode)}
        for path in self.shard.original_videos:
            if path in carried:
                continue
            uploaded = self.output.put(path, self.source.open(path))
            carried[path] = record_of(uploaded)
            record = OriginalVideosRecord(files=tuple(carried.values()))
            self._record(ORIGINAL_VIDEOS_KEY, record.encode())
            if path not in needed:
                self.source.drop(path)

    def _draw_picture(self) -> None:
        """The shard that has the first episode shows it before and after."""
        if not self.shard.draws_picture or self.records.picture is not None:
            return
        episode = self.shard.episodes[0]
        try:
            picture = before_and_after(
                self.metadata, self.plan, self.session.job.spec.augmentation, episode, self.source.open
            )
        except VideoInvalid as error:
            raise self._videos.unusable(episode, self.plan.video_cameras[0], error) from error
        except UnusablePicture as error:
            raise unusable_picture(self.metadata, episode, error) from error
        with self._made("picture.png") as local:
            local.write_bytes(picture)
            self._record(PICTURE_KEY, record_of(self.output.put(PICTURE_PATH, local)).encode())

    def _make(self, episode: PlannedEpisode, progress: ShardProgress) -> None:
        videos = self._videos.make(episode, partial(self._on_frames, progress))
        record = EpisodeRecord(videos=videos)
        if self.plan.rows_made is RowsMade.WITH_EPISODE:
            rows, pictures = self._rows.make(episode, partial(self._on_frames, progress))
            record = EpisodeRecord(videos=videos, pictures=pictures, rows=rows)
        self._record(episode_key(episode.source.index), record.encode())
        progress.finish_episode(episode.augmented_frames, record.size)
        _log.info("episode %d of the source is done", episode.source.index)

    def _on_frames(self, progress: ShardProgress, frames: int) -> None:
        progress.on_frames(frames)
        self.session.reporter.check()

    def _write_shard_rows(self, progress: ShardProgress) -> None:
        if self.records.data is not None:
            return
        record = DataRecord(encodings=self._videos.encodings, encoders=self._videos.encoders)
        if self.shard.data_file is not None:
            path = self.metadata.info.data_file(self.shard.data_file)
            with self._made("rows.parquet") as local:
                rows = write_shard_rows(self.shard, self._source_rows, local)
                uploaded = self.output.put(path, local)
            record = record.model_copy(update={"file": record_of(uploaded), "rows": rows})
            progress.add_bytes(uploaded.size)
        self._record(DATA_KEY, record.encode())

    def _drop_what_is_not_needed_after(self, episode: PlannedEpisode) -> None:
        position = self.shard.episodes.index(episode)
        later = self.shard.episodes[position + 1 : position + 2]
        still = {path for following in later for path in self._source_paths(following)}
        for path in self._source_paths(episode):
            if path not in still:
                self.source.drop(path)

    def _source_paths(self, episode: PlannedEpisode) -> list[DatasetPath]:
        """Large files that an episode is made from."""
        info = self.metadata.info
        rows = [info.data_file(episode.source.data_file)] if info.picture_cameras else []
        return self._videos.source_paths(episode) + rows

    @contextmanager
    def _made(self, name: str) -> Iterator[Path]:
        """A local file to write, gone afterwards."""
        local = self.session.settings.scratch / "made" / name
        local.parent.mkdir(parents=True, exist_ok=True)
        yield local
        local.unlink()

    def _record(self, key: str, text: str) -> None:
        self.session.manifests.record(self.shard.index, key, text)
