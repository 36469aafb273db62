"""Checks of `augmentation.perCamera` against the cameras that a dataset has."""

from collections.abc import Iterator, Sequence

from augmentation_api import Augmentation, FailureReason
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
    """One for each pattern that no camera matches."""
    for entry in augmentation.per_camera:
        if entry.is_pattern and not any(map(entry.matches, augmented)):
            whose = f"of preset {augmentation.preset} " if augmentation.preset is not None else ""
            yield (
                f"{_FIELD}: no camera matches the pattern {entry.camera} {whose}({_listed(augmented)} get what all "
                "cameras get): if one is meant, give it an entry under its own key"
            )


def _listed(cameras: Sequence[str]) -> str:
    return ", ".join(cameras[:_MOST_LISTED]) + (", …" if len(cameras) > _MOST_LISTED else "") or "none"
