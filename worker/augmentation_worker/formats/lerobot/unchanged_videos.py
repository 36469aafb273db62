"""The videos of cameras that stay as they are, where each episode has files of its own: every copy needs its own, too.

In LeRobot v3.0 a copy's row names the file of its source episode. v2.1 finds a video by the episode's index alone.
"""

from collections.abc import Iterator

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.format_version import FileNumber, number_of_episode
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedCopy


def copied_cameras(metadata: DatasetMetadata, plan: EpisodePlan) -> tuple[str, ...]:
    """The cameras of which each copy of an episode has the episode's own video, under its own number."""
    if plan.in_place or not metadata.info.version.has_file_per_episode:
        return ()
    made = {camera.key for camera in plan.made_videos}
    return tuple(camera.key for camera in metadata.info.video_cameras if camera.key not in made)


def number_of(metadata: DatasetMetadata, copy: PlannedCopy) -> FileNumber:
    """The number of the files of a copy."""
    return number_of_episode(copy.episode_index, metadata.info.chunks_size)


def copied_videos(metadata: DatasetMetadata, plan: EpisodePlan) -> Iterator[tuple[DatasetPath, list[DatasetPath]]]:
    """The source's videos that copies have as they are, each with its paths in the result."""
    info = metadata.info
    for camera in copied_cameras(metadata, plan):
        for episode in plan.episodes:
            source = info.video_file(camera, episode.source.videos[camera].file)
            yield source, [info.video_file(camera, number_of(metadata, copy)) for copy in episode.copies]
