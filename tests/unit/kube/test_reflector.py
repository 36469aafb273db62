"""The reflector when a watch ends, breaks, falls silent or expires."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from typing_extensions import override

from augmentation_gateway.cache.object_cache import ObjectCache
from augmentation_gateway.cache.records import JobRecord
from augmentation_kube import KubeApi, KubeError, KubeUnavailable, Reflector, Resource, reflector
from tests.unit.gateway.job_objects import bookmark, event, job_object, listing

Json = dict[str, Any]
GONE = KubeError(410, "Expired", "too old resource version")
AWAY = KubeUnavailable("connection refused")


class Scripted(KubeApi):
    """Scripted API server that keeps its last watch open in silence.

    Args:
        lists: response to each list request: a list object or an error.
        watches: what each watch request gets: events, ended by an error, or by None for an orderly end; an error in
            place of the list refuses the request before the watch is open.
    """

    def __init__(self, lists: list[Json | Exception], watches: list[list[Json | Exception | None] | Exception]) -> None:
        self._lists = lists
        self._watches = watches
        self.asked: list[str] = []
        self.finished = asyncio.Event()

    @override
    async def _send(self, *_: object, **__: object) -> Json:
        raise NotImplementedError

    @override
    def _watch(self, *_: object, **__: object) -> AsyncGenerator[Json, None]:
        raise NotImplementedError

    @override
    async def pages(
        self, resource: Resource, namespace: str | None = None, label_selector: str | None = None, **_: object
    ) -> AsyncGenerator[Json, None]:
        self.asked.append("list")
        answer = self._lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        middle = len(answer["items"]) // 2
        for items in (answer["items"][:middle], answer["items"][middle:]):
            yield {**answer, "items": items}

    @override
    async def watch(
        self,
        resource: Resource,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str | None = None,
        *,
        opened: Callable[[], None] = lambda: None,
        **_: object,
    ) -> AsyncGenerator[Json, None]:
        self.asked.append(f"watch from {resource_version}")
        script = self._watches.pop(0) if self._watches else []
        if isinstance(script, Exception):
            raise script
        opened()
        for line in script:
            if isinstance(line, Exception):
                raise line
            if line is None:
                return
            yield line
        self.finished.set()
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "FIRST_DELAY_SECONDS", 0.001)
    monkeypatch.setattr(reflector, "LONGEST_DELAY_SECONDS", 0.002)


@asynccontextmanager
async def followed(server: Scripted) -> AsyncIterator[tuple[Reflector, ObjectCache[JobRecord]]]:
    """A reflector that has received the whole script of the server."""
    cache = ObjectCache(JobRecord.read)
    following = Reflector(server, Resource.AUGMENTATION_JOBS, None, cache)
    task = asyncio.create_task(following.run())
    try:
        await asyncio.wait_for(server.finished.wait(), 10)
        yield following, cache
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_reflector_lists_and_then_watches_from_list_version() -> None:
    server = Scripted(
        [listing(job_object("a", 5), job_object("c", 6), version=9)], [[event("ADDED", job_object("b", 10))]]
    )
    async with followed(server) as (following, cache):
        assert server.asked == ["list", "watch from 9"]
        assert {record.uid for record in cache.records()} == {"a", "b", "c"}
        assert following.age is None


async def test_ended_watch_resumes_from_last_event_or_bookmark() -> None:
    server = Scripted([listing(version=9)], [[event("ADDED", job_object("a", 10)), None], [bookmark(30), None], []])
    async with followed(server) as (_, cache):
        assert server.asked == ["list", "watch from 9", "watch from 10", "watch from 30"]
        assert cache.get("a")


async def test_broken_watch_resumes() -> None:
    server = Scripted([listing(version=9)], [[event("ADDED", job_object("a", 10)), AWAY], AWAY, AWAY, []])
    async with followed(server) as (following, _):
        assert server.asked == ["list", "watch from 9", *["watch from 10"] * 3]
        assert following.age is None


@pytest.mark.parametrize("when", ["at once", "later"])
async def test_expired_version_causes_new_list(when: str) -> None:
    too_old: list[Json | Exception | None] | Exception = GONE if when == "at once" else [bookmark(12), GONE]
    server = Scripted([listing(job_object("a", 5), version=9), listing(job_object("b", 15), version=20)], [too_old, []])
    async with followed(server) as (_, cache):
        assert server.asked == ["list", "watch from 9", "list", "watch from 20"]
        assert cache.get("a") is None
        assert cache.get("b")


async def test_reflector_waits_for_server() -> None:
    server = Scripted([AWAY, KubeError(403, "Forbidden", "no list right"), listing(version=3)], [[]])
    async with followed(server) as (_, cache):
        assert server.asked == ["list", "list", "list", "watch from 3"]
        assert cache.synced


async def test_during_outage_age_grows_and_objects_stay() -> None:
    class Gone(Scripted):
        @override
        async def pages(
            self, resource: Resource, namespace: str | None = None, label_selector: str | None = None, **_: object
        ) -> AsyncGenerator[Json, None]:
            if not self._lists:
                self.finished.set()
                raise AWAY
            async for page in super().pages(resource, namespace, label_selector):
                yield page

    server = Gone([listing(job_object("a", 5), version=9)], [[GONE]])
    async with followed(server) as (following, cache):
        assert cache.get("a")
        first = following.age
        assert first is not None
        await asyncio.sleep(0.01)
        second = following.age
        assert second is not None and second > first


async def test_silent_watch_is_reopened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "SILENCE_SECONDS", 0.05)
    server = Scripted([listing(version=9)], [[bookmark(11)]])
    async with followed(server):
        server.finished.clear()
        await asyncio.wait_for(server.finished.wait(), 10)
        assert server.asked[:3] == ["list", "watch from 9", "watch from 11"]


async def test_unexpected_error_causes_new_list() -> None:
    server = Scripted([listing(version=9), listing(job_object("a", 5), version=20)], [[RuntimeError("a mistake")], []])
    async with followed(server) as (_, cache):
        assert server.asked == ["list", "watch from 9", "list", "watch from 20"]
        assert cache.get("a")
