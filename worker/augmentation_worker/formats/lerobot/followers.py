"""Masks and depths of a LeRobot dataset where pixels move: which streams can follow their camera, and what stays."""

from collections.abc import Iterator

from augmentation_api import Augmentation
from augmentation_worker.formats.geometry import check_followers, geometry_warnings, leader_of
from augmentation_worker.formats.lerobot.info import Camera, DatasetInfo

_VIDEO = (
    "is stored as video, which cannot move with its camera yet: store its frames as images (dtype image), or leave it "
    "out and do not train on it in the augmented copies"
)


def check_streams(augmentation: Augmentation, info: DatasetInfo) -> None:
    """Refuse streams that cannot follow. Raises WorkerFailure, naming the field."""
    augmented = [camera.key for camera in info.cameras if _is_augmented(camera, augmentation)]
    check_followers(augmentation, augmented, {each.key: _VIDEO if each.is_video else None for each in info.cameras})


def moving_warnings(augmentation: Augmentation, info: DatasetInfo) -> Iterator[str]:
    """What the user should know before pixels are moved: streams and columns that keep the source's values."""
    followed = leader_of(augmentation)
    left = [camera.key for camera in info.cameras if not camera.is_colour and camera.key not in followed]
    facts = [
        f"{key}.info.{fact}"
        for key, feature in info.features.items()
        for fact in {**(feature.video_info or {}), **(feature.info or {})}
    ]
    augmented = [camera.key for camera in info.cameras if _is_augmented(camera, augmentation)]
    return geometry_warnings(augmentation, augmented, left, [*info.features, *facts])


def _is_augmented(camera: Camera, augmentation: Augmentation) -> bool:
    return camera.is_colour and (not augmentation.cameras or camera.key in augmentation.cameras)
