"""Masks and depths of a LeRobot dataset: which can be read, which can follow their camera where pixels move, and what
stays."""

from collections.abc import Iterator

from augmentation_api import Augmentation
from augmentation_worker.formats.background_images import check_background_images
from augmentation_worker.formats.calibration import check_calibrations, names_in, stale_calibrations
from augmentation_worker.formats.geometry import check_followers, geometry_warnings, leader_of
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.masks import check_masks
from augmentation_worker.storage.port import SourceDataset

_VIDEO_MASK = "is stored as video, which cannot be a mask yet: store its frames as PNG images (dtype image)"


def check_streams(augmentation: Augmentation, metadata: DatasetMetadata) -> None:
    """Refuse streams that cannot follow. Raises WorkerFailure, naming the field."""
    check_followers(augmentation, _augmented(augmentation, metadata), dict.fromkeys(_streams(metadata)))


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
    followed, augmented = leader_of(augmentation), _augmented(augmentation, metadata)
    left = [key for key in metadata.left_alone if key not in followed]
    names = _names_of(metadata)
    calibrations = stale_calibrations(augmentation, augmented, _streams(metadata), names)
    return geometry_warnings(augmentation, augmented, left, names, calibrations)


def check_camera_calibrations(augmentation: Augmentation, metadata: DatasetMetadata) -> None:
    """Refuse to move the pixels of cameras of which the metadata has a calibration. Raises WorkerFailure."""
    check_calibrations(augmentation, _augmented(augmentation, metadata), _streams(metadata), _names_of(metadata))


def _names_of(metadata: DatasetMetadata) -> list[str]:
    """Of columns of rows and episodes, and of facts in info.json."""
    info = metadata.info
    facts = [
        name
        for key, feature in info.features.items()
        for name in names_in({"info": {**(feature.video_info or {}), **(feature.info or {})}} | feature.extra, key)
    ]
    return [*info.features, *facts, *names_in(info.extra), *metadata.episode_columns]


def _streams(metadata: DatasetMetadata) -> list[str]:
    return [camera.key for camera in metadata.info.cameras]


def _augmented(augmentation: Augmentation, metadata: DatasetMetadata) -> list[str]:
    chosen = augmentation.cameras
    return [camera.key for camera in metadata.colour_cameras if not chosen or camera.key in chosen]
