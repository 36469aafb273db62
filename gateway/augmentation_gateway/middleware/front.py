"""The front, in plain ASGI: keys, limits, errors, and the status reads, which go no further.

Clients poll for status: reads are nearly all the requests there are. Answered here from memory, one costs a key look-up
and a record look-up, about a tenth of what a framework's routing and serialisation would.
"""

import logging
from collections.abc import Sequence
from contextlib import ExitStack

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from augmentation_gateway.credentials.authentication import authenticate, key_ended, require
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.dialect import Dialect, owner_of
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.limits.json_limits import check_json, check_query
from augmentation_gateway.limits.limits import MAX_BODY_BYTES
from augmentation_gateway.limits.open_requests import KeyEnded
from augmentation_gateway.middleware.response import NONE, ResponseWriter
from augmentation_gateway.observability import request_id
from augmentation_gateway.problem import Problem, encode_detail, too_many
from augmentation_gateway.server.connection import SCOPE_CONNECTION
from augmentation_gateway.views.dependencies import SCOPE_KEY, SCOPE_SHARES

_log = logging.getLogger(__name__)

_STREAMS = "event streams"
"""No key is called so: an id has no spaces."""
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def internal_error() -> Problem:
    """A 500 for a defect of the gateway, whose log has the traceback by the request's id."""
    return Problem(500, "Internal server error", f"quote request id {request_id.current()} when reporting it")


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
        dialect = owner_of(path, self._dialects)
        response = ResponseWriter(scope, send, self._gateway, dialect)
        encode = encode_detail if dialect is None else dialect.encode_problem
        try:
            if dialect is None:
                await self._inner(scope, receive, response)
            else:
                await self._answer(dialect, scope, receive, response)
        except Problem as problem:
            if problem.reason:
                self._gateway.count_refusal(problem.reason)
            status = problem.status if dialect is None else dialect.errors.status_of(problem.status)
            await response.json(status, encode(problem), problem.headers)
        except KeyEnded:
            if response.started:
                await response.end()
            else:
                ended = key_ended()
                await response.json(ended.status, encode(ended), ended.headers)
        except Exception:
            # The inner application answers its own defects before it raises them; this one may not be answered yet.
            fields = {"path": path, "dialect": NONE if dialect is None else dialect.name}
            _log.exception("a request failed", extra={"fields": fields})
            if not response.started:
                await response.json(500, encode(internal_error()), {})

    async def _answer(self, dialect: Dialect, scope: Scope, receive: Receive, response: ResponseWriter) -> None:
        key = await authenticate(scope["headers"], self._gateway.keys, self._gateway.tokens)
        response.key_id = key.id
        self._check_connection(scope, key)
        self._gateway.rate_limit.check(key)
        method, path = scope["method"], scope["path"]
        reads = method in _READS
        # The method decides which right is needed: nothing is read or parsed for a key without it.
        if not reads or path not in dialect.other_paths:
            require(key, Right.READ if reads else Right.WRITE)
        if method == "GET" and (uid := dialect.status_uid(path)) is not None:
            await response.status(self._gateway.statuses.read(key, uid, dialect), dialect.status_route)
            return
        with ExitStack() as shares:
            shares.enter_context(self._gateway.capacity.requests.take(key.id))
            queue = key.id
            if dialect.is_stream(path):
                # Here already, so that refused streams do not wait. The others wait as if they had one key: starting a
                # stream takes the longest, and its client can wait.
                shares.enter_context(self._gateway.capacity.streams.take(key.id))
                queue = _STREAMS
            query = scope.get("query_string", b"")
            check_query(query)
            if query:
                scope = {**scope, "query_string": dialect.without_unknown(query, _user_agent(scope))}
            async with self._gateway.open_requests.track(key):
                body = b"" if reads else await _read_body(scope, receive)
                await self._gateway.gate.enter(queue)
                if not reads:
                    check_json(body)
                    receive = _replay(body, receive)
                response.scope = {**scope, SCOPE_KEY: key, SCOPE_SHARES: shares}
                await self._inner(response.scope, receive, response)

    def _check_connection(self, scope: Scope, key: ApiKey) -> None:
        """Assign the connection to its key. Raises Problem 429 if the key has the most it may have."""
        connection = scope.get(SCOPE_CONNECTION)
        if connection is not None and not connection.assign_key(key.id):
            raise too_many(
                "connections_per_key",
                f"Key {key.id!r} has the most connections it may have, all of them busy",
                "use fewer, or have the administrator allow more (gateway.limits.connectionsPerKey)",
                1,
            )


def _user_agent(scope: Scope) -> bytes:
    agent: bytes = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    return agent


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body; no more than the limit is ever held. Raises Problem 413."""
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
    """A `receive` that returns a body which has been read already, then whatever comes after it."""
    unread = [body]

    async def replayed() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return replayed
