"""The front door, in plain ASGI: keys, body size, errors, and the status reads, which go no further.

Clients poll for status: reads are nearly all the requests there are. Answered here from memory, one costs a key look-up
and a record look-up, about a tenth of what a framework's routing and serialisation would.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from augmentation_gateway import request_id
from augmentation_gateway.access import authenticate
from augmentation_gateway.dialect import Dialect
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.problem import Problem
from augmentation_gateway.route_key import SCOPE_KEY

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024


class Front:
    """Wraps the FastAPI application.

    Args:
        gateway: what reads are answered from.
        dialects: the REST APIs that are served.
        inner: answers everything that is not a status read.
    """

    def __init__(self, gateway: Gateway, dialects: Sequence[Dialect], inner: ASGIApp) -> None:
        self._gateway = gateway
        self._dialects = tuple(dialects)
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        dialect = next((each for each in self._dialects if each.owns(scope["path"])), None)
        if dialect is None:
            await self._inner(scope, receive, send)
            return
        request_id.begin(scope["headers"])
        sending = _Sending(scope, send, self._gateway)
        try:
            key = authenticate(scope["headers"], self._gateway.keys.ring)
            sending.key_id = key.id
            job_id = dialect.status_id(scope["path"]) if scope["method"] == "GET" else None
            if job_id is None:
                if scope["method"] not in ("GET", "HEAD"):
                    receive = _replay(await _read_body(scope, receive), receive)
                await self._inner({**scope, SCOPE_KEY: key}, receive, sending)
            else:
                body = self._gateway.read_status(key, dialect, job_id)
                await _respond(send, 200, body, self._gateway.age_headers())
        except Problem as problem:
            await _respond(sending, problem.status, dialect.encode_problem(problem), problem.headers)
        except Exception:
            # The inner application answers its own mistakes before it raises them; this one may not be answered yet.
            logger.exception("a request failed", extra={"fields": {"path": scope["path"], "dialect": dialect.name}})
            if not sending.started:
                await _respond(
                    sending, 500, dialect.encode_problem(Problem(500, "The gateway made a mistake; see its log."))
                )


class _Sending:
    """A `send` that tells the age of what is read, and logs what every answer but a status comes to."""

    def __init__(self, scope: Scope, send: Send, gateway: Gateway) -> None:
        self._scope = scope
        self._send = send
        self._gateway = gateway
        self._began = time.monotonic()
        self.key_id = ""
        self.started = False

    async def __call__(self, message: Message) -> None:
        """Pass one message on."""
        if message["type"] == "http.response.start":
            self.started = True
            if self._scope["method"] == "GET":
                age = [(name.lower().encode(), value.encode()) for name, value in self._gateway.age_headers().items()]
                message = {**message, "headers": [*message.get("headers", ()), *age]}
            logger.info(
                "request",
                extra={
                    "fields": {
                        "method": self._scope["method"],
                        "path": self._scope["path"],
                        "status": message["status"],
                        "key_id": self.key_id,
                        "milliseconds": round(1000 * (time.monotonic() - self._began), 1),
                    }
                },
            )
        await self._send(message)


async def _respond(send: Send, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Send a JSON answer."""
    encoded = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        # A status changes from one second to the next, and is only for who asked with that key.
        (b"cache-control", b"no-store"),
        *((name.lower().encode(), value.encode()) for name, value in (headers or {}).items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body, of which no more than the limit is ever held. Raises Problem 413."""
    too_large = Problem(
        413,
        f"The body is larger than {MAX_BODY_BYTES // 1024} KiB, more than any job needs: shorten it.",
        headers={"Connection": "close"},
    )
    announced: bytes = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise too_large
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "The connection was closed before the whole body had come.")
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise too_large
        if not message.get("more_body", False):
            return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body which has been read already, then whatever comes after it."""
    unread = [body]

    async def replayed() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return replayed
