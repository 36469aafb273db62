"""Masks that are files of a folder of the source, read a batch at a time."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from augmentation_worker.failure import SourceInvalid
from augmentation_worker.formats import limits
from augmentation_worker.formats.bad_episodes import LEAVE_OUT
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.mask_batches import MaskBatches
from augmentation_worker.formats.lerobot.mask_folder import missing_masks, named_masks
from augmentation_worker.storage.port import SourceDataset

_AT_ONCE: Final = 8
"""Each waits for a hub, most of the time."""


class FolderMasks(MaskBatches):
    """Masks of an episode in a folder."""

    def __init__(self, source: SourceDataset, folder: str, episode: Episode) -> None:
        super().__init__(episode.index, folder)
        self._source, self._paths = source, named_masks(folder, episode, source.paths)
        finding = missing_masks(folder, episode, source.paths)
        if finding is not None:
            raise SourceInvalid(f"episode {episode.index} {finding} in the folder of masks {folder}", LEAVE_OUT)

    @override
    def file_of(self, frame: int) -> str:
        return self._paths[frame]

    @override
    def decode(self, first_frame: int, count: int, height: int, width: int) -> NDArray[np.uint8]:
        frames = range(first_frame, first_frame + count)
        with ThreadPoolExecutor(_AT_ONCE, "masks") as threads:
            masks = list(threads.map(lambda frame: self._mask(frame, height, width), frames))
        return np.stack(masks)

    def _mask(self, frame: int, height: int, width: int) -> NDArray[np.uint8]:
        content = self._source.read(self._paths[frame], limits.MOST_IMAGE_BYTES)
        if content is None:
            raise self.unusable(frame, "there is no such mask")
        return self.decode_one(content, frame, height, width)
