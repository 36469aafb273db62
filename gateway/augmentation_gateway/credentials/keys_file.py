"""The keys file on disk, reloaded when it changes, and edited by `keys create` and `keys revoke`."""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from augmentation_gateway.credentials.json_file import read_json_file
from augmentation_gateway.credentials.keys import ApiKey, KeysDocument
from augmentation_gateway.credentials.keys_in_force import KeysInForce

DEFAULT_KEYS_FILE: Final = Path("/etc/augmentation-gateway/keys/keys.json")
ENV_KEYS_FILE: Final = "AUGMENTATION_KEYS_FILE"
"""Names the file, if it is not the default one."""
POLL_SECONDS = 1.0
"""A check is one stat."""
MISSING_CHECKS = 3
MISSING_SECONDS = 0.05

_Stamp = tuple[int, int, int]


class KeysFileError(Exception):
    """A keys file that cannot be used; the message says where and why, and quotes no digest."""


def read(path: Path) -> KeysDocument:
    """The keys in the file. Raises KeysFileError."""
    return read_json_file(path, KeysDocument, KeysFileError)


def add(path: Path, key: ApiKey) -> None:
    """Add an entry to the file, which is created if it does not exist; readers see the old file or the new one.

    Raises:
        KeysFileError: the file is broken, or has a key of that id.
    """
    document = read(path) if path.exists() else KeysDocument()
    if any(entry.id == key.id for entry in document.keys):
        raise KeysFileError(f"{path} has a key {key.id!r} already: choose another id, or delete that entry first")
    _write(path, (*document.keys, key))


def remove(path: Path, key_id: str) -> None:
    """Remove an entry from the file; readers see the old file or the new one.

    Raises:
        KeysFileError: the file cannot be read, or has no key of that id.
    """
    document = read(path)
    if all(entry.id != key_id for entry in document.keys):
        known = ", ".join(entry.id for entry in document.keys) or "none"
        raise KeysFileError(f"{path} has no key {key_id!r}: it has {known}")
    _write(path, [entry for entry in document.keys if entry.id != key_id])


def _write(path: Path, keys: Iterable[ApiKey]) -> None:
    entries = [key.model_dump(mode="json", exclude_none=True) for key in keys]
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".keys-", delete=False) as unfinished:
        json.dump({"keys": entries}, unfinished, indent=2)
        unfinished.write("\n")
        unfinished.flush()
        os.fsync(unfinished.fileno())
    Path(unfinished.name).replace(path)


class KeysFile(KeysInForce):
    """The keys of a file: none if there is no file, those of its last valid version if it is broken."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._stamp: _Stamp | None = None

    def refresh(self) -> None:
        """Read the file if it has changed since last time. Blocks."""
        try:
            stamp = self._current_stamp()
            if stamp == self._stamp:
                return
            document = read(self._path)
        except FileNotFoundError:
            self._stamp = None
            self._clear(f"{self._path} is not there")
        except (OSError, KeysFileError) as error:
            self._keep(str(error))
        else:
            self._stamp = stamp
            self._replace(document)

    def _current_stamp(self) -> _Stamp:
        """The file's version. Raises FileNotFoundError if it is missing at several checks.

        A kubelet updates a Secret by renaming one link, and then removes the link's former target: a check in between
        can find nothing.
        """
        for _ in range(MISSING_CHECKS - 1):
            try:
                return _stamp_of(self._path)
            except FileNotFoundError:
                time.sleep(MISSING_SECONDS)
        return _stamp_of(self._path)

    async def follow(self) -> None:
        """Check the file every POLL_SECONDS until cancelled."""
        while True:
            await asyncio.to_thread(self.refresh)
            await asyncio.sleep(POLL_SECONDS)


def _stamp_of(path: Path) -> _Stamp:
    status = path.stat()
    return status.st_mtime_ns, status.st_ino, status.st_size
