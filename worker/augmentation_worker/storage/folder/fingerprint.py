"""The fingerprint of a folder: it identifies the state of a dataset that has no commits."""

import hashlib
import os

from augmentation_worker.dataset_path import DatasetPath, shown
from augmentation_worker.storage.folder.dataset_folder import DatasetFolder, Listing
from augmentation_worker.storage.port import FormatConventions

_MOST_HASHED_BYTES = 16 * 2**30
"""No metadata that is read has a quarter of it; a file of holes can have a million times as much."""


def fingerprint(folder: DatasetFolder, listing: Listing, conventions: FormatConventions) -> str:
    """Hash of every file's path and size, and of the content of those that describe others: 40 hexadecimal digits.

    Hashing terabytes of video would take longer than augmenting them, and metadata changes with the files that it
    describes: statistics differ with any pixel.

    Args:
        folder: the folder.
        listing: what is in it. Of what is refused there the names count.
        conventions: which files describe others.
    """
    state = hashlib.sha256()
    for path, size in listing.files.items():
        content = _digest(folder, path) if conventions.is_metadata(path) and size <= _MOST_HASHED_BYTES else ""
        state.update(f"{path}\0{size}\0{content}\n".encode())
    for entry in listing.refused:
        state.update(f"{shown(entry.path)}\0refused\n".encode())
    return state.hexdigest()[:40]


def _digest(folder: DatasetFolder, path: DatasetPath) -> str:
    with os.fdopen(folder.open(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
