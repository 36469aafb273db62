"""Git LFS pointers: the few lines that a clone has in place of a large file until `git lfs pull` has fetched it.

Source: git-lfs's specification (docs/spec.md): the first line is the version, and a pointer has less than 1024 bytes.
"""

from typing import Final

from augmentation_worker.bounded.unreadable import Unreadable

BEGINNING: Final = b"version https://git-lfs.github.com/spec/"
MOST_BYTES: Final = 1023
WAY_OUT: Final = "run `git lfs pull` in the clone, and if it was uploaded as it was, upload it again"
FINDING: Final = f"is a Git LFS pointer in place of the file itself: {WAY_OUT}"


def is_pointer(content: bytes) -> bool:
    """Whether a file that begins so is a pointer."""
    return content.startswith(BEGINNING)


def refuse_pointer(content: bytes) -> None:
    """Refuse a pointer, by what a file begins with. Raises Unreadable."""
    if is_pointer(content):
        raise Unreadable(FINDING)
