"""What resolve says of a job that moves pixels: which streams follow, and what of the dataset does not.

Torch is not imported here: resolve has to start fast.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from augmentation_api import Augmentation, FailureReason
from augmentation_api.transforms import TransformName
from augmentation_worker.failure import WorkerFailure

GEOMETRIC = (TransformName.AFFINE, TransformName.CROP_RESIZE, TransformName.PERSPECTIVE)
"""The transforms that move pixels."""
_PLACES = re.compile(
    r"language_events|bbox|bounding_?box|keypoint|landmark|polygon"
    r"|(?:^|[^a-z])(?:boxes|pixels?|uv)(?:$|[^a-z])",
    re.IGNORECASE,
)
"""Names of columns and facts that say where something is in the frame: those of object detection (`objects.bbox`);
LeRobot's answers and traces in pixels (styles vqa and trace, https://github.com/huggingface/lerobot,
datasets/language.py)."""
_MOST_NAMED = 10


def moving_transforms(augmentation: Augmentation, cameras: Iterable[str]) -> tuple[TransformName, ...]:
    """Those of the transforms of these cameras that move pixels."""
    asked = augmentation.effective
    names = {name for camera in cameras for name in asked.of_camera(camera).transforms}
    return tuple(name for name in GEOMETRIC if name in names)


def leader_of(augmentation: Augmentation) -> Mapping[str, str]:
    """By each stream that moves with a camera, that camera; without those of cameras that do not move."""
    followed = augmentation.also_apply_to or {}
    moving = {camera: streams for camera, streams in followed.items() if moving_transforms(augmentation, [camera])}
    return {stream: camera for camera, streams in moving.items() for stream in streams}


def check_followers(augmentation: Augmentation, augmented: Collection[str], streams: Mapping[str, str | None]) -> None:
    """Refuse streams that cannot move with their camera.

    Args:
        augmentation: what the job asks for.
        augmented: the cameras that the job augments.
        streams: by the key of every camera and stream of the dataset, why it cannot follow, as a clause, or None.

    Raises:
        WorkerFailure: SPEC_UNSUPPORTED or SELECTION_EMPTY, naming the field, the key and the fix.
    """
    field = "spec.augmentation.alsoApplyTo"
    offered = f"it has: {listed([key for key in streams if key not in augmented])}"
    for camera, followers in (augmentation.also_apply_to or {}).items():
        check_streams_of_camera(field, camera, followers, augmented, streams, offered)


def check_streams_of_camera(
    field: str,
    camera: str,
    named: Iterable[str],
    augmented: Collection[str],
    streams: Mapping[str, str | None],
    offered: str,
) -> None:
    """Refuse streams that a field names for a camera and that cannot serve it.

    Args:
        field: of the spec.
        camera: that the field names them for.
        named: keys of the streams.
        augmented: the cameras that the job augments.
        streams: by the key of every camera and stream of the dataset, why it cannot serve, as a clause, or None.
        offered: which streams there are instead, as a clause.

    Raises:
        WorkerFailure: SPEC_UNSUPPORTED or SELECTION_EMPTY, naming the field, the key and the fix.
    """
    if camera not in augmented:
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"{field}: {camera!r} is no camera that the job augments; those are: {listed(augmented)}",
        )
    for stream in named:
        if stream not in streams:
            raise WorkerFailure(
                FailureReason.SELECTION_EMPTY, f"{field}.{camera}: the dataset has no stream {stream!r}; {offered}"
            )
        if stream in augmented:
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"{field}.{camera}: {stream} is augmented itself: name the cameras to augment in "
                "spec.augmentation.cameras, without it",
            )
        if (reason := streams[stream]) is not None:
            raise WorkerFailure(FailureReason.SPEC_UNSUPPORTED, f"{field}.{camera}: {stream} {reason}")


def geometry_warnings(
    augmentation: Augmentation,
    augmented: Collection[str],
    left_behind: Iterable[str],
    names: Iterable[str],
    calibrations: Iterable[str],
) -> Iterator[str]:
    """What the user should know before pixels are moved.

    Args:
        augmentation: what the job asks for.
        augmented: the cameras that the job augments.
        left_behind: depth and mask streams, and other images, that do not move.
        names: of columns and facts of the dataset.
        calibrations: those of cameras that move.
    """
    for camera in augmentation.also_apply_to or ():
        if not moving_transforms(augmentation, [camera]):
            yield (
                f"spec.augmentation.alsoApplyTo.{camera} moves nothing: none of the camera's transforms moves pixels "
                f"({', '.join(GEOMETRIC)})"
            )
    moving = ", ".join(moving_transforms(augmentation, augmented))
    if not moving:
        return
    if left := [*left_behind]:
        yield (
            f"{moving} moves the pixels of cameras, but not those of {listed(left)}: masks and depths no longer lie "
            "on what they describe in the augmented copies; name them in spec.augmentation.alsoApplyTo, or leave these "
            "transforms out"
        )
    if stale := [*calibrations, *(name for name in names if _PLACES.search(name))]:
        yield (
            f"{moving} moves the pixels of cameras, but the values of {listed(stale)} stay the source's: calibrations "
            "and places in the frame are wrong in the augmented copies; do not train on them there, or leave these "
            "transforms out"
        )


def listed(names: Collection[str]) -> str:
    """Names in a row, of very many the first."""
    most = [*names][:_MOST_NAMED]
    more = f" and {len(names) - len(most)} more" if len(names) > len(most) else ""
    return ", ".join(most) + more if most else "none"
