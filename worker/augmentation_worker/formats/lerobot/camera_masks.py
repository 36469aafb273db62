"""The masks of LeRobot's cameras: which streams can be masks, and those of an episode, read as its frames need them."""

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from augmentation_api import Augmentation
from augmentation_worker.failure import SourceInvalid
from augmentation_worker.formats.bad_episodes import LEAVE_OUT
from augmentation_worker.formats.lerobot.data_table import SourceRows
from augmentation_worker.formats.lerobot.episode_images import UnusableImage, image_contents
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata, OpenFile
from augmentation_worker.formats.masks import masked_transforms
from augmentation_worker.media.images.header import ImageInvalid
from augmentation_worker.media.images.mask import decode_mask

_MOST_BATCHES = 4
"""Batches of masks that are kept decoded: all copies of an episode ask for the same, one soon after the other."""


def masks_of(
    augmentation: Augmentation, metadata: DatasetMetadata, episode: Episode, camera: str, open_file: OpenFile
) -> "StoredMasks | None":
    """The masks of a camera in an episode; None if none of its transforms reads them."""
    stream: Mapping[str, str] = augmentation.masks or {}
    if camera not in stream or not masked_transforms(augmentation, camera):
        return None
    return StoredMasks(metadata, episode, stream[camera], open_file)


class StoredMasks:
    """Masks of an episode that are stored as images in its rows. Called by several threads."""

    def __init__(self, metadata: DatasetMetadata, episode: Episode, stream: str, open_file: OpenFile) -> None:
        self._metadata, self._episode, self._stream = metadata, episode, stream
        # Opened in the caller's thread: later it is the threads of the copies that read.
        numbers = {metadata.data_numbers[0], episode.data_file}
        opened = {path: open_file(path) for path in map(metadata.info.data_file, numbers)}
        self._rows = SourceRows(metadata, opened.__getitem__)
        self._lock = Lock()
        self._batches: OrderedDict[tuple[int, int], NDArray[np.uint8]] = OrderedDict()

    def __call__(self, first_frame: int, count: int, height: int, width: int) -> NDArray[np.uint8]:
        """uint8 [count, height, width], 255 where a pixel is kept. Raises WorkerFailure(SOURCE_INVALID)."""
        with self._lock:
            batch = self._batches.get((first_frame, count))
            if batch is None:
                try:
                    batch = self._decoded(first_frame, count, height, width)
                except UnusableImage as error:
                    path = self._metadata.info.data_file(self._episode.data_file)
                    raise SourceInvalid(
                        f"episode {self._episode.index}, mask {error.camera}, frame {error.frame} in {path}: "
                        f"{error.finding}",
                        LEAVE_OUT,
                    ) from error
                self._batches[first_frame, count] = batch
                if len(self._batches) > _MOST_BATCHES:
                    self._batches.popitem(last=False)
            return batch

    def _decoded(self, first_frame: int, count: int, height: int, width: int) -> NDArray[np.uint8]:
        rows = self._rows.images(self._episode, self._stream, first_frame, first_frame + count)
        masks = np.empty((count, height, width), np.uint8)
        for place, content in enumerate(image_contents(rows, self._stream, first_frame)):
            frame = first_frame + place
            try:
                mask = decode_mask(content)
            except ImageInvalid as error:
                raise UnusableImage(self._stream, frame, f"the mask {error.finding}") from error
            if mask.shape != (height, width):
                found = f"{mask.shape[1]}x{mask.shape[0]}"
                raise UnusableImage(self._stream, frame, f"the mask has {found} pixels, its camera's {width}x{height}")
            masks[place] = mask
        return masks
