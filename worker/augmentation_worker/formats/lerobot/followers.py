"""Masks and depths of a LeRobot dataset: which can be read, which can follow their camera where pixels move, and what
stays."""

from collections.abc import Iterator, Sequence

from augmentation_api import Augmentation
from augmentation_worker.failure import SourceInvalid
from augmentation_worker.formats.background_images import check_background_images
from augmentation_worker.formats.bad_episodes import LEAVE_OUT
from augmentation_worker.formats.calibration import check_calibrations, names_in, stale_calibrations
from augmentation_worker.formats.geometry import check_followers, geometry_warnings, leader_of
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.mask_folder import EXAMPLE, is_folder, missing_masks
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import Follower
from augmentation_worker.formats.masks import check_masks, masked_transforms
from augmentation_worker.storage.port import SourceDataset

_OR_FOLDER = f", or a folder of the source with {EXAMPLE} and so on"


def check_streams(augmentation: Augmentation, metadata: DatasetMetadata) -> None:
    """Refuse streams that cannot follow. Raises WorkerFailure, naming the field."""
    check_followers(augmentation, _augmented(augmentation, metadata), dict.fromkeys(_streams(metadata)))


def check_camera_masks(augmentation: Augmentation, metadata: DatasetMetadata, source: SourceDataset) -> None:
    """Refuse masks, and images behind what they keep, that are not there or cannot be read.

    Raises:
        WorkerFailure: naming the field.
    """
    augmented, streams = _augmented(augmentation, metadata), dict.fromkeys(_streams(metadata))
    named = [mask for mask in (augmentation.masks or {}).values() if mask not in streams]
    folders = [mask for mask in named if is_folder(mask, source.paths)]
    check_masks(augmentation, augmented, streams, folders, _OR_FOLDER)
    check_background_images(augmentation, _augmented(augmentation, metadata), source)


def moving_warnings(augmentation: Augmentation, metadata: DatasetMetadata) -> Iterator[str]:
    """What the user should know before pixels are moved: streams and columns that keep the source's values."""
    followed, augmented = leader_of(augmentation), _augmented(augmentation, metadata)
    left = [key for key in metadata.left_alone if key not in followed]
    names = _names_of(metadata)
    calibrations = stale_calibrations(augmentation, augmented, _streams(metadata), names)
    return geometry_warnings(augmentation, augmented, left, names, calibrations)


def mask_videos(augmentation: Augmentation, metadata: DatasetMetadata) -> list[Follower]:
    """The cameras whose masks are read from a video, each with the stream that they are in."""
    streams = {camera.key: camera for camera in metadata.info.cameras}
    named = {camera: streams.get(mask) for camera, mask in (augmentation.masks or {}).items()}
    return [
        Follower(streams[camera], stream)
        for camera, stream in named.items()
        if stream is not None and stream.is_video and masked_transforms(augmentation, camera)
    ]


def check_mask_folders(
    augmentation: Augmentation,
    metadata: DatasetMetadata,
    episodes: Sequence[Episode],
    source: SourceDataset,
    leave_out: bool,
) -> list[str]:
    """Find episodes that have not as many masks in a folder as they have frames.

    Returns:
        What to say of them where the job leaves them out (`leave_out`).

    Raises:
        WorkerFailure: SOURCE_INVALID, naming the first, where it does not, or where none has.
    """
    warnings, streams = [], _streams(metadata)
    for camera, folder in (augmentation.masks or {}).items():
        if folder in streams or not masked_transforms(augmentation, camera):
            continue
        found = [(episode, missing_masks(folder, episode, source.paths)) for episode in episodes]
        wrong = [f"episode {episode.index} {finding}" for episode, finding in found if finding is not None]
        if wrong:
            more = f", and {len(wrong) - 1} more of {len(found)} episodes" if len(wrong) > 1 else ""
            said = f"spec.augmentation.masks.{camera}: {folder}: {wrong[0]}{more}"
            if not leave_out or len(wrong) == len(found):
                raise SourceInvalid(
                    f"{said}: a folder of masks needs one for each frame, as {EXAMPLE}",
                    f"{LEAVE_OUT}; spec.onBadEpisode: skip leaves out all that cannot be used",
                )
            warnings.append(f"Episodes that cannot be used are left out (spec.onBadEpisode): {said}")
    return warnings


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
