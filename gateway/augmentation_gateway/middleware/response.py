"""What all responses have in common: headers, a request id, metrics and a line in the log."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from starlette.types import Message, Scope, Send

from augmentation_gateway.dialect import Dialect
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.middleware.health import PROBE_PATHS
from augmentation_gateway.observability import request_id
from augmentation_gateway.observability.logs import LogLimit

_log = logging.getLogger(__name__)
# Anybody can cause these, as fast as the network is: what is refused, and what needs no key.
_refused_log = LogLimit(_log)
_public_log = LogLimit(_log)

MAX_LOGGED_PATH: Final = 256
"""A path may have kilobytes."""
END_SECONDS: Final = 1.0
"""How long the end of a response waits for a client that does not read."""
NONE: Final = "none"
"""Route of a request that got to none (a wrong key, an unknown path); dialect of a path that no dialect owns."""

_REQUEST_ID = request_id.HEADER.lower().encode()
_JSON = (b"content-type", b"application/json")
# A status changes from one second to the next, and is only for the key of its request.
_NO_STORE = (b"cache-control", b"no-store")
# Texts of jobs are not HTML, whatever they contain.
_NO_SNIFF = (b"x-content-type-options", b"nosniff")
_NO_FRAME = (b"x-frame-options", b"DENY")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ResponseWriter:
    """A `send` for one request, which adds the headers that every response has, and counts and logs it.

    Args:
        scope, send: of the request.
        gateway: counts it.
        dialect: whose request it is; None: of the page, the OpenAPI document, a probe, or nothing.

    Attributes:
        scope: of the request as the routes get it, which names the route that matched.
        key_id: of the request's key, once that is known.
        started: whether the response has begun.
    """

    def __init__(self, scope: Scope, send: Send, gateway: Gateway, dialect: Dialect | None) -> None:
        self.scope = scope
        self.key_id = ""
        self.started = False
        self._send = send
        self._gateway = gateway
        self._dialect = NONE if dialect is None else dialect.name
        self._needs_key = dialect is not None
        self._began = time.perf_counter()
        self._id = request_id.begin(scope["headers"])

    async def __call__(self, message: Message) -> None:
        """Send one message on."""
        if message["type"] == "http.response.start":
            self.started = True
            headers = list(message.get("headers", ()))
            names = {name.lower() for name, _ in headers}
            defaults = (_NO_SNIFF, _NO_STORE) if self._needs_key else (_NO_SNIFF, _NO_FRAME)
            headers += [header for header in defaults if header[0] not in names]
            message = {**message, "headers": headers + self._own_headers()}
            route = getattr(self.scope.get("route"), "path", NONE)
            self._log_response(route, message["status"], self._count(route, message["status"]))
        await self._send(message)

    async def status(self, body: bytes, route: str) -> None:
        """Send a status that was read. Nearly all requests are this one, so it is counted and not logged."""
        self.started = True
        headers = [_JSON, (b"content-length", b"%d" % len(body)), _NO_STORE, _NO_SNIFF, *self._own_headers()]
        self._count(route, 200)
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def json(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a response of the front itself."""
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        all_headers = [_JSON, (b"content-length", b"%d" % len(body)), *encoded]
        await self({"type": "http.response.start", "status": status, "headers": all_headers})
        await self._send({"type": "http.response.body", "body": body})

    async def end(self) -> None:
        """End a response that was cut short, so that its client need not take it for a broken connection."""
        # A response that has announced its length cannot end before it: the server then closes the connection.
        with suppress(Exception):
            async with asyncio.timeout(END_SECONDS):
                await self._send({"type": "http.response.body", "body": b""})

    def _own_headers(self) -> list[tuple[bytes, bytes]]:
        headers = [(_REQUEST_ID, self._id.encode())]
        if self._needs_key and self.scope["method"] == "GET":
            age = self._gateway.age_headers()
            headers += [(name.lower().encode(), value.encode()) for name, value in age.items()]
        return headers

    def _count(self, route: str, status: int) -> float:
        """Count the response. Returns the seconds it took."""
        seconds = time.perf_counter() - self._began
        method = self.scope["method"]
        # Anybody can invent methods; each would be a time series for ever.
        known = method if method in _METHODS else "other"
        self._gateway.metrics.count_response(self._dialect, route, known, status, seconds)
        return seconds

    def _log_response(self, route: str, status: int, seconds: float) -> None:
        fields = {
            "method": self.scope["method"],
            "path": self.scope["path"][:MAX_LOGGED_PATH],
            "route": route,
            "dialect": self._dialect,
            "status": status,
            "key_id": self.key_id,
            "milliseconds": round(1000 * seconds, 1),
        }
        if 400 <= status < 500:
            _refused_log.info("request", fields)
        elif self._needs_key:
            _log.info("request", extra={"fields": fields})
        elif route not in PROBE_PATHS or status != 200:
            _public_log.info("request", fields)
