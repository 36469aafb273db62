"""Which versions a job makes of an episode, and which transforms each of them gets. Plain data: no torch."""

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_api.vocabulary import AugmentationMode


def transforms_of_copies(augmentation: Augmentation) -> tuple[tuple[TransformName, ...], ...]:
    """For each copy of an episode, by its index, the transforms it is made of, in order of application.

    stacked: each of the `copies` has all transforms. independent: the copies of the first transform, then those of
    the second, and so on; `copiesPerTransform` each, or else one.
    """
    augmentation = augmentation.effective
    names = tuple(augmentation.transforms)
    if augmentation.mode is AugmentationMode.STACKED:
        return (names,) * augmentation.copies
    per_transform = augmentation.copies_per_transform or {}
    return tuple((name,) for name in names for _ in range(per_transform.get(name, 1)))
