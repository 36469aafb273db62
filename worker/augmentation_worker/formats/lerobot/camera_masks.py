"""The masks of LeRobot's cameras: images in the rows, frames of a video, or files of a folder."""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from augmentation_api import Augmentation
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.data_table import SourceRows
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.folder_masks import FolderMasks
from augmentation_worker.formats.lerobot.image_cells import image_contents
from augmentation_worker.formats.lerobot.mask_batches import MaskBatches
from augmentation_worker.formats.lerobot.mask_folder import mask_paths
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata, OpenFile
from augmentation_worker.formats.lerobot.video_masks import VideoMasks
from augmentation_worker.formats.masks import masked_transforms
from augmentation_worker.storage.port import SourceDataset


def masks_of(
    augmentation: Augmentation, metadata: DatasetMetadata, episode: Episode, camera: str, source: SourceDataset
) -> MaskBatches | None:
    """The masks of a camera in an episode; None if none of its transforms reads them."""
    named: Mapping[str, str] = augmentation.masks or {}
    if camera not in named or not masked_transforms(augmentation, camera):
        return None
    stream = next((each for each in metadata.info.cameras if each.key == named[camera]), None)
    if stream is None:
        return FolderMasks(source, named[camera], episode)
    if stream.is_video:
        return VideoMasks(metadata, episode, stream, source.open)
    return RowMasks(metadata, episode, stream.key, source.open)


def files_of_masks(
    augmentation: Augmentation,
    metadata: DatasetMetadata,
    episode: Episode,
    cameras: Collection[str],
    paths: Collection[DatasetPath],
) -> list[DatasetPath]:
    """The files but for those of rows that the masks of some cameras are in."""
    files: list[DatasetPath] = []
    for camera, named in (augmentation.masks or {}).items():
        if camera in cameras and masked_transforms(augmentation, camera):
            stream = next((each for each in metadata.info.cameras if each.key == named), None)
            if stream is None:
                files += mask_paths(named, episode, paths)
            elif stream.is_video:
                files.append(metadata.info.video_file(named, episode.videos[named].file))
    return files


class RowMasks(MaskBatches):
    """Masks that are stored as images in an episode's rows."""

    def __init__(self, metadata: DatasetMetadata, episode: Episode, stream: str, open_file: OpenFile) -> None:
        super().__init__(episode.index, stream)
        self._metadata, self._of_episode = metadata, episode
        # Opened in the caller's thread: later it is the threads of the copies that read.
        numbers = {metadata.data_numbers[0], episode.data_file}
        opened = {path: open_file(path) for path in map(metadata.info.data_file, numbers)}
        self._rows = SourceRows(metadata, opened.__getitem__)

    @override
    def file_of(self, frame: int) -> str:
        return self._metadata.info.data_file(self._of_episode.data_file)

    @override
    def decode(self, first_frame: int, count: int, height: int, width: int) -> NDArray[np.uint8]:
        rows = self._rows.images(self._of_episode, self._stream, first_frame, first_frame + count)
        masks = np.empty((count, height, width), np.uint8)
        for place, content in enumerate(image_contents(rows, self._stream, first_frame)):
            masks[place] = self.decode_one(content, first_frame + place, height, width)
        return masks
