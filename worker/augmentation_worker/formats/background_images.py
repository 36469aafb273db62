"""The images of a source that are put behind what masks keep.

Torch is not imported here: resolve has to start fast.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from functools import cached_property
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from augmentation_api import Augmentation, FailureReason
from augmentation_api.transforms import TransformName
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.masks import masked_transforms
from augmentation_worker.media.images.cover import cover
from augmentation_worker.media.images.header import ImageInvalid
from augmentation_worker.storage.port import SourceDataset

MOST_IMAGES, MOST_IMAGE_BYTES = 100_000, 32 * 2**20
"""In the folder, and in one file of it."""
_MOST_KEPT_BYTES = 64 * 2**20
"""Of encoded images that are kept for the next episode or row."""
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_FIELD, _IMAGES = "spec.augmentation.backgroundImages", "images"


def image_paths(folder: str, paths: Iterable[DatasetPath]) -> list[DatasetPath]:
    """The images below a folder, sorted."""
    return sorted(path for path in paths if path.startswith(f"{folder}/") and path.lower().endswith(_SUFFIXES))


def check_background_images(
    augmentation: Augmentation, cameras: Collection[str], source: SourceDataset, rows: Collection[DatasetPath] = ()
) -> None:
    """Refuse backgrounds that are images, and a folder that has none, or one of `rows`, the dataset's own images.

    Raises:
        WorkerFailure: SPEC_UNSUPPORTED or SELECTION_EMPTY, naming the field, the folder and the fix.
    """
    folder = augmentation.background_images
    if folder is None:
        for camera in cameras:
            kind = augmentation.effective.of_camera(camera).background.kind
            if kind == _IMAGES and TransformName.BACKGROUND in masked_transforms(augmentation, camera):
                raise WorkerFailure(
                    FailureReason.SPEC_UNSUPPORTED,
                    f"{_FIELD} is not given, and the background of {camera} is of the kind images: name a folder of "
                    "the source with images there, or set background.kind to color, noise or mixed",
                )
        return
    found = image_paths(folder, source.paths)
    if not found:
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"{_FIELD}: the source {source.name} has no image below {folder}/ ({', '.join(_SUFFIXES)}): name a folder "
            "with images, or leave the field out",
        )
    own = next((path for path in found if path in rows), None)
    if own is not None:
        raise WorkerFailure(
            FailureReason.SPEC_UNSUPPORTED,
            f"{_FIELD}: {own} is the image of a row of the dataset: move the backgrounds to a folder that `datasets` "
            "takes for no split, e.g. by naming data_files in README.md",
        )
    if len(found) > MOST_IMAGES:
        raise WorkerFailure(
            FailureReason.LIMIT_EXCEEDED,
            f"{_FIELD}: {folder} has {len(found)} images, more than the {MOST_IMAGES} allowed: name a smaller folder",
        )
    large = next((path for path in found if source.size(path) > MOST_IMAGE_BYTES), None)
    if large is not None:
        raise WorkerFailure(
            FailureReason.LIMIT_EXCEEDED,
            f"{_FIELD}: {large} has {source.size(large)} bytes, more than the {MOST_IMAGE_BYTES} allowed: store it "
            "smaller",
        )


class SourceImages:
    """The images below a folder of the source; one is read by the thread that asks, and decoded where it is used."""

    def __init__(self, source: SourceDataset, folder: str) -> None:
        self._source, self._folder = source, folder
        self._lock = Lock()
        self._contents: OrderedDict[DatasetPath, bytes] = OrderedDict()

    @classmethod
    def of_job(cls, augmentation: Augmentation, source: SourceDataset) -> "SourceImages | None":
        """Those that a job names; None if it names none."""
        folder = augmentation.background_images
        return None if folder is None else cls(source, folder)

    @cached_property
    def names(self) -> list[DatasetPath]:
        """Their paths, sorted."""
        return image_paths(self._folder, self._source.paths)

    def load(self, name: str) -> "StoredImage":
        """One of them. Raises WorkerFailure."""
        path = DatasetPath(name)
        with self._lock:  # one thread must not drop what another reads
            content = self._contents.get(path)
            if content is None:
                content = self._source.read(path, MOST_IMAGE_BYTES)
                if content is None:
                    raise self._source.lacks(path)
                self._source.drop(path)
                self._contents[path] = content
                while len(self._contents) > 1 and sum(map(len, self._contents.values())) > _MOST_KEPT_BYTES:
                    self._contents.popitem(last=False)
            self._contents.move_to_end(path)
        return StoredImage(path, content)


class StoredImage:
    """An encoded image that covers a frame when it is called."""

    def __init__(self, path: DatasetPath, content: bytes) -> None:
        self._path, self._content = path, content

    def __call__(self, height: int, width: int, left: float, top: float) -> NDArray[np.uint8]:
        """uint8 [3, height, width], cut as `cover` does. Raises WorkerFailure if it cannot be decoded."""
        try:
            return cover(self._content, height, width, left, top)
        except ImageInvalid as error:
            # Not the episode's fault: none is left out because of it.
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"{_FIELD}: {self._path} {error.finding}: replace it, or remove it from the folder",
            ) from error
