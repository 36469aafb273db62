"""What is sampled for, and recorded of, a copy of an episode, whether its frames are videos or pictures."""

from collections.abc import Sequence

import numpy as np

from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import PlannedEpisode
from augmentation_worker.formats.lerobot.statistics import channel_means, shortened, statistics_columns
from augmentation_worker.media.image_statistics import ImageStatistics
from augmentation_worker.phases.session import Session
from augmentation_worker.transforms.pipeline import EpisodeTransform, sample_pipeline


def pipeline_of(
    session: Session, metadata: DatasetMetadata, episode: PlannedEpisode, camera: Camera, copy: int
) -> EpisodeTransform:
    """The transforms of a copy as a camera sees it."""
    mean = channel_means(metadata.table, episode.source.index, metadata.stats_json, camera.key)
    return sample_pipeline(
        session.job.spec.augmentation,
        camera=camera.key,
        episode=episode.source.index,
        copy=copy,
        episode_mean=mean,
    )


def recorded_statistics(metadata: DatasetMetadata, camera: str, statistics: ImageStatistics) -> dict[str, list[float]]:
    """Of the statistics those that the source has, too: v2.1 has no quantiles, and records have to be short."""
    known = statistics_columns(metadata.table).get(camera, [])
    return {name: _channels(values) for name, values in statistics.to_feature_stats().items() if name in known}


def _channels(values: Sequence[object]) -> list[float]:
    """(3, 1, 1) as three numbers, (1,) as one."""
    return [shortened(float(value)) for value in np.ravel(np.array(values, dtype=np.float64))]
