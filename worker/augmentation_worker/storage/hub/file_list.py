"""The list of a source's files as resolve hands it to the shards, so that they need not ask the hub for it one by one.

It holds names and sizes and no more: no address, no signature, no token. It names the dataset, the commit and the
folder that it is of, and is read only for these. Whoever can write ConfigMaps in the job's namespace could change it,
as they could the shards' records: what is read is checked like what a hub lists.
"""

import json
import zlib
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from augmentation_worker.dataset_path import DatasetPath, PathRefused, checked_listing
from augmentation_worker.storage.hub.client import RemoteFile

LARGEST_TEXT: Final = 900_000
"""Characters that are kept: a ConfigMap holds 1 MiB."""
_LARGEST_CONTENT: Final = 256 * 2**20


@dataclass(frozen=True)
class Listing:
    """The files of a dataset at a commit, or of one of its folders.

    Attributes:
        dataset, commit: `owner/name`, and where it is pinned.
        folder: spec.source.hub.path; None: all.
        files: by path in the repository.
    """

    dataset: str
    commit: str
    folder: str | None
    files: Mapping[DatasetPath, RemoteFile]

    def encode(self) -> str | None:
        """As a text; None if it would be too long: then each shard asks the hub."""
        lines = [json.dumps(self._head)]
        lines += [f"{file.size} {path}" for path, file in self.files.items()]
        text = b64encode(zlib.compress("\n".join(lines).encode(), 9)).decode("ascii")
        return text if len(text) <= LARGEST_TEXT else None

    @property
    def _head(self) -> list[object]:
        return [self.dataset, self.commit, self.folder]


def decode(text: str, dataset: str, commit: str, folder: str | None) -> dict[DatasetPath, RemoteFile] | None:
    """The files of an encoded list; None if it is of something else or is none. Their identities are not in it."""
    try:
        inflate = zlib.decompressobj()
        content = inflate.decompress(b64decode(text, validate=True), _LARGEST_CONTENT)
        head, *lines = content.decode().split("\n")
        if not inflate.eof or json.loads(head) != [dataset, commit, folder]:
            return None
        entries = [line.partition(" ") for line in lines]
        paths = checked_listing(path for _, _, path in entries)
        sizes = [int(size) for size, _, _ in entries]
    except (zlib.error, NotBase64, ValueError, RecursionError, PathRefused):
        return None
    if any(size < 0 for size in sizes):
        return None
    return {path: RemoteFile(path, size, "", None) for path, size in zip(paths, sizes, strict=True)}
