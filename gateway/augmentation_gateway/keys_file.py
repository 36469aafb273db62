"""The keys file on disk: read at the start and whenever it changes; changed by `keys create` and `keys revoke`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from augmentation_gateway.json_file import read_json_file
from augmentation_gateway.keys import ApiKey, KeyRing, KeysDocument

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0
"""A kubelet takes up to a minute to bring a changed Secret into a pod: polling faster would gain nothing."""

_Stamp = tuple[int, int, int]


class KeysFileError(Exception):
    """A keys file that cannot be used; the message says where and why, and quotes no digest."""


def read(path: Path) -> KeysDocument:
    """The keys in the file. Raises KeysFileError."""
    return read_json_file(path, KeysDocument, KeysFileError)


def add(path: Path, key: ApiKey) -> None:
    """Add an entry to the file, which is made if it is not there; readers see the old file or the new one.

    Raises:
        KeysFileError: the file is broken, or has a key of that id.
    """
    document = read(path) if path.exists() else KeysDocument()
    if any(held.id == key.id for held in document.keys):
        raise KeysFileError(f"{path} has a key {key.id!r} already: choose another id, or delete that entry first")
    _write(path, (*document.keys, key))


def remove(path: Path, key_id: str) -> None:
    """Take an entry out of the file; readers see the old file or the new one.

    Raises:
        KeysFileError: the file cannot be read, or has no key of that id.
    """
    document = read(path)
    if all(held.id != key_id for held in document.keys):
        known = ", ".join(held.id for held in document.keys) or "none"
        raise KeysFileError(f"{path} has no key {key_id!r}: it has {known}")
    _write(path, [held for held in document.keys if held.id != key_id])


def _write(path: Path, keys: Iterable[ApiKey]) -> None:
    entries = [key.model_dump(mode="json", exclude_none=True) for key in keys]
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".keys-", delete=False) as unfinished:
        json.dump({"keys": entries}, unfinished, indent=2)
        unfinished.write("\n")
        unfinished.flush()
        os.fsync(unfinished.fileno())
    Path(unfinished.name).replace(path)


class KeysFile:
    """The keys in force: those of the last version of the file that was whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: _Stamp | None = None
        self._complaint = ""
        self.ring = KeyRing()

    def refresh(self) -> None:
        """Read the file if it is another one than last time. A broken or absent file leaves the old keys in force."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            if stamp == self._stamp:
                return
            document = read(self._path)
        except (OSError, KeysFileError) as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                logger.error(
                    "the keys file cannot be used; the keys read before stay in force",
                    extra={"fields": {"error": self._complaint, "keys_in_force": len(self.ring)}},
                )
            return
        self._stamp, self._complaint = stamp, ""
        self.ring = KeyRing(document.keys)
        logger.info("keys read", extra={"fields": {"file": str(self._path), "keys": len(self.ring)}})

    async def follow(self) -> None:
        """Keep up with the file until cancelled."""
        while True:
            await asyncio.to_thread(self.refresh)
            await asyncio.sleep(POLL_SECONDS)
