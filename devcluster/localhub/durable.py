"""Files that are either whole or absent: written aside, flushed to the disk, then renamed into place.

The hub may be killed at any moment. Everything under construction lies in one `incoming` folder, which is emptied at
the next start; a name outside it is only ever given to finished bytes.
"""

import hashlib
import os
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self


class Incoming:
    """One file being received, hashed on the way. Dropped on leaving the `with` block unless it was kept."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / uuid.uuid4().hex
        self._file = self._path.open("xb")
        self._sha256 = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)
        self._sha256.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes so far."""
        return self._sha256.hexdigest()

    def keep(self, target: Path) -> None:
        """Give the finished file its name, replacing what had it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._path.replace(target)
        flush_folder(target.parent)


def write_file(target: Path, data: bytes, incoming: Path) -> None:
    """Create or replace a small file in one step."""
    with Incoming(incoming) as file:
        file.write(data)
        file.keep(target)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
