"""A file on the hub of which only what is read is fetched, such as the footer of a large parquet file."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx2
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import get_session, hf_raise_for_status

from augmentation_worker.dataset_path import DatasetPath

RANGE_BYTES = 1 << 18
"""Fetched per request, at least: more than most footers have."""


class PartialFile(io.RawIOBase):
    """A file at a commit, read by HTTP range requests. Put a BufferedReader around it.

    Args:
        api: of the hub.
        dataset, commit, path: which file.
        size: bytes.
        explained: around every request; it turns the hub's errors into the caller's.
    """

    def __init__(
        self,
        api: HfApi,
        dataset: str,
        commit: str,
        path: DatasetPath,
        size: int,
        explained: Callable[[], AbstractContextManager[None]],
    ) -> None:
        super().__init__()
        self._url = hf_hub_url(dataset, path, repo_type="dataset", revision=commit, endpoint=api.endpoint)
        self._headers = build_hf_headers(
            token=api.token, library_name=api.library_name, library_version=api.library_version
        )
        self._size = size
        self._explained = explained
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere else; nothing is fetched."""
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fetch as much as fits, up to the end of the file."""
        wanted = min(len(buffer), self._size - self._position)
        if wanted <= 0:
            return 0
        last = self._position + wanted - 1
        headers = {**self._headers, "Range": f"bytes={self._position}-{last}", "Accept-Encoding": "identity"}
        with (
            self._explained(),
            get_session().stream("GET", self._url, headers=headers, follow_redirects=True) as answer,
        ):
            hf_raise_for_status(answer)
            # A server that does not know ranges sends the whole file, with status 200.
            content = _part_of(answer, 0 if answer.status_code == 206 else self._position, wanted)
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)


def _part_of(answer: httpx2.Response, start: int, size: int) -> bytes:
    """Bytes of an answer, of which no more is held or read than that needs."""
    content = bytearray()
    position = 0
    for chunk in answer.iter_bytes():
        content += chunk[max(start - position, 0) :]
        position += len(chunk)
        if len(content) >= size:
            break
    return bytes(content[:size])
