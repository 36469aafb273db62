"""The way out: what every answer of a dialect has in common, in headers, metrics and the log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress

from starlette.types import Message, Scope, Send

from augmentation_gateway.dialects.dialect import Dialect
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.observability import request_id
from augmentation_gateway.observability.log_limit import LogLimit

logger = logging.getLogger(__name__)
_refusals = LogLimit(logger)

LONGEST_PATH = 256
"""In the log: a path may have kilobytes."""

END_SECONDS = 1.0
"""How long the end of an answer waits for a client that does not read."""
NO_ROUTE = "none"
"""Route of a request that got to none: a wrong key, a path that is not there."""
_REQUEST_ID = request_id.HEADER.lower().encode()
_JSON = (b"content-type", b"application/json")
# A status changes from one second to the next, and is only for who asked with that key.
_NOT_KEPT = (b"cache-control", b"no-store")

# What a job was named is no HTML, whatever a browser makes of it.
_NOT_GUESSED = (b"x-content-type-options", b"nosniff")


class Sending:
    """A `send` for one request.

    Attributes:
        scope: of the request, as the routes get it: it tells the route that was found.
        key_id: of the request's key, once that is known.
        started: whether the answer has begun.
    """

    def __init__(self, scope: Scope, send: Send, dialect: Dialect, gateway: Gateway) -> None:
        self.scope = scope
        self.key_id = ""
        self.started = False
        self._send = send
        self._dialect = dialect
        self._gateway = gateway
        self._began = time.perf_counter()
        self._id = request_id.begin(scope["headers"])

    async def __call__(self, message: Message) -> None:
        """Pass one message on; log what the answer comes to."""
        if message["type"] == "http.response.start":
            self.started = True
            given = list(message.get("headers", ()))
            if not any(name.lower() == _NOT_KEPT[0] for name, _ in given):
                given.append(_NOT_KEPT)
            message = {**message, "headers": [*given, *self._own_headers()]}
            route = getattr(self.scope.get("route"), "path", NO_ROUTE)
            seconds = self._count(route, message["status"])
            fields = {
                "method": self.scope["method"],
                "path": self.scope["path"][:LONGEST_PATH],
                "route": route,
                "dialect": self._dialect.name,
                "status": message["status"],
                "key_id": self.key_id,
                "milliseconds": round(1000 * seconds, 1),
            }
            if 400 <= message["status"] < 500:
                # Anybody can bring these about, as fast as the network is.
                _refusals.info("request", fields)
            else:
                logger.info("request", extra={"fields": fields})
        await self._send(message)

    async def status(self, body: bytes) -> None:
        """A status that was read. Nearly all requests are this one, so it is counted and not logged."""
        self.started = True
        headers = [_JSON, (b"content-length", b"%d" % len(body)), _NOT_KEPT, *self._own_headers()]
        self._count(self._dialect.status_route, 200)
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def json(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """An answer that no route has made."""
        given = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        all_headers = [_JSON, (b"content-length", b"%d" % len(body)), *given]
        await self({"type": "http.response.start", "status": status, "headers": all_headers})
        await self._send({"type": "http.response.body", "body": body})

    async def end(self) -> None:
        """The end of an answer that was cut short, so that its client need not take it for a broken connection."""
        # An answer that has told its length cannot end before it: the server then closes the connection.
        with suppress(Exception):
            async with asyncio.timeout(END_SECONDS):
                await self._send({"type": "http.response.body", "body": b""})

    def _own_headers(self) -> list[tuple[bytes, bytes]]:
        headers = [(_REQUEST_ID, self._id.encode()), _NOT_GUESSED]
        if self.scope["method"] == "GET":
            age = self._gateway.age_headers()
            headers += [(name.lower().encode(), value.encode()) for name, value in age.items()]
        return headers

    def _count(self, route: str, status: int) -> float:
        """Count the answer. Returns the seconds it took."""
        seconds = time.perf_counter() - self._began
        method = self.scope["method"]
        # Anybody can invent methods; each would be a time series for ever.
        known = method if method in _METHODS else "other"
        self._gateway.metrics.answered(self._dialect.name, route, known, status, seconds)
        return seconds


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
