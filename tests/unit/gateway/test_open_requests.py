"""Requests in progress end with their key."""

import asyncio

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from augmentation_gateway.credentials.keys import ApiKey, KeyRing
from augmentation_gateway.dialects.native import DIALECT as NATIVE
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.limits.open_requests import KeyEnded, OpenRequests
from augmentation_gateway.middleware.front import Front
from augmentation_gateway.process import stop_on_failure
from tests.unit.gateway.conftest import PATH, CurrentGateway
from tests.unit.gateway.test_operation import a_key


async def test_revoked_key_ends_its_requests_only() -> None:
    requests, key, other = OpenRequests(), a_key(), a_key(id="other")
    cancelled: list[str] = []

    async def request(key: ApiKey) -> None:
        try:
            async with requests.track(key):
                await asyncio.Event().wait()
        except KeyEnded:
            cancelled.append(key.id)

    tasks = [asyncio.create_task(request(owner)) for owner in (key, other, key)]
    await asyncio.sleep(0)
    assert len(requests) == 3
    requests.end_revoked(lambda holder: holder.id == "other")
    await asyncio.wait(tasks, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0)
    assert cancelled == ["k", "k"]
    assert len(requests) == 1
    tasks[1].cancel()


async def test_slow_request_is_cancelled_once() -> None:
    requests = OpenRequests()
    cleaning = asyncio.Event()

    async def request() -> None:
        async with requests.track(a_key()):
            try:
                await asyncio.Event().wait()
            finally:
                await cleaning.wait()

    task = asyncio.create_task(request())
    await asyncio.sleep(0)
    for _ in range(3):
        requests.end_revoked(lambda _: False)
        await asyncio.sleep(0.01)
    cleaning.set()
    with pytest.raises(KeyEnded):
        await task


async def test_own_timeout_of_request_is_preserved() -> None:
    requests = OpenRequests()
    with pytest.raises(TimeoutError):
        async with requests.track(a_key()):
            raise TimeoutError
    assert len(requests) == 0


class Slow:
    """An application that never finishes its response; it may or may not start it."""

    def __init__(self, *, begins: bool) -> None:
        self._begins = begins
        self.waiting = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._begins:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
        self.waiting.set()
        await asyncio.Event().wait()


async def ask(app: ASGIApp) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/v1/augmentation", "headers": [(b"x-api-key", b"full")]}
    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("begins", [False, True])
async def test_slow_response_to_revoked_key_ends(gateway: Gateway, begins: bool) -> None:
    slow = Slow(begins=begins)
    asking = asyncio.create_task(ask(Front(gateway, (NATIVE,), slow)))
    await slow.waiting.wait()
    gateway.keys.ring = KeyRing()
    gateway.open_requests.end_revoked(gateway.holds)
    sent = await asyncio.wait_for(asking, 60)
    if begins:
        assert [message.get("body") for message in sent[1:]] == [b"first", b""]
        assert not sent[-1].get("more_body")
    else:
        assert sent[0]["status"] == 401
        assert b"no longer valid" in sent[1]["body"]


async def test_silent_stream_ends_with_its_key(
    http: httpx.AsyncClient, gateway: Gateway, application: tuple[ASGIApp, CurrentGateway]
) -> None:
    gateway.streams.heartbeat_seconds = 3600
    asking = asyncio.create_task(http.get(f"{PATH}/events"))
    async with asyncio.timeout(60):
        while not len(gateway.streams):  # noqa: ASYNC110 - there is no notification
            await asyncio.sleep(0.01)
        gateway.keys.ring = KeyRing()
        gateway.open_requests.end_revoked(gateway.holds)
        answer = await asking
    assert answer.status_code == 200
    assert "event: status" in answer.text
    assert len(gateway.open_requests) == 0


async def test_gateway_stops_if_watch_fails() -> None:
    async def fails() -> None:
        raise RuntimeError("a mistake")

    stopped = asyncio.Event()
    following = asyncio.gather(fails(), asyncio.sleep(60))
    stop_on_failure(following, stopped.set)
    await asyncio.wait_for(stopped.wait(), 5)


async def test_orderly_shutdown_is_no_failure() -> None:
    stopped = asyncio.Event()
    following = asyncio.gather(asyncio.sleep(60))
    stop_on_failure(following, stopped.set)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    await asyncio.sleep(0)
    assert not stopped.is_set()
