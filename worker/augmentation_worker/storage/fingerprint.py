"""What identifies the state of a folder that has no commits."""

import hashlib
from pathlib import Path

from augmentation_worker.dataset_path import DatasetPath

_METADATA = "meta/"
_METADATA_NAMES = ("README.md", "metadata.csv", "metadata.jsonl", "metadata.parquet")
"""What an image dataset says of its files."""


def files_of(folder: Path) -> dict[DatasetPath, int]:
    """Size of every file by its path below the folder, sorted; what begins with a dot is not part of a dataset."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = relative.parts[0].startswith(".") and relative.name != ".gitattributes"
        if not hidden and path.is_file():
            found[DatasetPath(relative.as_posix())] = path.stat().st_size
    return found


def fingerprint(folder: Path) -> str:
    """Hash of every file's path and size, and of the content of those that describe others: 40 hexadecimal digits.

    Reading terabytes of video to identify them would take longer than to augment them, and meta/ holds what a dataset
    says of itself: its statistics differ with any pixel.
    """
    state = hashlib.sha256()
    for path, size in files_of(folder).items():
        content = hashlib.sha256((folder / path).read_bytes()).hexdigest() if _says_of_others(path) else ""
        state.update(f"{path}\0{size}\0{content}\n".encode())
    return state.hexdigest()[:40]


def _says_of_others(path: str) -> bool:
    return path.startswith(_METADATA) or path.rsplit("/", 1)[-1] in _METADATA_NAMES
