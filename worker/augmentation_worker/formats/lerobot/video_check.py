"""Looking into a video that was written: before it is stored, and at some after they were fetched back.

The check needs the decoder, and the decoder torch, which takes seconds to import: it is imported when a video is there.
"""

from pathlib import Path

from augmentation_worker.formats.lerobot.frame_rate import frame_rate
from augmentation_worker.formats.lerobot.integrity import broken


def check_written_video(local: Path, path: str, fps: float, frames: int) -> None:
    """The video has `frames` frames, each at its time, and decodes at both ends.

    Raises:
        WorkerFailure: INTEGRITY_CHECK_FAILED, with the path in the dataset.
    """
    from augmentation_worker.media.video import VideoInvalid, check_video  # noqa: PLC0415

    try:
        check_video(local, frame_rate(fps), frames)
    except VideoInvalid as error:
        place = "" if error.frame is None else f"frame {error.frame} "
        raise broken(f"{path}: {place}{error.found}") from error
