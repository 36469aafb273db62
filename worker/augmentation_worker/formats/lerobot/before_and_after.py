"""One frame before and after: a row a camera, the original first, then its augmented versions and what was drawn."""

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from augmentation_api import Augmentation
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.data_table import SourceRows
from augmentation_worker.formats.lerobot.episode_pictures import decode_picture_of, picture_contents
from augmentation_worker.formats.lerobot.frame_rate import frame_rate
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import Plan, PlannedEpisode
from augmentation_worker.formats.lerobot.statistics import channel_means
from augmentation_worker.media.contact_sheet import Cell, draw_contact_sheet
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.transforms.pipeline import sample_pipeline

MOST_CAMERAS, MOST_COPIES = 8, 8
"""Shown of a job that has more."""


def before_and_after(
    metadata: DatasetMetadata,
    plan: Plan,
    augmentation: Augmentation,
    episode: PlannedEpisode,
    open_file: Callable[[DatasetPath], Path],
) -> bytes:
    """Draw the middle frame of an episode, as the cameras saw it and as the job makes it, before encoding.

    Args:
        metadata: of the source.
        plan: the plan.
        augmentation: what the job asks for.
        episode: the episode to show.
        open_file: gives a local copy of a file of the source.

    Returns:
        A PNG.

    Raises:
        VideoInvalid, UnusablePicture: the frame cannot be decoded.
    """
    frame = episode.source.length // 2
    source = episode.source.index
    rows = [
        list(_row(metadata, augmentation, episode, camera, frame, open_file)) for camera in plan.cameras[:MOST_CAMERAS]
    ]
    left_out = max(0, len(plan.cameras) - MOST_CAMERAS), max(0, plan.copies - MOST_COPIES)
    more = f" ({left_out[0]} more cameras, {left_out[1]} more versions)" if any(left_out) else ""
    heading = f"{metadata.dataset}, episode {source}, frame {frame}, seed {augmentation.seed}{more}"
    content = BytesIO()
    draw_contact_sheet(heading, rows).save(content, format="PNG", optimize=True)
    return content.getvalue()


def _row(
    metadata: DatasetMetadata,
    augmentation: Augmentation,
    episode: PlannedEpisode,
    camera: Camera,
    frame: int,
    open_file: Callable[[DatasetPath], Path],
) -> Iterator[Cell]:
    original = _frame(metadata, episode, camera, frame, open_file)
    yield Cell(camera.key, pixels_of(original), ("original",))
    mean = channel_means(metadata.table, episode.source.index, metadata.stats_json, camera.key)
    for copy in episode.copies[:MOST_COPIES]:
        pipeline = sample_pipeline(
            augmentation, camera=camera.key, episode=episode.source.index, copy=copy.copy, episode_mean=mean
        )
        caption = tuple(drawn_line(name, drawn) for name, drawn in pipeline.parameters.items())
        yield Cell(f"episode {copy.episode_index}", pixels_of(pipeline(original, frame)), caption)


def _frame(
    metadata: DatasetMetadata,
    episode: PlannedEpisode,
    camera: Camera,
    frame: int,
    open_file: Callable[[DatasetPath], Path],
) -> torch.Tensor:
    """One frame, uint8 [1, 3, H, W]."""
    if not camera.is_video:
        (row,) = SourceRows(metadata, open_file).batches(episode.source, 1, frame, frame + 1)
        (content,) = picture_contents(row, camera.key, frame)
        return decode_picture_of(camera, frame, content).pixels[None]
    span, info = episode.source.videos[camera.key], metadata.info
    first = round(span.from_timestamp * info.fps) + frame
    path = open_file(info.video_file(camera.key, span.file))
    (original,) = decode_segment(VideoSegment(path, first, 1, frame_rate(info.fps)))
    return original


def pixels_of(frames: torch.Tensor) -> npt.NDArray[np.uint8]:
    """The first of uint8 [N, 3, H, W], as [H, W, 3]."""
    pixels: npt.NDArray[np.uint8] = frames[0].permute(1, 2, 0).contiguous().numpy()
    return pixels


def drawn_line(transform: str, drawn: Mapping[str, object]) -> str:
    """What was drawn for a transform, in a line."""
    return f"{transform}: " + ", ".join(f"{name} {_short(value)}" for name, value in drawn.items())


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    if isinstance(value, list | tuple):
        return f"{len(value)} of them" if value and isinstance(value[0], dict) else str(list(map(_short, value)))
    return str(value)
