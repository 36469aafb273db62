"""A proxy of the API server that delays, rejects and loses answers and breaks watches, at random from a seed."""

import asyncio
import random
import ssl
import threading
from collections import Counter
from concurrent.futures import Future
from typing import Self

import aiohttp
from aiohttp import web

from tests.integration.control_plane import ControlPlane

_NOT_PASSED_ON = {"host", "content-length", "transfer-encoding", "connection", "content-encoding", "accept-encoding"}


class FaultyProxy:
    """Speaks plain HTTP at `url` and passes requests on with their tokens, until `faults` is set.

    Attributes:
        faults: whether it spoils anything; a test lets things begin and end in peace.
        spoiled: how many requests it spoiled, by how.
    """

    REFUSED, LOST, SLOW = 0.10, 0.04, 0.15
    WATCH_SECONDS = (0.5, 4.0)

    def __init__(self, plane: ControlPlane, seed: int) -> None:
        self._behind, self._chance = plane.url, random.Random(seed)
        self._trust = ssl.create_default_context(cafile=str(plane.folder / "certificates" / "apiserver.crt"))
        self.faults = False
        self.spoiled: Counter[str] = Counter()
        self.url = ""

    def __enter__(self) -> Self:
        begun: Future[str] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(begun)), daemon=True)
        self._thread.start()
        self.url = begun.result(timeout=30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(timeout=30)

    async def _serve(self, begun: Future[str]) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._trust, limit=0)) as self._session:
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            begun.set_result(f"http://127.0.0.1:{runner.addresses[0][1]}")
            await self._over.wait()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        fate = self._chance.random() if self.faults else 1.0
        if fate < self.REFUSED:
            self.spoiled["refused"] += 1
            return _refusal(self._chance.choice([429, 500, 503, 504]))
        if fate > 1 - self.SLOW:
            self.spoiled["slow"] += 1
            await asyncio.sleep(self._chance.uniform(0.1, 1.0))
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_PASSED_ON}
        body = await request.read()
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.request(
            request.method, self._behind + request.raw_path, headers=headers, data=body or None, timeout=timeout
        ) as answer:
            passed_on = {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_PASSED_ON}
            if request.query.get("watch") == "true":
                return await self._watch(request, answer, passed_on)
            whole = await answer.read()
            if fate < self.REFUSED + self.LOST:  # done, and nobody hears of it
                self.spoiled["lost"] += 1
                _break_off(request)
            return web.Response(status=answer.status, headers=passed_on, body=whole)

    async def _watch(
        self, request: web.Request, answer: aiohttp.ClientResponse, headers: dict[str, str]
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        try:
            async with asyncio.timeout(self._chance.uniform(*self.WATCH_SECONDS) if self.faults else 60):
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
        except TimeoutError:
            self.spoiled["watches broken off"] += 1
            _break_off(request)
        return response


def _break_off(request: web.Request) -> None:
    if request.transport is not None:  # else whoever asked has gone already
        request.transport.abort()


def _refusal(status: int) -> web.Response:
    reason = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}[status]
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "code": status,
        "message": f"the faulty proxy says {reason}",
    }
    return web.json_response(body, status=status, headers={"Retry-After": "1"} if status in (429, 503) else {})
