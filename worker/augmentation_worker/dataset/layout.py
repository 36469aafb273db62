"""Which files the result is made of, and from where each comes."""

from collections.abc import Collection
from dataclasses import dataclass

from augmentation_worker.dataset.info import INFO_PATH
from augmentation_worker.dataset.metadata import STATS_PATH, DatasetMetadata
from augmentation_worker.dataset.plan import Plan, RowsMade

PROVENANCE_PATH = "meta/augmentation.json"
PICTURE_PATH = "meta/augmentation.png"
CARD_PATH = "README.md"
ATTRIBUTES_PATH = ".gitattributes"
WRITTEN_ANEW = frozenset({INFO_PATH, STATS_PATH, PROVENANCE_PATH, PICTURE_PATH, CARD_PATH, ATTRIBUTES_PATH})
"""Files that are the result's own, whether or not the source has one."""
LARGE_FILE_PATTERNS = ("*.mp4", "*.parquet", "*.png")
"""What has to be tracked by LFS, as the blobs that the shards upload go there."""
_RULE = "filter=lfs diff=lfs merge=lfs -text"


@dataclass(frozen=True)
class CarriedFiles:
    """Files of the source that the result holds unchanged, and that publish brings over.

    Attributes:
        data: data files.
        metadata: tasks, episodes files that do not change, whatever else is in meta/, and files at the top such as a
            license.
    """

    data: tuple[str, ...]
    metadata: tuple[str, ...]


def carried_files(metadata: DatasetMetadata, plan: Plan, source_paths: Collection[str]) -> CarriedFiles:
    """What publish carries over; the videos are the shards' part. Folders that LeRobot does not know stay behind."""
    rewritten = plan.in_place or metadata.info.format.has_file_per_episode
    written = WRITTEN_ANEW | set(metadata.episode_files if rewritten else ())
    kept = sorted(
        path for path in source_paths if (path.startswith("meta/") or "/" not in path) and path not in written
    )
    return CarriedFiles(data=metadata.data_paths, metadata=tuple(kept))


def planned_paths(plan: Plan, metadata: DatasetMetadata) -> list[str]:
    """Paths of all augmented videos and of the rows that are written with an episode."""
    paths = [
        metadata.info.video_file(camera.key, number)
        for episode in plan.episodes
        for camera in plan.cameras
        for number in episode.video_files(camera.key)
    ]
    if plan.rows_made is RowsMade.WITH_EPISODE:
        paths += [metadata.info.data_file(number) for episode in plan.episodes for number in episode.data_files]
    return paths


def with_large_file_rules(attributes: str) -> str:
    """.gitattributes in which videos and parquet files are tracked by LFS; the same text where they are already."""
    tracked = {line.split()[0] for line in attributes.splitlines() if line.split() and "filter=lfs" in line.split()[1:]}
    missing = [pattern for pattern in LARGE_FILE_PATTERNS if pattern not in tracked]
    if not missing:
        return attributes
    start = attributes if not attributes or attributes.endswith("\n") else attributes + "\n"
    return start + "".join(f"{pattern} {_RULE}\n" for pattern in missing)
