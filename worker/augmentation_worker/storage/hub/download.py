"""Downloads of whole files: one request each, resumed where a connection breaks off.

The listing says how large a file is, so nothing is asked beforehand. huggingface_hub asks twice for a file (HEAD, then
GET), which counts twice in the hub's limits, and needs headers in the answer that not every hub sends.
"""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

import httpx2
from huggingface_hub.utils._http import get_session, hf_raise_for_status

from augmentation_kube import connection_failure
from augmentation_worker.storage.hub.retry_budget import RetryBudget

_CHUNK_BYTES: Final = 1 << 20
_BROKEN_OFF: Final = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError)
_PARTIAL_CONTENT: Final = 206


def download(url: str, headers: Mapping[str, str], size: int | None, target: Path, budget: RetryBudget) -> None:
    """Download a file to `target`, whose folder is made.

    Args:
        url, headers: of the request.
        size: bytes; None: whatever comes.
        target: written at once, when all is there.
        budget: of the retries after a connection that broke off, for this file alone.

    Raises:
        HfHubHTTPError: the hub refuses; EntryNotFoundError is one.
        HubUnreachable: the budget is spent.
        ValueError: the file has another size.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # Of this thread alone: another may download a file whose name begins the same, or the same file.
    partial = target.with_name(f"{target.name[:48]}.{os.getpid()}.{threading.get_ident()}.partial")
    try:
        with partial.open("wb") as file:
            _fetch(url, headers, size, file, budget)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _fetch(url: str, headers: Mapping[str, str], size: int | None, file: BinaryIO, budget: RetryBudget) -> None:
    attempt = 0
    while True:
        begin = file.tell()
        try:
            _append(url, headers, size, file)
            break
        except _BROKEN_OFF as error:
            if file.tell() == size:
                break  # nothing is left to ask for
            if file.tell() > begin:
                attempt = 0
                budget.restore()
            attempt += 1
            # Without the query: it may be a signature.
            problem = f"GET {httpx2.URL(url).path} broke off: {connection_failure.describe(error)}"
            time.sleep(budget.spend(attempt, problem))
    if size is not None and file.tell() != size:
        raise ValueError(f"a file has {file.tell()} bytes, and not {size} as listed")


def _append(url: str, headers: Mapping[str, str], size: int | None, file: BinaryIO) -> None:
    """Fetch what is not there yet, but not much more than `size` bytes."""
    begin = file.tell()
    asked = {**headers, "Accept-Encoding": "identity", **({"Range": f"bytes={begin}-"} if begin else {})}
    with get_session().stream("GET", url, headers=asked, follow_redirects=True) as answer:
        hf_raise_for_status(answer)
        if begin and answer.status_code != _PARTIAL_CONTENT:  # a server that does not know ranges starts over
            file.seek(0)
            file.truncate()
        for chunk in answer.iter_bytes(_CHUNK_BYTES):
            file.write(chunk)
            if size is not None and file.tell() > size:
                break
