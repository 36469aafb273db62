"""Calibrations in a dataset's metadata, and whether a job may move the pixels of the cameras that they are of.

A calibration says what of the world each pixel shows: where pixels are moved, it is wrong. Whose it is, only its name
says. Torch is not imported here: resolve has to start fast.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from augmentation_api import Augmentation, FailureReason
from augmentation_api.vocabulary import Calibration
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.geometry import leader_of, listed, moving_transforms

_FIELD = "spec.augmentation.calibration"
_CALIBRATION = re.compile(
    r"intrinsic|calib|camera_?matri|distortion|projection|homography|focal_?length|principal_?point"
    r"|(?:^|[^a-z])[cf][xy](?:$|[^a-z])",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]+|\d+")
_ANY_CAMERA = frozenset({"observation", "observations", "images", "image", "cameras", "camera", "cam", "rgb", "color"})
"""Words of a camera's key that tell it from no other camera."""
_MOST_LEVELS, _MOST_NAMES = 4, 10_000


def is_calibration(name: str) -> bool:
    """Whether the name of a column or fact is that of a calibration."""
    return _CALIBRATION.search(name) is not None


def cameras_of(name: str, cameras: Iterable[str]) -> list[str]:
    """The cameras that a calibration of this name is of: all of them where its name says none.

    `observation.camera_intrinsics.top` is that of observation.images.top, `wrist_left.fx` that of wrist_left alone even
    if there is a camera `left`.
    """
    words = set(_WORD.findall(name.lower()))
    own = {camera: {*_WORD.findall(camera.lower())} - _ANY_CAMERA for camera in cameras}
    matched = {camera: len(named) if named <= words else 0 for camera, named in own.items()}
    most = max(matched.values(), default=0)
    return [camera for camera, count in matched.items() if count == most]


def names_in(document: Any, parent: str = "") -> Iterator[str]:
    """The names in nested mappings, with dots; of very deep or large ones the first."""
    levels: list[tuple[str, Any, int]] = [(parent, document, 0)]
    for _ in range(_MOST_NAMES):
        if not levels:
            return
        name, value, level = levels.pop()
        if isinstance(value, Mapping) and level < _MOST_LEVELS:
            inside = [(f"{name}.{key}" if name else str(key), inner, level + 1) for key, inner in value.items()]
            levels += reversed(inside)
        elif name:
            yield name


def stale_calibrations(
    augmentation: Augmentation, augmented: Collection[str], streams: Collection[str], names: Iterable[str]
) -> list[str]:
    """The calibrations that are wrong where the job moves pixels.

    Args:
        augmentation: what the job asks for.
        augmented: the cameras that the job augments.
        streams: the keys of all cameras and streams.
        names: of columns and facts of the dataset.
    """
    moved = {camera for camera in augmented if moving_transforms(augmentation, [camera])}
    moved.update(leader_of(augmentation))
    found = [name for name in dict.fromkeys(names) if moved and is_calibration(name)]
    return [name for name in found if not moved.isdisjoint(cameras_of(name, streams))]


def check_calibrations(
    augmentation: Augmentation, augmented: Collection[str], streams: Collection[str], names: Iterable[str]
) -> None:
    """Refuse to move the pixels of a camera with a calibration, unless the job keeps it. Arguments as above.

    Raises:
        WorkerFailure: SPEC_UNSUPPORTED, naming the calibrations, the transforms and both ways out.
    """
    if augmentation.calibration is Calibration.KEEP:
        return
    found = stale_calibrations(augmentation, augmented, streams, names)
    if found:
        moving = ", ".join(moving_transforms(augmentation, augmented))
        raise WorkerFailure(
            FailureReason.SPEC_UNSUPPORTED,
            f"{_FIELD} is refuse, and {moving} moves the pixels of cameras of which the dataset has a calibration "
            f"({listed(found)}), which would be wrong in the augmented copies. Leave {moving} out (by "
            "spec.augmentation.perCamera of these cameras only), or set the field to keep, if nothing that is trained "
            "reads it",
        )
