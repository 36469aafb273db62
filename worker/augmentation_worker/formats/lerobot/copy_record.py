"""The pipelines and recorded statistics of an episode's copies, whether its frames are stored as video or images."""

import numpy as np

from augmentation_api import Augmentation
from augmentation_worker.formats.background_images import SourceImages
from augmentation_worker.formats.lerobot.camera_masks import masks_of
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import PlannedEpisode
from augmentation_worker.formats.lerobot.statistics import (
    channel_means,
    dataset_statistics,
    shortened,
)
from augmentation_worker.media.image_statistics import ImageStatistics
from augmentation_worker.storage.port import SourceDataset
from augmentation_worker.transforms.pipeline import EpisodeTransform, sample_pipeline


def pipelines_of(
    augmentation: Augmentation,
    metadata: DatasetMetadata,
    episode: PlannedEpisode,
    camera: Camera,
    source_files: SourceDataset,
) -> list[EpisodeTransform]:
    """The transforms of each copy of an episode for a camera.

    Contrast of the scene pivots on the mean of all colour cameras, so that the same surface changes alike in each.
    Masks are read from the source's files when frames need them, images of backgrounds now. Raises WorkerFailure.
    """
    source = episode.source.index
    means = {
        each.key: channel_means(metadata.statistics.means, source, metadata.stats_json, each.key, each.shape.channels)
        for each in metadata.colour_cameras
    }
    masks = masks_of(augmentation, metadata, episode.source, camera.key, source_files)
    images = SourceImages.of_job(augmentation, source_files)
    scene_mean = np.mean(list(means.values()), axis=0)
    return [
        sample_pipeline(
            augmentation,
            camera=camera.key,
            episode=source,
            copy=copy.copy,
            episode_mean=means[camera.key],
            scene_mean=[float(value) for value in scene_mean],
            masks=masks,
            background_images=images,
        )
        for copy in episode.copies
    ]


def recorded_statistics(metadata: DatasetMetadata, camera: str, statistics: ImageStatistics) -> dict[str, list[float]]:
    """Of the statistics those that the source has, too: v2.1 may have no quantiles, and records have to be short."""
    known = {*metadata.statistics.names.get(camera, ()), *dataset_statistics(metadata.stats_json, camera)}
    # (3, 1, 1) as three numbers, (1,) as one.
    return {
        name: [shortened(float(value)) for value in np.ravel(np.array(values, dtype=np.float64))]
        for name, values in statistics.to_feature_stats().items()
        if name in known
    }
