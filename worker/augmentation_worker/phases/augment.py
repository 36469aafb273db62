"""augment: make all copies of one shard's episodes, put them on the hub, and record each as it is finished."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from augmentation_api import FailureReason
from augmentation_api.vocabulary import EncoderChoice, ShardState
from augmentation_worker.dataset.data_table import SourceRows, write_shard_rows
from augmentation_worker.dataset.frame_rate import frame_rate
from augmentation_worker.dataset.info import Camera
from augmentation_worker.dataset.layout import PICTURE_PATH
from augmentation_worker.dataset.metadata import DatasetMetadata
from augmentation_worker.dataset.plan import Plan, PlannedEpisode, PlannedShard, make_plan
from augmentation_worker.dataset.records import (
    DATA_KEY,
    ORIGINAL_VIDEOS_KEY,
    PICTURE_KEY,
    BlobRecord,
    CopyRecord,
    DataRecord,
    EpisodeRecord,
    OriginalVideosRecord,
    RecordInvalid,
    ShardRecords,
    VideoRecord,
    episode_key,
)
from augmentation_worker.dataset.statistics import channel_means, shortened
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.images.augment import augment_images
from augmentation_worker.images.finding import is_image_dataset
from augmentation_worker.phases.progress import ShardProgress
from augmentation_worker.phases.session import Session
from augmentation_worker.phases.video_check import check_written_video
from augmentation_worker.pictures.before_and_after import before_and_after
from augmentation_worker.settings import Device
from augmentation_worker.storage.output import OutputDataset, StoredFile
from augmentation_worker.storage.source import SourceDataset, load_metadata
from augmentation_worker.transforms import EpisodeTransform, draw_pipeline
from augmentation_worker.video import (
    CopyVideo,
    VideoEncoding,
    VideoInvalid,
    VideoSegment,
    augment_episode_camera,
    on_card,
    probe_video,
)

_log = logging.getLogger(__name__)


def augment(session: Session) -> None:
    """Run one shard. Raises WorkerFailure."""
    index = session.settings.shard_index
    if index is None or index >= session.shard_count:
        raise WorkerFailure(FailureReason.INTERNAL_ERROR, f"there is no shard {index} among {session.shard_count}")
    source = session.open_source()
    if is_image_dataset(source):
        augment_images(session, source, index, _device(session.settings.device))
        return
    metadata = load_metadata(source)
    output = session.open_output()
    plan = make_plan(metadata, session.job.spec, session.shard_count, carry_originals=not output.extends(source))
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
    encodings: dict[str, dict[str, object]] = field(default_factory=dict)
    encoders: dict[str, str] = field(default_factory=dict)

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
        sizes = [video.size for record in self.records.episodes.values() for video in record.videos.values()]
        progress.skip(len(done), sum(episode.augmented_frames for episode in done), sum(sizes))
        self._tell_start(len(done))
        try:
            self._check_rows()
            self._carry_originals()
            self._draw_picture()
            for episode in shard.episodes:
                self._settle_encodings(episode)
                if episode.source.index not in self.records.episodes:
                    self._make(episode, progress)
                self._drop_what_is_not_needed_after(episode)
                self.session.reporter.check()
            self._write_rows(progress)
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
            f"Shard {shard.index}{where} ({self._device.type}): {what}",
            retry_attempt=settings.shard_attempt,
        )

    def _check_rows(self) -> None:
        """What is wrong with the rows is found before any frame is made."""
        rows = SourceRows(self.metadata, self.source.open)
        for episode in self.shard.episodes:
            if episode.source.index not in self.records.episodes:
                rows.of(episode.source)

    def _carry_originals(self) -> None:
        carried = {file.path: file for file in self.records.original_videos}
        needed = {
            self._source_video(episode, camera) for episode in self.shard.episodes for camera in self.plan.cameras
        }
        for path in self.shard.original_videos:
            if path in carried:
                continue
            uploaded = self.output.put(path, self.source.open(path))
            carried[path] = _blob(uploaded)
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
            raise self._unusable(episode, self.plan.cameras[0], error) from error
        local = self.session.settings.scratch / "made" / "picture.png"
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_bytes(picture)
        self._record(PICTURE_KEY, _blob(self.output.put(PICTURE_PATH, local)).encode())
        local.unlink()

    def _make(self, episode: PlannedEpisode, progress: ShardProgress) -> None:
        videos: dict[str, VideoRecord] = {}
        for camera in self.plan.cameras:
            path = self.metadata.info.video_file(camera.key, *episode.videos[camera.key])
            local = self.session.settings.scratch / "made" / "video.mp4"
            pipelines = [self._pipeline(episode, camera, copy.copy) for copy in episode.copies]
            try:
                made = augment_episode_camera(
                    self._segment(episode, camera),
                    pipelines,
                    local,
                    self._encoding(episode, camera),
                    device=self._device,
                    on_frames=partial(self._on_frames, progress),
                )
            except VideoInvalid as error:
                raise self._unusable(episode, camera, error) from error
            check_written_video(local, path, self.metadata.info.fps, episode.augmented_frames)
            uploaded = self.output.put(path, local)
            if (uploaded.sha256, uploaded.size) != (made.sha256, made.size):
                raise WorkerFailure(
                    FailureReason.INTEGRITY_CHECK_FAILED, f"{path} changed between being encoded and being uploaded"
                )
            local.unlink()
            copies = tuple(_copy_record(copy, pipeline) for copy, pipeline in zip(made.copies, pipelines, strict=True))
            videos[camera.key] = VideoRecord(path=path, sha256=made.sha256, size=made.size, copies=copies)
        self._record(episode_key(episode.source.index), EpisodeRecord(videos=videos).encode())
        progress.finish_episode(episode.augmented_frames, sum(video.size for video in videos.values()))
        _log.info("episode %d of the source is done", episode.source.index)

    @property
    def _device(self) -> torch.device:
        return _device(self.session.settings.device)

    def _on_frames(self, progress: ShardProgress, frames: int) -> None:
        progress.on_frames(frames)
        self.session.reporter.check()

    def _write_rows(self, progress: ShardProgress) -> None:
        if self.records.data is not None:
            return
        record = DataRecord(encodings=self.encodings, encoders=self.encoders)
        if self.shard.data_file is not None:
            path = self.metadata.info.data_file(*self.shard.data_file)
            local = self.session.settings.scratch / "made" / "rows.parquet"
            local.parent.mkdir(parents=True, exist_ok=True)
            rows = write_shard_rows(self.shard, SourceRows(self.metadata, self.source.open), local)
            uploaded = self.output.put(path, local)
            record = record.model_copy(update={"file": _blob(uploaded), "rows": rows})
            progress.add_bytes(uploaded.size)
            local.unlink()
        self._record(DATA_KEY, record.encode())

    def _pipeline(self, episode: PlannedEpisode, camera: Camera, copy: int) -> EpisodeTransform:
        mean = channel_means(self.metadata.table, episode.source.index, self.metadata.stats_json, camera.key)
        return draw_pipeline(
            self.session.job.spec.augmentation,
            camera=camera.key,
            episode=episode.source.index,
            copy=copy,
            episode_mean=mean,
        )

    def _segment(self, episode: PlannedEpisode, camera: Camera) -> VideoSegment:
        span = episode.source.videos[camera.key]
        return VideoSegment(
            path=self.source.open(self._source_video(episode, camera)),
            first_frame=round(span.from_timestamp * self.metadata.info.fps),
            frames=episode.source.length,
            fps=frame_rate(self.metadata.info.fps),
        )

    def _settle_encodings(self, episode: PlannedEpisode) -> None:
        """Know every camera's encoding, also when all its episodes were recorded by an earlier try."""
        if self.records.data is None:
            for camera in self.plan.cameras:
                if camera.key not in self.encodings:
                    encoding = self._encoding(episode, camera)
                    self.encodings[camera.key] = encoding.feature_info()
                    self.encoders[camera.key] = encoding.encoder
                    self.session.reporter.event(
                        "encoding",
                        f"Videos of {camera.key} become {encoding.codec} by {encoding.encoder}"
                        + (", on the card" if encoding.by_card else ""),
                        data={"camera": camera.key, "encoder": encoding.encoder},
                    )

    def _encoding(self, episode: PlannedEpisode, camera: Camera) -> VideoEncoding:
        feature = self.metadata.info.features[camera.key]
        facts = {**(feature.video_info or {}), **(feature.info or {})}
        try:
            path = self.source.open(self._source_video(episode, camera))
            stream = probe_video(path)
            if (stream.width, stream.height) != (camera.width, camera.height):
                found = f"shows {stream.width}x{stream.height} pixels, info.json says {camera.width}x{camera.height}"
                raise VideoInvalid(path, found)
            encoding = VideoEncoding.like_source(facts, stream).overridden_by(self.session.job.spec.output.video)
            encoding.check_size(stream.width, stream.height)
            if not self._may_encode_on_card:
                return encoding
            scratch = self.session.settings.scratch
            return on_card(
                encoding, width=stream.width, height=stream.height, at_once=len(episode.copies), scratch=scratch
            )
        except VideoInvalid as error:
            raise self._unusable(episode, camera, error) from error
        except ValueError as error:
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED, f"spec.output.video, camera {camera.key}: {error}"
            ) from error

    @property
    def _may_encode_on_card(self) -> bool:
        video = self.session.job.spec.output.video
        return self._device.type == "cuda" and video.encoder is EncoderChoice.AUTO and video.preset is None

    def _unusable(self, episode: PlannedEpisode, camera: Camera, error: VideoInvalid) -> WorkerFailure:
        place = (
            f"frame {error.frame} of the file {error.found}" if error.frame is not None else f"the file {error.found}"
        )
        return WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"episode {episode.source.index}, camera {camera.key}, {self._source_video(episode, camera)}: {place}; "
            "repair the dataset, or leave the episode out (spec.augmentation.episodes)",
        )

    def _source_video(self, episode: PlannedEpisode, camera: Camera) -> str:
        return self.metadata.info.video_file(camera.key, *episode.source.videos[camera.key].file)

    def _drop_what_is_not_needed_after(self, episode: PlannedEpisode) -> None:
        position = self.shard.episodes.index(episode)
        later = self.shard.episodes[position + 1 : position + 2]
        still = {self._source_video(following, camera) for following in later for camera in self.plan.cameras}
        for camera in self.plan.cameras:
            path = self._source_video(episode, camera)
            if path not in still:
                self.source.drop(path)

    def _record(self, key: str, text: str) -> None:
        self.session.manifests.record(self.shard.index, key, text)


def _device(wanted: Device) -> torch.device:
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def _blob(uploaded: StoredFile) -> BlobRecord:
    return BlobRecord(path=uploaded.path, sha256=uploaded.sha256, size=uploaded.size)


def _copy_record(copy: CopyVideo, pipeline: EpisodeTransform) -> CopyRecord:
    return CopyRecord(
        from_timestamp=copy.from_timestamp,
        to_timestamp=copy.to_timestamp,
        frames=copy.frames,
        pixel_sha256=copy.pixel_sha256,
        statistics={name: _channels(values) for name, values in copy.statistics.to_feature_stats().items()},
        parameters=dict(pipeline.parameters),
    )


def _channels(values: Sequence[object]) -> list[float]:
    """(3, 1, 1) as three numbers, (1,) as one."""
    return [shortened(float(value)) for value in np.ravel(np.array(values, dtype=np.float64))]
