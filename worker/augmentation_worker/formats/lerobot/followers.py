"""Masks and depths of a LeRobot dataset: which can be read, which can follow their camera where pixels move, and what
stays."""

from collections.abc import Iterator

from augmentation_api import Augmentation
from augmentation_worker.formats.background_images import check_background_images
from augmentation_worker.formats.geometry import check_followers, geometry_warnings, leader_of
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.masks import check_masks
from augmentation_worker.storage.port import SourceDataset

_VIDEO = (
    "is stored as video, which cannot move with its camera yet: store its frames as images (dtype image), or leave it "
    "out and do not train on it in the augmented copies"
)

_VIDEO_MASK = "is stored as video, which cannot be a mask yet: store its frames as PNG images (dtype image)"


def check_streams(augmentation: Augmentation, metadata: DatasetMetadata) -> None:
    """Refuse streams that cannot follow. Raises WorkerFailure, naming the field."""
    streams = {camera.key: _VIDEO if camera.is_video else None for camera in metadata.info.cameras}
    check_followers(augmentation, _augmented(augmentation, metadata), streams)


def check_camera_masks(augmentation: Augmentation, metadata: DatasetMetadata, source: SourceDataset) -> None:
    """Refuse masks, and images behind what they keep, that are not there or cannot be read.

    Raises:
        WorkerFailure: naming the field.
    """
    streams = {camera.key: _VIDEO_MASK if camera.is_video else None for camera in metadata.info.cameras}
    check_masks(augmentation, _augmented(augmentation, metadata), streams)
    check_background_images(augmentation, _augmented(augmentation, metadata), source)


def moving_warnings(augmentation: Augmentation, metadata: DatasetMetadata) -> Iterator[str]:
    """What the user should know before pixels are moved: streams and columns that keep the source's values."""
    followed = leader_of(augmentation)
    left = [key for key in metadata.left_alone if key not in followed]
    facts = [
        f"{key}.info.{fact}"
        for key, feature in metadata.info.features.items()
        for fact in {**(feature.video_info or {}), **(feature.info or {})}
    ]
    return geometry_warnings(augmentation, _augmented(augmentation, metadata), left, [*metadata.info.features, *facts])


def _augmented(augmentation: Augmentation, metadata: DatasetMetadata) -> list[str]:
    chosen = augmentation.cameras
    return [camera.key for camera in metadata.colour_cameras if not chosen or camera.key in chosen]
