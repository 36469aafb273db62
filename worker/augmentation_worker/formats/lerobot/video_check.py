"""Checks of written videos: of each before it is stored, and of some after they were fetched back."""

from pathlib import Path

from augmentation_worker.formats.lerobot.frame_rate import frame_rate
from augmentation_worker.formats.lerobot.integrity import broken
from augmentation_worker.media.video.check import check_video
from augmentation_worker.media.video.container_file import VideoInvalid


def check_written_video(local: Path, path: str, fps: float, frames: int) -> None:
    """The video has `frames` frames, each at its time, and decodes at both ends.

    Raises:
        WorkerFailure: INTEGRITY_CHECK_FAILED, with the path in the dataset.
    """
    try:
        check_video(local, frame_rate(fps), frames)
    except VideoInvalid as error:
        place = "" if error.frame is None else f"frame {error.frame} "
        raise broken(f"{path}: {place}{error.found}") from error
