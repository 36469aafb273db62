"""Checks of `augmentation.perCamera`, and of parameters, against the cameras that a dataset has."""

from collections.abc import Iterator, Sequence

from augmentation_api import Augmentation, FailureReason
from augmentation_api.presets import PRESETS
from augmentation_api.transforms import TRANSFORM_MODELS, TransformName
from augmentation_worker.failure import WorkerFailure

_FIELD = "spec.augmentation.perCamera"
_MOST_LISTED = 20


def check_camera_entries(augmentation: Augmentation, augmented: Sequence[str], known: Sequence[str]) -> None:
    """Refuse an entry of a camera that is not augmented.

    Args:
        augmentation: what the job asks for.
        augmented: keys of the cameras that the job augments.
        known: keys of all cameras of the dataset.

    Raises:
        WorkerFailure: SELECTION_EMPTY, listing the cameras there are; SPEC_UNSUPPORTED for one that is not augmented.
    """
    for entry in augmentation.per_camera:
        if entry.is_pattern or entry.camera in augmented:
            continue
        if entry.camera not in known:
            raise WorkerFailure(
                FailureReason.SELECTION_EMPTY,
                f"{_FIELD}: the dataset has no camera {entry.camera!r}; it has: {_listed(known)}",
            )
        raise WorkerFailure(
            FailureReason.SPEC_UNSUPPORTED,
            f"{_FIELD}: {entry.camera} is not augmented, so its entry means nothing: remove the entry, or name the "
            f"camera in spec.augmentation.cameras; cameras that are augmented: {_listed(augmented)}",
        )


def warnings_of_entries(augmentation: Augmentation, augmented: Sequence[str]) -> Iterator[str]:
    """One for each pattern that no camera matches, and for parameters of transforms that no camera gets."""
    of_preset = PRESETS[augmentation.preset].transforms_of_cameras if augmentation.preset is not None else {}
    for entry in augmentation.per_camera:
        if entry.is_pattern and not any(map(entry.matches, augmented)):
            whose = f"of preset {augmentation.preset} " if entry.camera in of_preset else ""
            yield (
                f"{_FIELD}: no camera matches the pattern {entry.camera} {whose}({_listed(augmented)} get what all "
                "cameras get): if one is meant, give it an entry under its own key"
            )
    yield from _unused_parameters(augmentation, augmented)


def _unused_parameters(augmentation: Augmentation, augmented: Sequence[str]) -> Iterator[str]:
    """Parameters that were given to transforms which no camera gets: a transform that was forgotten in the list."""
    given = augmentation.effective
    transforms = {camera: given.of_camera(camera).transforms for camera in augmented}
    used = {name for names in transforms.values() for name in names}
    if unused := [name for name in TransformName if name not in used and _has_own(augmentation, name)]:
        yield (
            f"The parameters of {', '.join(unused)} change nothing, as no camera gets "
            f"{'it' if len(unused) == 1 else 'them'}: add to spec.augmentation.transforms what is meant "
            f"({', '.join(given.transforms)} so far), or remove the parameters"
        )
    for entry in augmentation.per_camera:
        matching = [names for camera, names in transforms.items() if entry.matches(camera)]
        idle = [
            name for name in TransformName if entry.parameters(name) and not any(name in names for names in matching)
        ]
        if matching and idle:
            yield (
                f"{_FIELD}, entry {entry.camera}: the parameters of {', '.join(idle)} change nothing, as none of these "
                f"cameras gets {'it' if len(idle) == 1 else 'them'}: add to transforms what is meant, or remove the "
                "parameters"
            )


def _has_own(augmentation: Augmentation, name: TransformName) -> bool:
    """Whether the job's parameters are neither the defaults nor the preset's: clients may send all of the defaults."""
    of_preset = PRESETS[augmentation.preset].parameters.get(name) if augmentation.preset is not None else None
    return getattr(augmentation, name.name.lower()) not in (TRANSFORM_MODELS[name](), of_preset)


def _listed(cameras: Sequence[str]) -> str:
    return ", ".join(cameras[:_MOST_LISTED]) + (", …" if len(cameras) > _MOST_LISTED else "") or "none"
