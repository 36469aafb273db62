"""Streams of masks and depths that are stored as video and move with their camera: made, checked, and stored."""

from collections.abc import Callable
from dataclasses import dataclass, field

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.lerobot.copy_record import pipelines_of
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, Follower, PlannedEpisode
from augmentation_worker.formats.lerobot.records import VideoCopyRecord, VideoRecord
from augmentation_worker.formats.lerobot.source_videos import SourceVideos, first_frame, unusable_video
from augmentation_worker.formats.lerobot.video_check import lossless_encoding_of, other_shape
from augmentation_worker.formats.lerobot.written_files import check_written_video
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.labels import NotTheSame, move_label_video
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
                _, properties = videos.example((episode.source for episode in self.plan.episodes), stream)
                self._chosen[stream.key] = lossless_encoding_of(self.metadata, stream, properties)
                self.encodings[stream.key] = self._chosen[stream.key].feature_info()

    def source_paths(self, episode: PlannedEpisode) -> list[DatasetPath]:
        """The source's video files that an episode is made from."""
        return [self._source_path(episode, follower.stream) for follower in self.plan.video_followers]

    def make(self, episode: PlannedEpisode, on_frames: Callable[[int], None]) -> dict[str, tuple[VideoRecord, ...]]:
        """Make and store the videos of an episode; returns their records by stream. Raises WorkerFailure."""
        return {follower.stream.key: self._made(episode, follower, on_frames) for follower in self.plan.video_followers}

    def _made(
        self, episode: PlannedEpisode, follower: Follower, on_frames: Callable[[int], None]
    ) -> tuple[VideoRecord, ...]:
        stream, info = follower.stream, self.metadata.info
        paths = [info.video_file(stream.key, number) for number in episode.video_files(stream.key)]
        locals_ = [self.work.scratch / "made" / f"moved-{place}.mp4" for place in range(len(paths))]
        pipelines = pipelines_of(self.work.spec.augmentation, self.metadata, episode, follower.camera, self.work.source)
        try:
            self._check(episode, follower)
            videos = move_label_video(
                self._segment(episode, stream),
                [pipeline.geometry for pipeline in pipelines],
                locals_,
                self._chosen[stream.key],
                on_batch=lambda: on_frames(0),
            )
        except VideoInvalid as error:
            raise unusable_video(self.metadata, episode.source, stream, error) from error
        except NotTheSame as error:
            raise broken(f"episode {episode.source.index}, stream {stream.key}: {error}") from error
        records = []
        for path, local, video in zip(paths, locals_, videos, strict=True):
            check_written_video(local, path, info.frame_rate, sum(copy.frames for copy in video.copies))
            stored = self.work.output.put(path, local)
            if (stored.sha256, stored.size) != (video.sha256, video.size):
                raise broken(f"{path} changed between being encoded and being uploaded")
            local.unlink()
            copies = tuple(
                VideoCopyRecord(
                    from_timestamp=copy.from_timestamp,
                    to_timestamp=copy.to_timestamp,
                    frames=copy.frames,
                    pixel_hash=copy.value_hash,
                    statistics={},  # the same values as in the source, in other places
                )
                for copy in video.copies
            )
            records.append(VideoRecord(path=path, sha256=video.sha256, size=video.size, copies=copies))
        return tuple(records)

    def _check(self, episode: PlannedEpisode, follower: Follower) -> None:
        """Check an episode's file by its header. Raises VideoInvalid."""
        stream = follower.stream
        videos = SourceVideos(self.metadata, lambda path: self.work.source.open(path).open("rb"))
        videos.check_length(episode.source, stream)
        stored, chosen = videos.properties(episode.source, stream).pix_fmt, self._chosen[stream.key].pix_fmt
        finding = other_shape(videos, self.metadata, episode.source, follower)
        if stored != chosen:
            finding = f"is stored as {stored}, other files of the stream as {chosen}"
        if finding is not None:
            raise VideoInvalid(self.work.source.open(self._source_path(episode, stream)), finding)

    def _segment(self, episode: PlannedEpisode, stream: Camera) -> VideoSegment:
        return VideoSegment(
            path=self.work.source.open(self._source_path(episode, stream)),
            first_frame=first_frame(self.metadata, episode.source, stream),
            frames=episode.source.length,
            fps=self.metadata.info.frame_rate,
        )

    def _source_path(self, episode: PlannedEpisode, stream: Camera) -> DatasetPath:
        return self.metadata.info.video_file(stream.key, episode.source.videos[stream.key].file)
