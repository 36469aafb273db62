"""How the augmented cameras of a source are stored, for the estimate of what a job takes."""

from collections.abc import Iterable

from augmentation_api.status import MOST_CAMERAS, MOST_STREAMS, StreamStatus
from augmentation_worker.media.images.header import ImageHeader


def image_stream(header: ImageHeader, bytes_per_frame: int) -> StreamStatus:
    """A camera or column whose frames are images like this one in the rows.

    Args:
        header: of one of them.
        bytes_per_frame: of the rows, shared among all cameras: rows hold little else, and how much each camera takes of
            them their files do not say.
    """
    codec = header.format.value.lower()
    return StreamStatus(codec=codec, height=header.height, width=header.width, bytes_per_frame=bytes_per_frame)


def stream_status(cameras: Iterable[StreamStatus]) -> list[StreamStatus] | None:
    """Cameras that are stored in the same way as one entry, whose bytes are their average.

    None where there are none, or more than the status holds: half an estimate would be a wrong one.
    """
    groups: dict[StreamStatus, list[StreamStatus]] = {}
    for camera in cameras:
        groups.setdefault(camera.model_copy(update={"bytes_per_frame": 0}), []).append(camera)
    if not 0 < len(groups) <= MOST_STREAMS or any(len(group) > MOST_CAMERAS for group in groups.values()):
        return None
    return [
        kind.model_copy(
            update={
                "cameras": len(group),
                "bytes_per_frame": round(sum(camera.bytes_per_frame for camera in group) / len(group)),
            }
        )
        for kind, group in groups.items()
    ]
