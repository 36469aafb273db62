"""What resolve finds out of the large files without reading them: which are missing, empty, pointers or cut off.

The listing says which files there are and how large; the beginning of what is too small to be one and the ends of data
files say the rest. At most MOST_SMALL_FILES + MOST_FOOTERS files are opened, and at most a kilobyte of each is read: on
a hub that takes a few seconds, however large the dataset is. The augment phase reads every file that it works on, and
says of each what is wrong with it.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from augmentation_api import FailureReason
from augmentation_api.counted import are
from augmentation_worker.bounded import lfs_pointer
from augmentation_worker.bounded.parquet_file import check_footer
from augmentation_worker.bounded.unreadable import damaged, explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.port import SourceDataset

MOST_SMALL_FILES: Final = 64
"""Files as small as a pointer that are looked into. No data file or video of LeRobot's is, so that they come first."""
_FIRST: Final = {"data": 0, "videos": 1, "meta": 2}
"""The folders whose small files are looked into before all others."""
MOST_FOOTERS: Final = 256
"""Data files of which the footer is looked at: all of a dataset of 25 GB of rows in v3.0, of 256 episodes in v2.1."""
_AT_ONCE: Final = 8
"""Each waits for a hub, most of the time."""
_MOST_NAMED = 5


def files_named(paths: Sequence[DatasetPath]) -> str:
    """Some files for a message: the first few by name, and how many there are."""
    if len(paths) == 1:
        return f"the file {paths[0]}"
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return f"{len(paths)} files ({', '.join(paths[:_MOST_NAMED])}{more})"


def check_pointers(source: SourceDataset) -> None:
    """Refuse pointers of Git LFS in place of files, also of those that are only carried over.

    Raises WorkerFailure(SOURCE_INVALID), naming the first and how many there are.
    """
    small = [path for path in source.paths if 0 < source.size(path) <= lfs_pointer.MOST_BYTES]
    small.sort(key=lambda path: (_FIRST.get(path.parts[0], len(_FIRST)), path))
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        are = list(threads.map(lambda path: _is_pointer(source, path), small[:MOST_SMALL_FILES]))
    pointers = [path for path, is_one in zip(small, are, strict=False) if is_one]
    if pointers:
        least = "at least " if len(pointers) == MOST_SMALL_FILES < len(small) else ""
        raise WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"the dataset {source.name} has Git LFS pointers in place of {least}{files_named(pointers)}: "
            f"{lfs_pointer.WAY_OUT}",
        )


def check_empty_videos(source: SourceDataset, paths: Collection[DatasetPath]) -> None:
    """Refuse empty videos of the selected episodes, before those that can be used are made.

    Raises WorkerFailure(SOURCE_INVALID), naming the first and how many there are.
    """
    empty = sorted(path for path in paths if not source.size(path))
    if empty:
        raise WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"the dataset {source.name} is damaged: {files_named(empty)} {are(len(empty))} empty; "
            "repair it, or leave the episodes out (spec.augmentation.episodes, or spec.onBadEpisode: skip)",
        )


def check_footers(source: SourceDataset, data_paths: Sequence[DatasetPath]) -> None:
    """Refuse data files that are empty or were not written to their end (lerobot#3522): LeRobot reads all of them.

    Of more than MOST_FOOTERS files, the last are looked at, where a recording was interrupted, and others evenly.
    Raises WorkerFailure(SOURCE_INVALID), naming the file.
    """
    empty = [path for path in data_paths if not source.size(path)]
    if empty:
        raise damaged(source.name, f"{files_named(empty)} {are(len(empty))} empty")
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in threads.map(lambda path: _check_footer(source, path), _chosen(data_paths)):
            pass


def _chosen(paths: Sequence[DatasetPath]) -> Sequence[DatasetPath]:
    if len(paths) <= MOST_FOOTERS:
        return paths
    last = MOST_FOOTERS // 2
    step = -(-(len(paths) - last) // last)
    return [*paths[: len(paths) - last : step], *paths[len(paths) - last :]]


def _check_footer(source: SourceDataset, path: DatasetPath) -> None:
    with explained(source.name, path), source.open_partly(path) as file:
        check_footer(file)


def _is_pointer(source: SourceDataset, path: DatasetPath) -> bool:
    with source.open_partly(path) as file:
        return lfs_pointer.is_pointer(file.read(lfs_pointer.MOST_BYTES))
