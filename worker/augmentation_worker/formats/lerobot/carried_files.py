"""The files of a source that are neither rows nor videos, and are carried into the result as they are.

Beside meta/ people keep what belongs to a dataset: annotations/ (RoboCOIN's subtasks), calibration/, urdf/, device/.
data/, videos/ and images/ are the format's own. What else lies there stays behind: LeRobot reads every parquet file of
data/ as rows, and images/ is where its recorder puts frames until they are encoded.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from augmentation_api.counted import are, counted
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.info import INFO_PATH
from augmentation_worker.formats.lerobot.metadata import STATS_PATH, DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan
from augmentation_worker.formats.result_files import OWN_PATHS
from augmentation_worker.storage.port import SourceDataset

_FORMATS_OWN: Final = frozenset({"data", "videos", "images"})
_REWRITTEN_PATHS: Final = OWN_PATHS | {INFO_PATH, STATS_PATH}
_MOST_NAMED = 5


def carried_files(
    metadata: DatasetMetadata, plan: EpisodePlan, source_paths: Collection[DatasetPath]
) -> tuple[DatasetPath, ...]:
    """Paths of the files that publish carries over.

    These are the tasks, whatever else is in meta/, files at the top such as a license, and all folders that are not the
    format's own, but for what is hidden in them. Files of episodes are written again, with the columns augmentation/*.
    """
    written = _REWRITTEN_PATHS | set(metadata.episode_files)
    if plan.instructions is not None and plan.instructions.added:
        written |= {metadata.info.version.tasks_path}
    return tuple(sorted(path for path in source_paths if path not in written and _belongs_to_dataset(path)))


def folders_beside(paths: Collection[DatasetPath]) -> tuple[str, ...]:
    """The folders at the top that some carried files are in, but for meta/."""
    return tuple(sorted({path.parts[0] for path in paths if path.folder and path.parts[0] != "meta"}))


def describe_folders(source: SourceDataset, carried: Collection[DatasetPath]) -> str:
    """Which folders are carried over, and how much that is, as the end of a sentence; empty if there are none."""
    beside = [path for path in carried if path.folder and path.parts[0] != "meta"]
    if not beside:
        return ""
    names = ", ".join(f"{name}/" for name in folders_beside(beside)[:_MOST_NAMED])
    size = sum(source.size(path) for path in beside)
    amount = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
    return f"; {counted(len(beside), 'file')} beside it ({names}: {amount}) {are(len(beside))} carried over"


def warnings_of_files_left(metadata: DatasetMetadata, source: SourceDataset) -> Iterator[str]:
    """Say which files in the format's own folders no episode uses: a result in another place does not have them."""
    used = {*metadata.data_paths, *metadata.video_paths}
    left = sorted(path for path in source.paths if path.parts[0] in _FORMATS_OWN and path not in used and path.folder)
    left = [path for path in left if not _is_hidden(path)]
    if left:
        yield (
            f"{_count_of(left)} in data/, videos/ or images/ that no episode uses ({', '.join(left[:_MOST_NAMED])}"
            f"{', …' if len(left) > _MOST_NAMED else ''}): a new dataset does not have "
            f"{'it' if len(left) == 1 else 'them'}. To keep such files, move them to a folder of another name"
        )


def _count_of(paths: Sequence[DatasetPath]) -> str:
    return "There is a file" if len(paths) == 1 else f"There are {len(paths)} files"


def _belongs_to_dataset(path: DatasetPath) -> bool:
    return not path.folder or (path.parts[0] not in _FORMATS_OWN and not _is_hidden(path))


def _is_hidden(path: DatasetPath) -> bool:
    return any(part.startswith(".") for part in path.parts)
