"""The largest dataset that is read: what its files may have in bytes, entries and numbers.

Every limit is at least ten times what public datasets have (0024). They keep what a dataset can make a pod do
proportional to what it is.
"""

from math import ceil
from typing import Final

from augmentation_api import FailureReason
from augmentation_api.episode_ranges import MAX_DATASET_FRAMES
from augmentation_api.status import MAX_SHARDS
from augmentation_worker.failure import WorkerFailure

MOST_INFO_BYTES: Final = 8 * 2**20
"""meta/info.json. DROID's has 12 KB."""
MOST_STATS_BYTES: Final = 32 * 2**20
"""meta/stats.json: a few numbers a feature and channel."""
MOST_TASKS_BYTES: Final = 64 * 2**20
"""meta/tasks.parquet or meta/tasks.jsonl: a text a task. DROID's has 3 MB."""
MOST_LINE_BYTES: Final = 4 * 2**20
"""A line of v2.1's files: an episode with its statistics."""
MOST_LINES_BYTES: Final = 2 * 2**30
"""One of v2.1's files of lines. They are read one by one."""
MOST_EPISODES: Final = 1_000_000
"""Of a source; the largest public dataset of robots in one repository has a tenth."""
MOST_FRAMES: Final = MAX_DATASET_FRAMES
"""Of a source and of a result, or rows of an image dataset: what the status holds."""
LARGEST_TOTAL: Final = 2**53 - 1
"""What JSON's readers hold exactly; for totals that are compared with what there is."""
MOST_EPISODES_TABLE_BYTES: Final = 4 * 2**30
"""meta/episodes in memory with all statistics, which augment and publish hold; resolve reads a fraction of it."""
MOST_DATA_TABLE_BYTES: Final = 2 * 2**30
"""A data file in memory without its images. LeRobot begins a new one after 100 MB."""
MOST_METADATA_BYTES: Final = 256 * 2**20
"""metadata.csv and its like, of an image folder."""
MOST_FOLDER_ROWS: Final = 2_000_000
"""Rows of an image folder, each of which is a file."""
MOST_IMAGE_BYTES: Final = 256 * 2**20
"""An image in a file of its own: the largest that is decoded takes 134 MB as it is."""
MOST_FEATURES: Final = 4096
MOST_DIMENSIONS: Final = 8
LARGEST_DIMENSION: Final = 2**31 - 1
MOST_UNITS_PER_SHARD: Final = 3000
"""Units that one shard records on average, each a file. Of each its ConfigMap has some 170 bytes; it stops at 1 MiB."""
LARGEST_FILE_NUMBER: Final = 10**9 - 1
"""Chunk and file indices: templates of info.json write them with at most nine digits."""


def check_augmented_frames(count: int, limit: int | None, frames: str, episodes: str) -> None:
    """Refuse more augmented frames per camera than the job's class allows (None: any number).

    `frames` and `episodes` are the format's words for them. Raises WorkerFailure(LIMIT_EXCEEDED).
    """
    if limit is not None and count > limit:
        raise WorkerFailure(
            FailureReason.LIMIT_EXCEEDED,
            f"the job would write {count} augmented {frames}, its AugmentationClass allows {limit} (limits.maxFrames): "
            f"choose fewer copies (spec.augmentation.copies) or {episodes} (spec.augmentation.episodes), or another "
            "class",
        )


def check_result_frames(frames: int) -> None:
    """Refuse a result that nobody could count. Raises WorkerFailure: LIMIT_EXCEEDED."""
    if frames > MOST_FRAMES:
        raise WorkerFailure(
            FailureReason.LIMIT_EXCEEDED,
            f"the result would have {frames} frames, more than {MOST_FRAMES}: choose fewer copies "
            "(spec.augmentation.copies) or episodes (spec.augmentation.episodes)",
        )


def fewest_shards(units: int) -> int:
    """Shards that can record so many units."""
    return max(1, ceil(units / MOST_UNITS_PER_SHARD))


def check_units(count: int) -> None:
    """Refuse a job whose files the manifests of its shards cannot name. Raises WorkerFailure: LIMIT_EXCEEDED."""
    most = MAX_SHARDS * MOST_UNITS_PER_SHARD
    if count > most:
        raise WorkerFailure(
            FailureReason.LIMIT_EXCEEDED,
            f"the job would make {count} files one after the other, and its shards can record {most}: raise "
            "limits.checkpointMB of the AugmentationClass, or store the dataset in fewer files",
        )
