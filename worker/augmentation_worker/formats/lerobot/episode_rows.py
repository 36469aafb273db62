"""The rows of a shard's augmented episodes, with the images they hold: made, looked into, and stored, one episode at
a time."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from augmentation_worker.failure import SourceInvalid, WorkerFailure
from augmentation_worker.formats.bad_episodes import LEAVE_OUT
from augmentation_worker.formats.lerobot.copy_record import pipelines_of, recorded_statistics
from augmentation_worker.formats.lerobot.data_table import SourceRows
from augmentation_worker.formats.lerobot.episode_images import (
    EpisodeImages,
    LabelStream,
    Size,
    UnusableImage,
    batch_rows,
    decode_image_of,
    image_contents,
)
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedEpisode
from augmentation_worker.formats.lerobot.records import CopyRecord, RowsRecord
from augmentation_worker.formats.lerobot.rows_files import write_episode_rows
from augmentation_worker.formats.lerobot.source_videos import SourceVideos, unusable_video
from augmentation_worker.formats.lerobot.written_files import check_written_images
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.transforms.pipeline import EpisodeTransform
from augmentation_worker.work import Work


@dataclass(frozen=True)
class EpisodeRows:
    """Makes rows."""

    work: Work
    metadata: DatasetMetadata
    plan: EpisodePlan
    source: SourceRows

    def make(
        self, episode: PlannedEpisode, on_frames: Callable[[int], None]
    ) -> tuple[tuple[RowsRecord, ...], dict[str, tuple[CopyRecord, ...]]]:
        """Make and store an episode's rows. Raises WorkerFailure.

        Returns the records of its data files, and by camera with images those of its copies.
        """
        info, folder = self.metadata.info, self.work.scratch / "made"
        targets = [folder / f"rows-{place}.parquet" for place in range(len(episode.data_files))]
        images = {}
        if self.plan.makes_images:
            images = self._with_images(episode, targets, on_frames)
        else:
            write_episode_rows(episode, self.source, info, targets)
        return tuple(self._stored(episode, targets)), images

    def _with_images(
        self, episode: PlannedEpisode, targets: list[Path], on_frames: Callable[[int], None]
    ) -> dict[str, tuple[CopyRecord, ...]]:
        cameras = self.plan.image_cameras
        pipelines: dict[str, list[EpisodeTransform]] = {
            camera.key: self._pipelines(episode, camera) for camera in cameras
        }
        try:
            sizes = self._sizes(episode)
            labels = self._labels(episode, sizes)
            images = EpisodeImages(sizes, pipelines, episode.source.length, self.work.device, on_frames, labels)
            with closing(images):
                rows = batch_rows([*sizes.values(), *(label.size for label in labels)])
                write_episode_rows(episode, self.source, self.metadata.info, targets, images, batch_rows=rows)
                results = {camera.key: images.results(camera.key) for camera in cameras}
        except UnusableImage as error:
            raise unusable_image(self.metadata, episode, error) from error
        return {
            key: tuple(
                CopyRecord(
                    frames=copy.frames,
                    pixel_hash=copy.pixel_hash,
                    statistics=recorded_statistics(self.metadata, key, copy.statistics),
                    parameters=dict(pipeline.parameters),
                )
                for copy, pipeline in zip(copies, pipelines[key], strict=True)
            )
            for key, copies in results.items()
        }

    def _sizes(self, episode: PlannedEpisode) -> dict[Camera, Size]:
        """Of each camera's frames: what the first image has, whatever info.json says. Raises UnusableImage."""
        sizes = {}
        (row,) = self.source.batches(episode.source, 1, 0, 1)
        for camera in self.plan.image_cameras:
            (content,) = image_contents(row, camera.key, 0)
            _, height, width = decode_image_of(camera, 0, content).pixels.shape
            sizes[camera] = (height, width)
        return sizes

    def _labels(self, episode: PlannedEpisode, sizes: Mapping[Camera, Size]) -> list[LabelStream]:
        """The streams that move with their camera, and how in each copy."""
        return [
            LabelStream(
                follower.stream,
                sizes[follower.camera] if follower.camera in sizes else self._video_size(episode, follower.camera),
                [pipeline.geometry for pipeline in self._pipelines(episode, follower.camera)],
            )
            for follower in self.plan.image_followers
        ]

    def _pipelines(self, episode: PlannedEpisode, camera: Camera) -> list[EpisodeTransform]:
        return pipelines_of(self.work.spec.augmentation, self.metadata, episode, camera, self.work.source)

    def _video_size(self, episode: PlannedEpisode, camera: Camera) -> Size:
        """Of the frames of a camera that stores them as video. Raises WorkerFailure."""
        videos = SourceVideos(self.metadata, lambda path: self.work.source.open(path).open("rb"))
        try:
            properties = videos.properties(episode.source, camera)
        except VideoInvalid as error:
            raise unusable_video(self.metadata, episode.source, camera, error) from error
        return properties.height, properties.width

    def _stored(self, episode: PlannedEpisode, targets: list[Path]) -> list[RowsRecord]:
        records = []
        info = self.metadata.info
        for number, local in zip(episode.data_files, targets, strict=True):
            path, copies = info.data_file(number), episode.copies_in(number)
            check_written_images(local, path, episode, copies, self.source, info, self.plan.image_cameras)
            stored = self.work.output.put(path, local)
            local.unlink()
            rows = episode.source.length * len(copies)
            records.append(RowsRecord(path=path, sha256=stored.sha256, size=stored.size, rows=rows))
        return records


def unusable_image(metadata: DatasetMetadata, episode: PlannedEpisode, error: UnusableImage) -> WorkerFailure:
    """An image of the source that is not what the metadata says, in words."""
    path = metadata.info.data_file(episode.source.data_file)
    return SourceInvalid(
        f"episode {episode.source.index}, camera {error.camera}, frame {error.frame} in {path}: {error.finding}",
        LEAVE_OUT,
    )
