"""Which cameras a job augments and which it leaves alone, said before anything runs."""

from collections.abc import Container, Iterable, Sequence

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.camera_entries import check_camera_entries
from augmentation_worker.formats.geometry import leader_of
from augmentation_worker.formats.lerobot.info import INFO_PATH, Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata

_MOST_CAMERAS_LISTED = 20


def check_cameras(spec: AugmentationJobSpec, metadata: DatasetMetadata) -> None:
    """Refuse cameras that do not exist or cannot be augmented.

    Raises:
        WorkerFailure: SPEC_UNSUPPORTED or SELECTION_EMPTY, listing the cameras there are.
    """
    colour = [camera.key for camera in metadata.colour_cameras]
    known = listed(colour) or "none"
    for key in spec.augmentation.cameras:
        if key in metadata.left_alone:
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"spec.augmentation.cameras: {key} is {metadata.left_alone[key]}, which is never changed; cameras "
                f"that can be augmented: {known}",
            )
        if key not in colour:
            raise WorkerFailure(
                FailureReason.SELECTION_EMPTY,
                f"spec.augmentation.cameras: the dataset has no camera {key!r}; it has: {known}",
            )
    if not colour:
        reasons = _reasons(metadata)
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            "the dataset has no colour camera: there is nothing to augment" + (f" ({reasons})" if reasons else ""),
        )
    augmented = [key for key in colour if not spec.augmentation.cameras or key in spec.augmentation.cameras]
    check_camera_entries(spec.augmentation, augmented, [camera.key for camera in metadata.info.cameras])


def camera_warnings(spec: AugmentationJobSpec, metadata: DatasetMetadata) -> list[str]:
    """What is said before a job runs: which cameras are left alone, and whose images are not of the declared size."""
    chosen = spec.augmentation.cameras
    warnings = []
    moving = leader_of(spec.augmentation)
    if set(metadata.left_alone) - set(moving) and not chosen:
        warnings.append(f"Cameras that stay as they are in all copies: {_reasons(metadata, moving)}")
    images = [
        (camera, metadata.example_images[camera.key].height, metadata.example_images[camera.key].width)
        for camera in metadata.colour_cameras
        if camera.key in metadata.example_images and (not chosen or camera.key in chosen)
    ]
    return warnings + size_warnings(images)


def size_warnings(found: Iterable[tuple[Camera, int, int]]) -> list[str]:
    """A sentence on the cameras of which info.json declares another size than their files have (height, width)."""
    wrong = [
        f"{camera.key} ({camera.shape.width}x{camera.shape.height}, is {width}x{height})"
        for camera, height, width in found
        if camera.shape.with_size(height, width) != list(camera.shape.declared)
    ]
    if not wrong:
        return []
    return [f"{INFO_PATH} declares other sizes than the files have; theirs count, also in the result: {listed(wrong)}"]


def listed(phrases: Sequence[str], between: str = ", ") -> str:
    """Phrases in a row, one per camera; of very many the first."""
    more = f"{between}and {len(phrases) - _MOST_CAMERAS_LISTED} more" if len(phrases) > _MOST_CAMERAS_LISTED else ""
    return between.join(phrases[:_MOST_CAMERAS_LISTED]) + more


def _reasons(metadata: DatasetMetadata, but: Container[str] = ()) -> str:
    return listed([f"{key} is {reason}" for key, reason in metadata.left_alone.items() if key not in but], "; ")
