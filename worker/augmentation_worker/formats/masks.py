"""What resolve says of masks: which camera needs one, and which stream can be one.

Torch is not imported here: resolve has to start fast.
"""

from collections.abc import Collection, Iterator, Mapping

from augmentation_api import Augmentation, FailureReason
from augmentation_api.transforms import TransformName
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.geometry import check_streams_of_camera, listed

_FIELD = "spec.augmentation.masks"


def masked_transforms(augmentation: Augmentation, camera: str) -> tuple[TransformName, ...]:
    """Those of a camera's transforms that read its mask."""
    own = augmentation.effective.of_camera(camera)
    reading = {TransformName.BACKGROUND}
    if own.occlusion.where != "anywhere":
        reading.add(TransformName.OCCLUSION)
    return tuple(name for name in own.transforms if name in reading)


def check_masks(
    augmentation: Augmentation,
    augmented: Collection[str],
    streams: Mapping[str, str | None],
    folders: Collection[str] = (),
    or_folder: str = "",
) -> None:
    """Refuse a camera whose transforms need a mask that it has not, and streams that cannot be masks.

    Args:
        augmentation: what the job asks for.
        augmented: the cameras that the job augments.
        streams: by the key of every camera and stream of the dataset, why it cannot be a mask, as a clause, or None.
        folders: those of the masks that are folders of the source.
        or_folder: what else can be named, as the end of a clause.

    Raises:
        WorkerFailure: SPEC_UNSUPPORTED or SELECTION_EMPTY, naming the field, the key and the fix.
    """
    masks = augmentation.masks or {}
    usable = [key for key, reason in streams.items() if key not in augmented and reason is None]
    offered = f"those that can be masks: {listed(usable)}{or_folder}"
    for camera, stream in masks.items():
        named = [] if stream in folders else [stream]
        check_streams_of_camera(_FIELD, camera, named, augmented, streams, offered)
    for camera in augmented:
        needing = masked_transforms(augmentation, camera)
        if needing and camera not in masks:
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"{_FIELD}: {camera} has no mask, which {', '.join(needing)} needs: name its mask there, as {camera}: "
                f"MASK ({offered}), or give the camera other transforms in "
                "spec.augmentation.perCamera",
            )


def mask_warnings(augmentation: Augmentation) -> Iterator[str]:
    """Masks that nothing reads."""
    for camera in augmentation.masks or ():
        if not masked_transforms(augmentation, camera):
            yield (
                f"{_FIELD}.{camera} changes nothing: none of the camera's transforms reads a mask (background; "
                "occlusion with where avoidMask or onMask)"
            )
