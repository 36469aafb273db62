"""The videos of a shard's augmented episodes: encoded, one episode of one camera at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from augmentation_api import FailureReason
from augmentation_api.vocabulary import EncoderChoice, VideoProfile
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.camera_info import HEIGHT, WIDTH
from augmentation_worker.formats.lerobot.copy_record import pipelines_of, recorded_statistics
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedEpisode
from augmentation_worker.formats.lerobot.records import CopyRecord
from augmentation_worker.formats.lerobot.source_videos import SourceVideos, first_frame, unusable_video
from augmentation_worker.formats.lerobot.video_check import encoding_of
from augmentation_worker.formats.lerobot.video_unit import VideoUnit
from augmentation_worker.media.stage_clock import Stage
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.episode import copies_at_once, encode_copies
from augmentation_worker.media.video.nvenc import prefer_nvenc
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.work import Work


@dataclass
class EpisodeVideos:
    """Makes videos.

    Attributes:
        encodings: by camera, what info.json says of how its augmented videos are encoded.
        encoders: by camera, FFmpeg's name of the encoder that is used.
    """

    work: Work
    metadata: DatasetMetadata
    plan: EpisodePlan
    encodings: dict[str, dict[str, object]] = field(default_factory=dict)
    encoders: dict[str, str] = field(default_factory=dict)
    _chosen: dict[str, VideoEncoding] = field(default_factory=dict)
    _made_by: dict[str, str] = field(default_factory=dict)

    def choose_encodings(self) -> None:
        """Choose every camera's encoding, also when an earlier attempt has made all videos: every shard the same."""
        for camera in self.plan.video_cameras:
            if camera.key not in self._chosen:
                _, properties = self._videos.example(self.plan.source_episodes, camera)
                self._chosen[camera.key] = encoding_of(self.metadata, camera, properties, self.work.spec)
                encoding = self._on_this_node(camera, properties.width, properties.height)
                size = {HEIGHT: properties.height, WIDTH: properties.width}
                self.encodings[camera.key] = {**encoding.feature_info(), **size}
                self.encoders[camera.key] = encoding.encoder
                self.work.events.event(
                    "encoding",
                    f"Videos of {camera.key} become {encoding.codec} by {encoding.encoder}"
                    + (", on the GPU" if encoding.uses_nvenc else ""),
                    data={"camera": camera.key, "encoder": encoding.encoder},
                )

    def check(self, episode: PlannedEpisode, cameras: Sequence[Camera]) -> None:
        """Look into the headers of an episode's files: one that ends too early is found there, before any encoding.

        Raises WorkerFailure.
        """
        for camera in cameras:
            with self.work.stages.measure(Stage.DOWNLOAD):
                self.work.source.open(self.source_path(episode, camera))
            self._encoding(episode, camera)

    def make(self, episode: PlannedEpisode, camera: Camera, unit: VideoUnit, on_frames: Callable[[int], None]) -> None:
        """Make an episode's copies as a camera sees them, and add them to their unit. Raises WorkerFailure."""
        encoding = self._encoding(episode, camera)
        pipelines = pipelines_of(self.work.spec.augmentation, self.metadata, episode, camera, self.work.source)
        try:
            encoded = encode_copies(
                self._segment(episode, camera),
                pipelines,
                self.work.scratch / "made" / "copies",
                encoding,
                device=self.work.device,
                on_frames=on_frames,
                stages=self.work.stages,
            )
        except VideoInvalid as error:
            raise self.unusable(episode, camera, error) from error
        self._report_makers(camera, encoded.made_by)
        records = [
            CopyRecord(
                frames=copy.frames,
                pixel_hash=copy.pixel_hash,
                statistics=recorded_statistics(self.metadata, camera.key, copy.statistics),
                parameters=dict(pipeline.parameters),
            )
            for copy, pipeline in zip(encoded.copies, pipelines, strict=True)
        ]
        copies = [(copy.path, record) for copy, record in zip(encoded.copies, records, strict=True)]
        unit.add(episode, copies, encoded.display_matrix)

    def _report_makers(self, camera: Camera, made_by: str) -> None:
        """Say once for each camera how a GPU's frames come and go: what it cannot do, the CPU does."""
        if self.work.device != "cpu" and self._made_by.get(camera.key) != made_by:
            self._made_by[camera.key] = made_by
            self.work.events.event("gpu", f"Videos of {camera.key} are {made_by}", data={"camera": camera.key})

    def source_path(self, episode: PlannedEpisode, camera: Camera) -> DatasetPath:
        """The source's video file that an episode is made from."""
        return self.metadata.info.video_file(camera.key, episode.source.videos[camera.key].file)

    def _segment(self, episode: PlannedEpisode, camera: Camera) -> VideoSegment:
        return VideoSegment(
            path=self.work.source.open(self.source_path(episode, camera)),
            first_frame=first_frame(self.metadata, episode.source, camera),
            frames=episode.source.length,
            fps=self.metadata.info.frame_rate,
        )

    def _encoding(self, episode: PlannedEpisode, camera: Camera) -> VideoEncoding:
        """How this episode's copies are encoded, whose frames may have another size than the camera's first."""
        try:
            self._own_videos.check_length(episode.source, camera)
            properties = self._own_videos.properties(episode.source, camera)
            self._chosen[camera.key].check_size(properties.width, properties.height)
        except VideoInvalid as error:
            raise self.unusable(episode, camera, error) from error
        except ValueError as error:
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED, f"episode {episode.source.index}, camera {camera.key}: {error}"
            ) from error
        return self._on_this_node(camera, properties.width, properties.height)

    def _on_this_node(self, camera: Camera, width: int, height: int) -> VideoEncoding:
        """The camera's encoding by the hardware encoder of this node, where that takes it."""
        encoding = self._chosen[camera.key]
        if not self._may_use_nvenc:
            return encoding
        at_once = min(self.plan.copies, copies_at_once(width, height))
        return prefer_nvenc(encoding, width=width, height=height, at_once=at_once, scratch=self.work.scratch)

    @cached_property
    def _videos(self) -> SourceVideos:
        """All, of which this shard fetches headers only."""
        return SourceVideos(self.metadata, self.work.source.open_partly)

    @cached_property
    def _own_videos(self) -> SourceVideos:
        """Those of the shard's episodes, which are fetched anyway."""
        return SourceVideos(self.metadata, lambda path: self.work.source.open(path).open("rb"))

    @property
    def _may_use_nvenc(self) -> bool:
        video = self.work.spec.output.video
        if video.preset is not None or video.profile is VideoProfile.SMALL:
            return False  # NVENC has neither these presets nor files as small
        return self.work.device == "cuda" and video.encoder is EncoderChoice.AUTO

    def unusable(self, episode: PlannedEpisode, camera: Camera, error: VideoInvalid) -> WorkerFailure:
        """A source video that is not what the metadata says, in words."""
        return unusable_video(self.metadata, episode.source, camera, error)
