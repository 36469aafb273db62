"""Streams of masks and depths that are stored as video and move with their camera: made and checked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.lerobot.copy_record import pipelines_of
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, Follower, PlannedEpisode
from augmentation_worker.formats.lerobot.records import CopyRecord
from augmentation_worker.formats.lerobot.source_videos import SourceVideos, first_frame, unusable_video
from augmentation_worker.formats.lerobot.video_check import lossless_encoding_of, other_shape
from augmentation_worker.formats.lerobot.video_unit import VideoUnit
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.labels import NotTheSame, move_labels_of_episode
from augmentation_worker.media.video.lossless import LosslessEncoding
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.work import Work


@dataclass
class MovedVideos:
    """Makes the videos of a shard's streams.

    Attributes:
        encodings: by stream, what info.json says of how its moved videos are encoded.
    """

    work: Work
    metadata: DatasetMetadata
    plan: EpisodePlan
    encodings: dict[str, dict[str, object]] = field(default_factory=dict)
    _chosen: dict[str, LosslessEncoding] = field(default_factory=dict)

    def choose_encodings(self) -> None:
        """Choose every stream's encoding: every shard the same, also if it has nothing left to make."""
        videos = SourceVideos(self.metadata, self.work.source.open_partly)
        for stream in (follower.stream for follower in self.plan.video_followers):
            if stream.key not in self._chosen:
                _, properties = videos.example(self.plan.source_episodes, stream)
                self._chosen[stream.key] = lossless_encoding_of(self.metadata, stream, properties)
                self.encodings[stream.key] = self._chosen[stream.key].feature_info()

    def source_path(self, episode: PlannedEpisode, stream: Camera) -> DatasetPath:
        """The source's video file that an episode is made from."""
        return self.metadata.info.video_file(stream.key, episode.source.videos[stream.key].file)

    def make(
        self, episode: PlannedEpisode, follower: Follower, unit: VideoUnit, on_frames: Callable[[int], None]
    ) -> None:
        """Make an episode's copies of a stream, and add them to their unit. Raises WorkerFailure."""
        stream = follower.stream
        pipelines = pipelines_of(self.work.spec.augmentation, self.metadata, episode, follower.camera, self.work.source)
        self.check(episode, follower)
        try:
            moved = move_labels_of_episode(
                self._segment(episode, stream),
                [pipeline.geometry for pipeline in pipelines],
                self.work.scratch / "made" / "copies",
                self._chosen[stream.key],
                on_batch=lambda: on_frames(0),
            )
        except VideoInvalid as error:
            raise unusable_video(self.metadata, episode.source, stream, error) from error
        except NotTheSame as error:
            raise broken(f"episode {episode.source.index}, stream {stream.key}: {error}") from error
        copies = [
            # Statistics: the same values as in the source, in other places.
            (copy.path, CopyRecord(frames=copy.frames, pixel_hash=copy.value_hash, statistics={}))
            for copy in moved.copies
        ]
        unit.add(episode, copies, moved.display_matrix)

    def check(self, episode: PlannedEpisode, follower: Follower) -> None:
        """Check an episode's file by its header. Raises WorkerFailure."""
        stream = follower.stream
        try:
            self._check(episode, follower)
        except VideoInvalid as error:
            raise unusable_video(self.metadata, episode.source, stream, error) from error

    def _check(self, episode: PlannedEpisode, follower: Follower) -> None:
        """Check an episode's file by its header. Raises VideoInvalid."""
        stream = follower.stream
        videos = self._own_videos
        videos.check_length(episode.source, stream)
        stored, chosen = videos.properties(episode.source, stream).pix_fmt, self._chosen[stream.key].pix_fmt
        finding = other_shape(videos, self.metadata, episode.source, follower)
        if stored != chosen:
            finding = f"is stored as {stored}, other files of the stream as {chosen}"
        if finding is not None:
            raise VideoInvalid(self.work.source.open(self.source_path(episode, stream)), finding)

    @cached_property
    def _own_videos(self) -> SourceVideos:
        """Those of the shard's episodes, which are fetched anyway."""
        return SourceVideos(self.metadata, lambda path: self.work.source.open(path).open("rb"))

    def _segment(self, episode: PlannedEpisode, stream: Camera) -> VideoSegment:
        return VideoSegment(
            path=self.work.source.open(self.source_path(episode, stream)),
            first_frame=first_frame(self.metadata, episode.source, stream),
            frames=episode.source.length,
            fps=self.metadata.info.frame_rate,
        )
