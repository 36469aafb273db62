"""Which transforms a camera gets in one copy of an episode."""

from augmentation_api import Augmentation
from augmentation_api.copies import transforms_of_copies
from augmentation_api.transforms import TransformName
from augmentation_api.vocabulary import AcrossCameras, AugmentationMode
from augmentation_worker.transforms.keyed_random import KeyedRandom


def transforms_of(augmentation: Augmentation, camera: str, episode: int, copy: int) -> tuple[TransformName, ...]:
    """The transforms of one copy of one episode of one camera, in order of application.

    Of an augmentation that is effective. What `choose` leaves out of a copy is left out of all cameras that share the
    scene: the light would be on in one of them and off in another. A camera's own transforms, which the others do not
    have, are always applied.

    Raises:
        ValueError: for a copy that the mode does not make.
    """
    copies = transforms_of_copies(augmentation)
    if not 0 <= copy < len(copies):
        raise ValueError(f"copy {copy}: the augmentation makes copies 0 to {len(copies) - 1}")
    of_camera = augmentation.of_camera(camera).transforms
    if augmentation.mode is AugmentationMode.INDEPENDENT:
        return tuple(name for name in copies[copy] if name in of_camera)
    left_out = _left_out(augmentation, camera, episode, copy)
    return tuple(name for name in of_camera if name not in left_out)


def _left_out(augmentation: Augmentation, camera: str, episode: int, copy: int) -> set[TransformName]:
    """The transforms of all cameras that a copy does not get: those with the greatest of as many random numbers."""
    if augmentation.choose is None:
        return set()
    whose = None if augmentation.across_cameras is AcrossCameras.SHARED else camera

    def place(name: TransformName) -> float:
        return KeyedRandom(augmentation.seed, whose, episode, copy, f"choose/{name}").unit()

    return set(sorted(augmentation.transforms, key=place)[augmentation.choose :])
