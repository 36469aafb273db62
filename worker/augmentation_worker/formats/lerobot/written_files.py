"""Checks of files that were written, read back: before they are stored, and of some after they were fetched back.

Decoders are imported only when there is something to check: that of videos needs PyAV, which would add a quarter to the
start-up of resolve.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.lerobot.data_table import SourceRows, augmented_rows
from augmentation_worker.formats.lerobot.image_cells import UnusableImage, check_image_of, image_contents
from augmentation_worker.formats.lerobot.info import Camera, DatasetInfo
from augmentation_worker.formats.lerobot.plan import PlannedCopy, PlannedEpisode
from augmentation_worker.formats.tables import columns_difference, table_difference


def check_written_video(local: Path, path: str, rate: Fraction, frames: int) -> None:
    """Check that a video has `frames` frames, each at its time, and decodes at both ends.

    Raises WorkerFailure(INTEGRITY_CHECK_FAILED), with the path in the dataset.
    """
    from augmentation_worker.media.video.check import check_video  # noqa: PLC0415
    from augmentation_worker.media.video.container_file import VideoInvalid  # noqa: PLC0415

    try:
        check_video(local, rate, frames)
    except VideoInvalid as error:
        place = "" if error.frame is None else f"frame {error.frame} "
        raise broken(f"{path}: {place}{error.finding}") from error


def check_written_images(
    local: Path,
    path: str,
    parts: Sequence[tuple[PlannedEpisode, Sequence[PlannedCopy]]],
    source: SourceRows,
    info: DatasetInfo,
    cameras: Sequence[Camera],
) -> None:
    """Check that all but the images is the source's, and that the first and last image of each camera decode.

    `parts` are the episodes in the file, each with its copies there.
    Raises WorkerFailure(INTEGRITY_CHECK_FAILED) with the first finding.
    """
    for row in _check_written_rows(local, path, parts, source, info):
        for camera in cameras:
            try:
                (content,) = image_contents(row, camera.key, 0)
                check_image_of(camera, 0, content)
            except UnusableImage as error:
                raise broken(f"{path}, camera {camera.key}: {error.finding}") from error


def _check_written_rows(
    local: Path,
    path: str,
    parts: Sequence[tuple[PlannedEpisode, Sequence[PlannedCopy]]],
    source: SourceRows,
    info: DatasetInfo,
) -> list[pa.Table]:
    """Check that all but the images are the source's rows, bit by bit. Returns the first and the last, with images."""
    images = {camera.key for camera in info.image_cameras}
    try:
        with pq.ParquetFile(local, pre_buffer=False) as file:
            difference = columns_difference(source.schema(), file.schema_arrow)
            if difference is not None:
                raise broken(f"{path}, compared with the source, {difference}")
            others = [name for name in file.schema_arrow.names if name not in images]
            stored = file.read(columns=others)
            ends = [file.read_row_group(0), file.read_row_group(file.num_row_groups - 1)] if file.num_row_groups else []
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        raise broken(f"{path} cannot be read: {error}") from error
    expected = pa.concat_tables(
        [augmented_rows(source.of(episode.source), copy) for episode, copies in parts for copy in copies]
    )
    difference = table_difference(expected, stored)
    if difference is not None:
        raise broken(f"{path}, compared with the source, {difference}")
    first, last = ends
    return [first.slice(0, 1), last.slice(last.num_rows - 1, 1)]
