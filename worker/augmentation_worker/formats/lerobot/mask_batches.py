"""The masks of a camera in one episode, read as its frames need them, whatever they are stored in."""

from collections import OrderedDict
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from augmentation_worker.failure import SourceInvalid
from augmentation_worker.formats.bad_episodes import LEAVE_OUT
from augmentation_worker.formats.lerobot.image_cells import UnusableImage
from augmentation_worker.media.images.header import ImageInvalid
from augmentation_worker.media.images.mask import decode_mask

_MOST_BATCHES = 4
"""Batches of masks that are kept decoded: all copies of an episode ask for the same, one soon after the other."""


class MaskBatches:
    """Masks of an episode. Called by several threads.

    Args:
        episode: index of the episode.
        stream: key of the stream, or the folder, that the masks are in.
    """

    def __init__(self, episode: int, stream: str) -> None:
        self._episode, self._stream = episode, stream
        self._lock = Lock()
        self._batches: OrderedDict[tuple[int, int], NDArray[np.uint8]] = OrderedDict()

    def decode(self, first_frame: int, count: int, height: int, width: int) -> NDArray[np.uint8]:
        """As a call, each time from the file; one thread at a time. Raises UnusableImage, too."""
        raise NotImplementedError

    def file_of(self, frame: int) -> str:
        """Path of the file that the mask of a frame is in."""
        raise NotImplementedError

    def __call__(self, first_frame: int, count: int, height: int, width: int) -> NDArray[np.uint8]:
        """uint8 [count, height, width], 255 where a pixel is kept. Raises WorkerFailure(SOURCE_INVALID)."""
        with self._lock:
            batch = self._batches.get((first_frame, count))
            if batch is None:
                try:
                    batch = self.decode(first_frame, count, height, width)
                except UnusableImage as error:
                    raise self.unusable(error.frame, error.finding) from error
                self._batches[first_frame, count] = batch
                if len(self._batches) > _MOST_BATCHES:
                    self._batches.popitem(last=False)
            self._batches.move_to_end((first_frame, count))
            return batch

    def unusable(self, frame: int, finding: str) -> SourceInvalid:
        """The failure of an episode whose mask of a frame cannot be used."""
        return SourceInvalid(
            f"episode {self._episode}, mask {self._stream}, frame {frame} in {self.file_of(frame)}: {finding}",
            LEAVE_OUT,
        )

    def decode_one(self, content: bytes, frame: int, height: int, width: int) -> NDArray[np.uint8]:
        """uint8 [height, width] of an encoded mask. Raises UnusableImage."""
        try:
            mask = decode_mask(content)
        except ImageInvalid as error:
            raise UnusableImage(self._stream, frame, f"the mask {error.finding}") from error
        if mask.shape != (height, width):
            found = f"{mask.shape[1]}x{mask.shape[0]}"
            raise UnusableImage(self._stream, frame, f"the mask has {found} pixels, its camera's {width}x{height}")
        return mask
