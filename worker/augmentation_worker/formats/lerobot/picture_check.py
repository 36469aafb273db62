"""Looking into rows with pictures that were written: before they are stored, and at some after they were fetched back.

Pictures need the decoder, and the decoder torch, which takes seconds to import: it is imported when a picture is there.
"""

from collections.abc import Sequence
from pathlib import Path

from augmentation_worker.formats.lerobot.data_table import SourceRows
from augmentation_worker.formats.lerobot.info import Camera, DatasetInfo
from augmentation_worker.formats.lerobot.integrity import broken
from augmentation_worker.formats.lerobot.plan import PlannedCopy, PlannedEpisode
from augmentation_worker.formats.lerobot.rows_check import check_written_rows


def check_written_pictures(
    local: Path,
    path: str,
    episode: PlannedEpisode,
    copies: Sequence[PlannedCopy],
    source: SourceRows,
    info: DatasetInfo,
    cameras: Sequence[Camera],
) -> None:
    """All but the pictures is the source's, and the first and last picture of the augmented cameras can be decoded.

    Raises:
        WorkerFailure: INTEGRITY_CHECK_FAILED with the first finding.
    """
    from augmentation_worker.formats.lerobot.episode_pictures import (  # noqa: PLC0415
        UnusablePicture,
        decode_picture_of,
        picture_contents,
    )

    for row in check_written_rows(local, path, episode, copies, source, info):
        for camera in cameras:
            try:
                (content,) = picture_contents(row, camera.key, 0)
                decode_picture_of(camera, 0, content)
            except UnusablePicture as error:
                raise broken(f"{path}, camera {camera.key}: {error.found}") from error
