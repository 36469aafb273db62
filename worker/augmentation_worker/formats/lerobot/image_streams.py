"""How the augmented cameras of a LeRobot dataset are stored whose frames are images in the rows."""

from collections.abc import Iterator, Sequence

from augmentation_api.status import StreamStatus
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.streams import image_stream
from augmentation_worker.storage.port import SourceDataset


def image_streams(
    cameras: Sequence[Camera], metadata: DatasetMetadata, source: SourceDataset
) -> Iterator[StreamStatus]:
    """One entry for each of some cameras; those without a readable image have none."""
    images = sum(map(source.size, metadata.data_paths)) // max(1, metadata.info.total_frames * len(cameras))
    for camera in cameras:
        if (header := metadata.example_images.get(camera.key)) is not None:
            yield image_stream(header, images)
