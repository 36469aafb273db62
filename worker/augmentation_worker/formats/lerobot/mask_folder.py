"""Masks that are files of a folder of the source, in the places where LeRobot writes the images of a camera.

`<folder>/episode_000003/frame_000017.png`, as LeRobot names images up to 0.3, with hyphens, as it does since (both:
lerobot/datasets/utils.py, DEFAULT_IMAGE_PATH), or with the number of the frame alone. Torch is not imported here.
"""

from collections.abc import Collection, Iterator
from typing import Final

from augmentation_api.counted import counted
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.episodes import Episode

_NAMES: Final = (
    "episode_{episode:06d}/frame_{frame:06d}.png",
    "episode-{episode:06d}/frame-{frame:06d}.png",
    "episode_{episode:06d}/{frame:06d}.png",
)
EXAMPLE: Final = "episode_000000/frame_000000.png"


def is_folder(name: str, paths: Collection[DatasetPath]) -> bool:
    """Whether the source has a folder of that name."""
    return any(path.startswith(f"{name.rstrip('/')}/") for path in paths)


def mask_paths(folder: str, episode: Episode, paths: Collection[DatasetPath]) -> list[DatasetPath]:
    """The masks of an episode that there are, in order."""
    return [path for path in named_masks(folder, episode, paths) if path in paths]


def missing_masks(folder: str, episode: Episode, paths: Collection[DatasetPath]) -> str | None:
    """What is wrong with the number of masks of an episode, as a clause; None if there is one for each frame."""
    named = named_masks(folder, episode, paths)
    missing = [frame for frame, path in enumerate(named) if path not in paths]
    if missing:
        more = f" and {counted(len(missing) - 1, 'more frame')}" if len(missing) > 1 else ""
        return f"has no mask of frame {missing[0]}{more} ({named[missing[0]]})"
    beyond = next((path for path in _after(folder, episode) if path in paths), None)
    return None if beyond is None else f"has {episode.length} frames, and masks beyond them ({beyond})"


def named_masks(folder: str, episode: Episode, paths: Collection[DatasetPath]) -> list[DatasetPath]:
    """Where its masks are, named as most of those that there are."""
    named = [_path(folder, name, episode, frame) for name in _NAMES[:1] for frame in range(episode.length)]
    if all(path in paths for path in named):
        return named
    every = [[_path(folder, name, episode, frame) for frame in range(episode.length)] for name in _NAMES]
    return max(every, key=lambda of_name: sum(path in paths for path in of_name))


def _after(folder: str, episode: Episode) -> Iterator[DatasetPath]:
    return (_path(folder, name, episode, episode.length) for name in _NAMES)


def _path(folder: str, name: str, episode: Episode, frame: int) -> DatasetPath:
    return DatasetPath(f"{folder.rstrip('/')}/{name.format(episode=episode.index, frame=frame)}")
