"""The front door, in plain ASGI: keys, body size, errors, and the status reads, which go no further.

Clients poll for status: reads are nearly all the requests there are. Answered here from memory, one costs a key look-up
and a record look-up, about a tenth of what a framework's routing and serialisation would.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from augmentation_gateway.credentials.access import authenticate, key_ended, require
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.dialects.dialect import Dialect
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.limits.json_limits import check_json, check_query
from augmentation_gateway.limits.limits import MAX_BODY_BYTES
from augmentation_gateway.limits.open_requests import KeyEnded
from augmentation_gateway.middleware.response import Sending
from augmentation_gateway.middleware.route_key import SCOPE_KEY
from augmentation_gateway.middleware.until_answered import SCOPE_HELD
from augmentation_gateway.problem import Problem, too_many
from augmentation_gateway.server.connection import SCOPE_CONNECTION

logger = logging.getLogger(__name__)


_STREAMS = "event streams"
"""No key is called so: an id has no spaces."""
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


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
        path: str = scope["path"]
        for dialect in self._dialects:
            if dialect.owns(path):
                break
        else:
            await self._inner(scope, receive, _for_browsers(send))
            return
        sending = Sending(scope, send, dialect, self._gateway)
        try:
            await self._answer(dialect, scope, receive, sending)
        except Problem as problem:
            if problem.reason:
                self._gateway.refused(problem.reason)
            await sending.json(problem.status, dialect.encode_problem(problem), problem.headers)
        except KeyEnded:
            if sending.started:
                await sending.end()
            else:
                ended = key_ended()
                await sending.json(ended.status, dialect.encode_problem(ended), ended.headers)
        except Exception:
            # The inner application answers its own mistakes before it raises them; this one may not be answered yet.
            logger.exception("a request failed", extra={"fields": {"path": path, "dialect": dialect.name}})
            if not sending.started:
                mistake = Problem(500, "The gateway made a mistake; see its log.")
                await sending.json(500, dialect.encode_problem(mistake), {})

    async def _answer(self, dialect: Dialect, scope: Scope, receive: Receive, sending: Sending) -> None:
        key = await authenticate(scope["headers"], self._gateway.keys, self._gateway.tokens)
        sending.key_id = key.id
        self._check_connection(scope, key)
        self._gateway.rate_limit.check(key)
        method, path = scope["method"], scope["path"]
        reads = method in _READS
        # What a key may do at all is known from the method: nothing is read or parsed for one that may not.
        if path not in dialect.other_paths:
            require(key, Right.READ if reads else Right.WRITE)
        if method == "GET" and (job_id := dialect.status_id(path)) is not None:
            await sending.status(self._gateway.read_status(key, dialect, job_id))
            return
        with ExitStack() as held:
            held.enter_context(self._gateway.capacity.requests.take(key.id))
            turns_of = key.id
            if dialect.is_stream(path):
                # Here already, so that those that are refused wait for no turn. The others take turns as one key: to
                # begin a stream is the longest work there is, and who wants one can wait.
                held.enter_context(self._gateway.capacity.streams.take(key.id))
                turns_of = _STREAMS
            check_query(scope.get("query_string", b""))
            async with self._gateway.open_requests.answer(key):
                body = b"" if reads else await _read_body(scope, receive)
                await self._gateway.gate.enter(turns_of)
                if not reads:
                    check_json(body)
                    receive = _replay(body, receive)
                sending.scope = {**scope, SCOPE_KEY: key, SCOPE_HELD: held}
                await self._inner(sending.scope, receive, sending)

    def _check_connection(self, scope: Scope, key: ApiKey) -> None:
        """Say whose the connection is. Raises Problem 429 where the key has as many as it may."""
        connection = scope.get(SCOPE_CONNECTION)
        if connection is not None and not connection.used_by(key.id):
            raise too_many(
                "connections_per_key",
                f"Key {key.id!r} has the most connections it may have, all of them busy",
                "use fewer, or have the administrator allow more (gateway.limits.connectionsPerKey)",
                1,
            )


def _for_browsers(send: Send) -> Send:
    """A `send` for what no dialect answers, such as the API's own pages: no other page frames them."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", ()))
            names = {name.lower() for name, _ in given}
            message = {**message, "headers": given + [each for each in _GUARDS if each[0] not in names]}
        await send(message)

    return guarded


_GUARDS = ((b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"))


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body, of which no more than the limit is ever held. Raises Problem 413."""
    too_large = Problem(
        413,
        f"The body is larger than {MAX_BODY_BYTES // 1024} KiB, more than any job needs",
        "shorten it",
        headers={"Connection": "close"},
    )
    announced: bytes = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "The connection was closed before the whole body was received.")
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise too_large
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body which has been read already, then whatever comes after it."""
    unread = [body]

    async def replayed() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return replayed
