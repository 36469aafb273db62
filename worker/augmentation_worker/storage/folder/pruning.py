"""Removing from a folder what does not belong there, whatever it is, without following a link out of it."""

import os
from collections.abc import Collection, Iterator

from augmentation_worker.storage.folder.held_folder import HeldFolder

Names = tuple[str, ...]


def prune(folder: HeldFolder, keep: Collection[str]) -> None:
    """Remove all files but those to keep, all links, and then all empty folders.

    Args:
        folder: the folder.
        keep: paths of regular files.
    """
    folders = list(_folders(folder))
    for names in folders:
        with folder.within(names) as held:
            for name, is_regular in _entries(held):
                if not is_regular or "/".join((*names, name)) not in keep:
                    held.unlink(name)
    for names in reversed(folders[1:]):
        with folder.within(names[:-1]) as held:
            held.remove_folder(names[-1])


def remove_if_empty(parent: HeldFolder, name: str) -> bool:
    """Remove a folder that holds nothing but empty folders; gives whether it is gone (or was not there)."""
    if parent.status(name) is None:
        return True
    with parent.within([name]) as folder:
        folders = list(_folders(folder))
        for names in reversed(folders[1:]):
            with folder.within(names[:-1]) as held:
                held.remove_folder(names[-1])
    return parent.remove_folder(name)


def _folders(folder: HeldFolder) -> Iterator[Names]:
    """The folder itself, by no names, and all folders in it, each before those that it holds."""
    pending: list[Names] = [()]
    while pending:
        names = pending.pop()
        yield names
        with folder.within(names) as held, os.scandir(held.descriptor) as entries:
            pending += [(*names, entry.name) for entry in entries if entry.is_dir(follow_symlinks=False)]


def _entries(held: HeldFolder) -> list[tuple[str, bool]]:
    """What is in a folder and no folder itself, and whether it is a regular file."""
    with os.scandir(held.descriptor) as entries:
        return [
            (entry.name, entry.is_file(follow_symlinks=False))
            for entry in entries
            if not entry.is_dir(follow_symlinks=False)
        ]
