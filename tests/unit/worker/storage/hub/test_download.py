"""Downloads of whole files."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import httpx2
import pytest
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory

from augmentation_worker.storage.hub.download import download
from augmentation_worker.storage.hub.retry_budget import RetryBudget


class Halves(httpx2.SyncByteStream):
    """A content whose second half comes once those of all others have begun."""

    def __init__(self, content: bytes, begun: Barrier) -> None:
        self._content, self._begun = content, begun

    def __iter__(self) -> Iterator[bytes]:
        half = len(self._content) // 2
        yield self._content[:half]
        self._begun.wait(60)
        yield self._content[half:]


@pytest.mark.parametrize("names", [("a", "b"), ("same", "same")])
def test_threads_download_files_whose_names_begin_the_same(tmp_path: Path, names: tuple[str, str]) -> None:
    begun, size = Barrier(2), 4 * 2**20

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, stream=Halves(request.url.path[-1:].encode() * size, begun))

    set_client_factory(lambda: httpx2.Client(transport=httpx2.MockTransport(answer)))
    paths = [tmp_path / f"{'x' * 60}-{name}" for name in names]
    try:
        with ThreadPoolExecutor(2) as threads:
            budget = RetryBudget(0, lambda number, problem: None)
            done = [
                threads.submit(download, f"http://hub.example/{path.name}", {}, size, path, budget) for path in paths
            ]
            for each in done:
                each.result()
    finally:
        set_client_factory(default_client_factory)
    assert [path.read_bytes()[:1] * size == path.read_bytes() for path in paths] == [True, True]
    assert sorted(tmp_path.iterdir()) == sorted(set(paths))


class BrokenOff(httpx2.SyncByteStream):
    """A content after which the connection breaks off."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx2.ReadError("reset")


def test_connection_that_breaks_off_after_the_last_byte_asks_for_nothing_more(tmp_path: Path) -> None:
    content = b"x" * 2**20

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(416 if "Range" in request.headers else 200, stream=BrokenOff(content))

    set_client_factory(lambda: httpx2.Client(transport=httpx2.MockTransport(answer)))
    try:
        budget = RetryBudget(5, lambda number, problem: None)
        download("http://hub.example/a", {}, len(content), tmp_path / "a", budget)
    finally:
        set_client_factory(default_client_factory)
    assert (tmp_path / "a").read_bytes() == content
