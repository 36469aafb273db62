"""The preview of a LeRobot dataset: a frame of an episode, one row per camera."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from augmentation_api import Augmentation, AugmentationJobSpec, FailureReason
from augmentation_api.spec import Preview
from augmentation_api.vocabulary import OnBadEpisode
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import SourceInvalid, WorkerFailure
from augmentation_worker.formats.lerobot.camera_check import check_cameras
from augmentation_worker.formats.lerobot.copy_record import pipelines_of
from augmentation_worker.formats.lerobot.data_table import SourceRows
from augmentation_worker.formats.lerobot.episode_images import decode_image_of
from augmentation_worker.formats.lerobot.episode_rows import unusable_image
from augmentation_worker.formats.lerobot.followers import check_camera_masks, check_streams
from augmentation_worker.formats.lerobot.image_cells import UnusableImage, image_contents
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata, load_metadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedEpisode
from augmentation_worker.formats.lerobot.planner import make_plan
from augmentation_worker.formats.lerobot.source_videos import unusable_video
from augmentation_worker.formats.lerobot.split_ranges import unread_splits
from augmentation_worker.formats.splits import check_splits
from augmentation_worker.media.contact_sheet import MOST_CAMERAS, before_and_after, preview_png
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.storage.port import SourceDataset

_SHARDS = 1000
"""In the plan that a preview needs, so that only a part of a large one is made into objects."""
_MOST_TRIED = 20
"""Episodes that are looked into where the job leaves out those that cannot be used."""


def preview(source: SourceDataset, spec: AugmentationJobSpec) -> bytes:
    """Draw the frame of a source that `spec.preview` chooses.

    Raises WorkerFailure: what the job itself would fail with before it starts.
    """
    choice = spec.preview or Preview()
    metadata = load_metadata(source, where=spec.augmentation.where)
    check_cameras(spec, metadata)
    check_streams(spec.augmentation, metadata)
    check_camera_masks(spec.augmentation, metadata, source)
    check_splits(spec.augmentation, metadata.info.split_episodes, unread_splits(metadata.info.splits))
    plan = make_plan(metadata, spec, _SHARDS)
    indices = plan.source_episodes.indices
    places = range(len(indices)) if choice.episode is None else np.flatnonzero(indices == choice.episode).tolist()
    if not places:
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"spec.preview.episode: {choice.episode} is none of the {len(indices)} episodes that the job "
            f"selects, of {len(metadata.episodes)}",
        )
    chosen = plan.episodes[places[0]]
    if choice.frame is not None and choice.frame >= chosen.source.length:
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"spec.preview.frame: {choice.frame} is not in episode {chosen.source.index}, whose frames are 0 to "
            f"{chosen.source.length - 1}",
        )
    tried = places[: _MOST_TRIED if spec.on_bad_episode is OnBadEpisode.SKIP and choice.frame is None else 1]
    for place, episode in enumerate((plan.episodes[each] for each in tried), start=1):
        try:
            return draw_episode(metadata, plan, spec.augmentation, episode, source, choice.frame)
        except (VideoInvalid, UnusableImage) as error:
            if place == len(tried):
                raise _unusable(metadata, plan, episode, error) from error
        except SourceInvalid:
            if place == len(tried):
                raise
    raise AssertionError  # there is an episode, and the last that is tried returns or raises


def _unusable(
    metadata: DatasetMetadata, plan: EpisodePlan, episode: PlannedEpisode, error: VideoInvalid | UnusableImage
) -> WorkerFailure:
    """The same failure as the job itself would have."""
    if isinstance(error, UnusableImage):
        return unusable_image(metadata, episode, error)
    return unusable_video(metadata, episode.source, plan.video_cameras[0], error)


def draw_episode(
    metadata: DatasetMetadata,
    plan: EpisodePlan,
    augmentation: Augmentation,
    episode: PlannedEpisode,
    source_files: SourceDataset,
    frame: int | None = None,
) -> bytes:
    """A PNG of a frame of an episode, as the cameras recorded it and as the job augments it, before encoding.

    Args:
        frame: index in the episode; None: the middle one.

    Raises VideoInvalid or UnusableImage if the frame cannot be decoded.
    """
    source, frame = episode.source.index, episode.source.length // 2 if frame is None else frame
    rows = []
    for camera in plan.cameras[:MOST_CAMERAS]:
        titles = [f"episode {copy.episode_index}" for copy in episode.copies]
        pipelines = pipelines_of(augmentation, metadata, episode, camera, source_files)
        original = _frame(metadata, episode, camera, frame, source_files.open)
        rows.append(before_and_after(camera.key, original, zip(titles, pipelines, strict=True), frame))
    heading = f"{metadata.dataset}, episode {source}, frame {frame}, seed {augmentation.seed}"
    return preview_png(heading, rows, (len(plan.cameras), "cameras"), plan.copies)


def _frame(
    metadata: DatasetMetadata,
    episode: PlannedEpisode,
    camera: Camera,
    frame: int,
    open_file: Callable[[DatasetPath], Path],
) -> NDArray[np.uint8]:
    """One frame, uint8 [1, 3, H, W]."""
    if not camera.is_video:
        (row,) = SourceRows(metadata, open_file).batches(episode.source, 1, frame, frame + 1)
        (content,) = image_contents(row, camera.key, frame)
        return decode_image_of(camera, frame, content).pixels[None]
    span, info = episode.source.videos[camera.key], metadata.info
    first = round(span.from_timestamp * info.fps) + frame
    path = open_file(info.video_file(camera.key, span.file))
    (original,) = decode_segment(VideoSegment(path, first, 1, info.frame_rate))
    return original
