"""Which files the result is made of, and from where each comes."""

from collections.abc import Collection
from itertools import pairwise

from augmentation_worker.bounded.unreadable import damaged
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.info import INFO_PATH
from augmentation_worker.formats.lerobot.metadata import STATS_PATH, DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, RowsMade
from augmentation_worker.formats.result_files import CARD_PATH, OWN_PATHS, PREVIEW_PATH
from augmentation_worker.storage.provenance import PROVENANCE_PATH

DESCRIPTION_PATHS = (CARD_PATH, INFO_PATH, PROVENANCE_PATH, PREVIEW_PATH)
"""The files of a result that describe it."""
_REWRITTEN_PATHS = OWN_PATHS | {INFO_PATH, STATS_PATH}


def carried_metadata(
    metadata: DatasetMetadata, plan: EpisodePlan, source_paths: Collection[DatasetPath]
) -> tuple[DatasetPath, ...]:
    """Files of the source that the result holds unchanged besides rows and videos, and that publish carries over.

    These are the tasks, episodes files that do not change, whatever else is in meta/, and files at the top such as a
    license. Folders that LeRobot does not know stay behind.
    """
    rewritten = plan.in_place or metadata.info.version.has_file_per_episode
    written = _REWRITTEN_PATHS | set(metadata.episode_files if rewritten else ())
    return tuple(
        sorted(path for path in source_paths if (path.startswith("meta/") or "/" not in path) and path not in written)
    )


def planned_paths(plan: EpisodePlan, metadata: DatasetMetadata) -> list[DatasetPath]:
    """Paths of all augmented videos and of the rows that are written with an episode."""
    paths = [
        metadata.info.video_file(camera.key, number)
        for episode in plan.episodes
        for camera in plan.video_cameras
        for number in episode.video_files(camera.key)
    ]
    if plan.rows_made is RowsMade.WITH_EPISODE:
        paths += [metadata.info.data_file(number) for episode in plan.episodes for number in episode.data_files]
    return paths


def check_order_of_data_files(metadata: DatasetMetadata, plan: EpisodePlan) -> None:
    """LeRobot reads data files in the order of their paths, so those of the result have to sort as their numbers do.

    Raises:
        WorkerFailure: SOURCE_INVALID, naming the template by which they do not.
    """
    numbers = {*plan.data_numbers, *(shard.data_file for shard in plan.shards if shard.data_file)}
    paths = [metadata.info.data_file(number) for number in sorted(numbers)]
    wrong = next((after for before, after in pairwise(paths) if after <= before), None)
    if wrong is not None:
        raise damaged(
            metadata.dataset,
            f"by data_path {metadata.info.data_path!r} of {INFO_PATH}, {wrong} of the result would not be read in the "
            "order of its rows (numbers in it need leading zeros)",
        )
