"""The rows of a shard's augmented episodes, with the images they hold: made one episode at a time, joined into the
files of their unit, looked into, and stored."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from augmentation_worker.failure import SourceInvalid, WorkerFailure
from augmentation_worker.formats.bad_episodes import LEAVE_OUT
from augmentation_worker.formats.lerobot.copy_record import pipelines_of, recorded_statistics
from augmentation_worker.formats.lerobot.data_table import SourceRows
from augmentation_worker.formats.lerobot.episode_images import (
    EpisodeImages,
    LabelStream,
    Size,
    batch_rows,
    decode_image_of,
)
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.image_cells import UnusableImage, image_contents
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedCopy, PlannedEpisode, PlannedUnit
from augmentation_worker.formats.lerobot.records import CopyRecord, RowsFileRecord, RowsRecord
from augmentation_worker.formats.lerobot.rows_files import JoinedRows, column_options, write_episode_rows
from augmentation_worker.formats.lerobot.source_videos import SourceVideos, unusable_video
from augmentation_worker.formats.lerobot.written_files import check_written_images
from augmentation_worker.media.stage_clock import Stage
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
    ) -> tuple[list[Path], dict[str, tuple[CopyRecord, ...]]]:
        """Make an episode's rows. Raises WorkerFailure.

        Returns a local file for each of its data files, and by camera with images the records of its copies.
        """
        folder = self.work.scratch / "made"
        targets = [folder / f"rows-{place}.parquet" for place in range(len(episode.data_files))]
        if self.plan.makes_images:
            return targets, self._with_images(episode, targets, on_frames)
        write_episode_rows(episode, self.source, self.metadata.info, targets)
        return targets, {}

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
            images = EpisodeImages(
                sizes, pipelines, episode.source.length, self.work.device, on_frames, labels, self.work.stages
            )
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

    def store(
        self, local: Path, number: FileNumber, parts: Sequence[tuple[PlannedEpisode, Sequence[PlannedCopy]]]
    ) -> RowsFileRecord:
        """Check and store a data file that is complete: copies of each of some episodes. Raises WorkerFailure."""
        info = self.metadata.info
        path = info.data_file(number)
        check_written_images(local, path, parts, self.source, info, self.plan.image_cameras)
        with self.work.stages.measure(Stage.UPLOAD):
            stored = self.work.output.put(path, local)
        local.unlink()
        return RowsFileRecord(
            path=path,
            sha256=stored.sha256,
            size=stored.size,
            rows=sum(episode.source.length * len(copies) for episode, copies in parts),
            episodes=tuple(episode.source.index for episode, _ in parts),
        )


class RowsUnit:
    """Makes the data files of a unit, while its episodes are added in order. A context manager."""

    def __init__(self, rows: EpisodeRows, unit: PlannedUnit) -> None:
        self._rows, self._unit = rows, unit
        self._local = rows.work.scratch / "made" / "joined.parquet"
        self._opened = ExitStack()
        self._joined: JoinedRows | None = None
        self._parts: list[tuple[PlannedEpisode, Sequence[PlannedCopy]]] = []
        self._files: list[RowsFileRecord] = []
        self._images: dict[int, dict[str, tuple[CopyRecord, ...]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def add(self, episode: PlannedEpisode, on_frames: Callable[[int], None]) -> None:
        """Make the rows of an episode and append them. Raises WorkerFailure."""
        targets, images = self._rows.make(episode, on_frames)
        if images:
            self._images[episode.source.index] = images
        if self._unit.number is None:
            for number, local in zip(episode.data_files, targets, strict=True):
                self._files.append(self._rows.store(local, number, [(episode, episode.copies_in(number))]))
            return
        if self._joined is None:
            options = column_options(self._rows.metadata.info, self._rows.source.schema())
            self._joined = self._opened.enter_context(JoinedRows(self._local, options))
        for local in targets:
            self._joined.append(local)
        self._parts.append((episode, episode.copies))

    def finish(self) -> RowsRecord:
        """The record of what was added. Raises WorkerFailure."""
        if self._joined is not None and self._unit.number is not None:
            self._joined.close()
            self._files.append(self._rows.store(self._local, self._unit.number, self._parts))
        return RowsRecord(pictures=self._images, files=tuple(self._files))


def unusable_image(metadata: DatasetMetadata, episode: PlannedEpisode, error: UnusableImage) -> WorkerFailure:
    """An image of the source that is not what the metadata says, in words."""
    path = metadata.info.data_file(episode.source.data_file)
    return SourceInvalid(
        f"episode {episode.source.index}, camera {error.camera}, frame {error.frame} in {path}: {error.finding}",
        LEAVE_OUT,
    )
