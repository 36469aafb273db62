"""One connection: uvicorn's fast protocol, with an upper bound on what it holds and on the time that each step takes.

uvicorn keeps whatever headers, trailers and pipelined requests a client sends, for as long as the client likes, before
the application sees any of it. Here what is fed to the parser is counted piece by piece, so that no more than two
pieces are ever held of what is refused. A request that arrives whole, as nearly all do, costs two comparisons more.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Any, Final, cast

import httptools
from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from augmentation_gateway.problem import Problem, encode_detail
from augmentation_gateway.server import refusals
from augmentation_gateway.server.connections import Closable, Connections

SCOPE_CONNECTION: Final = "augmentation_gateway.connection"
"""Key of the ASGI scope for the connection that a request came over."""
PIECE_BYTES = 16 * 1024


class _At(Enum):
    """The part of a request that comes next."""

    HEAD = auto()
    BODY = auto()


class _LingeringTransport:
    """Transport of a response while the request's body is still to come: closing leaves time to read the response."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing

    def close(self) -> None:
        """Linger: the response is sent, and the rest of the request is not wanted."""
        self._connection.linger()


class Connection(HttpToolsProtocol):
    """An open connection.

    Attributes:
        key_id: of the valid key that it was last used with; empty: none.

    Args:
        connections: all of them.
        config, server_state, app_state, _loop: uvicorn's.
        encode_error: the body of an error for a request's path.
        instead_of: what it replaces among them.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        encode_error: Callable[[str, Problem], bytes],
        _loop: asyncio.AbstractEventLoop | None = None,
        instead_of: Closable | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.key_id = ""
        # Named unlike uvicorn's attribute: its `connections` is a set of the server's.
        self._all = connections
        self._encode_error = encode_error
        self._instead_of = instead_of
        self._limits = connections.http
        self._at = _At.HEAD
        self._boundaries = 0
        self._fed = 0
        self._head_bytes = 0
        # Requests not answered yet; the first is in progress. uvicorn's `cycle` is the last.
        self._unanswered: deque[RequestResponseCycle] = deque()
        self._keeps_alive = True
        self._lingering: asyncio.Transport
        self._deadline: float | None = None
        self._deadline_is_of: _At | None = None
        self._unread_since: float | None = None
        self._closing_since: float | None = None
        self._is_lost = False
        self._lingers = False
        self._discarded = 0
        # Framing of the body that follows a request with an Upgrade header, until it is parsed.
        self._framing = b""
        self._is_framing = False

    @property
    def is_idle(self) -> bool:
        """Whether none of its requests is being received or answered; what is discarded does not count."""
        return self._lingers or (not self._unanswered and self._at is _At.HEAD)

    @property
    def unread_bytes(self) -> int:
        """Size of the responses that its client has not read yet."""
        return self.transport.get_write_buffer_size()

    def assign_key(self, key_id: str) -> bool:
        """Note that a valid key came over it. False if the key has the most connections it may have."""
        return self._all.assign_key(self, key_id)

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._instead_of is not None:
            self._all.remove(self._instead_of)
            self._instead_of = None
        self._lingering = cast(asyncio.Transport, _LingeringTransport(self))
        # There is room: what it replaces has just left.
        self._all.add(self)
        self._set_deadline(_At.HEAD)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._all.remove(self)
        super().connection_lost(exc)
        # uvicorn notifies only the last one; an event stream before it would never end.
        self._disconnect()

    @override
    def data_received(self, data: bytes) -> None:
        if self._lingers:
            self._discarded += len(data)
            if self._discarded > self._limits.linger_bytes:
                self.transport.close()
            return
        if len(data) <= PIECE_BYTES:
            self._feed(data)
            return
        pieces = memoryview(data)
        for start in range(0, len(data), PIECE_BYTES):
            self._feed(pieces[start : start + PIECE_BYTES])
            if self._lingers or self.transport.is_closing():
                return

    def _feed(self, piece: bytes | memoryview) -> None:
        self._unset_keepalive_if_required()
        boundaries = self._boundaries
        try:
            self._parse(piece)
        except httptools.HttpParserError as error:
            refusal = error.__context__
            self._refuse(refusal if isinstance(refusal, Problem) else refusals.not_http())
            return
        # After a boundary within a piece, the count starts again: it is short by a piece at most.
        self._fed = self._fed + len(piece) if self._boundaries == boundaries else 0
        self._check_progress()

    def _parse(self, piece: bytes | memoryview) -> None:
        left: memoryview = memoryview(piece)
        while left:
            try:
                self.parser.feed_data(left)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # The protocol is never changed; the request itself is answered (RFC 9110, 7.8).
                left = left[upgrade.args[0] :]
                if self._framing:
                    self._expect_body()

    def _expect_body(self) -> None:
        """Have the body parsed that follows a request with an Upgrade header. The parser takes such a body for another
        protocol, and would parse it as the next request: its author would get a response that a proxy takes for
        somebody else's."""
        self.parser = httptools.HttpRequestParser(self)
        self._is_framing = True
        self.parser.feed_data(b"POST / HTTP/1.1\r\n" + self._framing + b"\r\n\r\n")
        self._is_framing, self._framing = False, b""

    def _check_progress(self) -> None:
        limits = self._limits
        if self._at is _At.BODY:
            if self._fed > limits.body_bytes + limits.framing_bytes:
                self._refuse(refusals.body_too_large(limits.body_bytes))
            elif self._deadline_is_of is not _At.BODY:
                self._set_deadline(_At.BODY)
        elif self._fed > limits.head_bytes:
            self._refuse(refusals.head_too_large(limits.head_bytes))
        elif self._fed == 0:
            self._deadline = self._deadline_is_of = None
        elif self._deadline_is_of is not _At.HEAD:
            self._set_deadline(_At.HEAD)

    def _set_deadline(self, at: _At) -> None:
        seconds = self._limits.head_seconds if at is _At.HEAD else self._limits.body_seconds
        self._deadline, self._deadline_is_of = self.loop.time() + seconds, at

    @override
    def on_message_begin(self) -> None:
        if self._is_framing:
            return
        super().on_message_begin()
        self._head_bytes = 0

    @override
    def on_url(self, url: bytes) -> None:
        if self._is_framing:
            return
        self._count_head(len(url))
        super().on_url(url)

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_framing:
            return
        if self._at is _At.BODY:
            # A trailer. Nothing uses trailers, and the application has its headers already.
            return
        self._count_head(len(name) + len(value) + len(": \r\n"))
        if len(self.headers) >= self._limits.headers:
            raise refusals.too_many_headers(self._limits.headers)
        super().on_header(name, value)

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes:
            raise refusals.head_too_large(self._limits.head_bytes)

    @override
    def on_headers_complete(self) -> None:
        if self._is_framing:
            return
        if len(self.pipeline) >= self._limits.pipelined:
            raise refusals.too_many_pipelined()
        self._at = _At.BODY
        self._boundaries += 1
        self.scope[SCOPE_CONNECTION] = self  # type: ignore[typeddict-unknown-key]
        self._all.mark_busy(self)
        super().on_headers_complete()
        self._unanswered.append(self.cycle)
        # A response that is sent before the whole body was received is the last of its connection, as the start of the
        # next request is unknown. It says so, unless on_message_complete reverts this.
        self._keeps_alive, self.cycle.keep_alive = self.cycle.keep_alive, False
        self.cycle.transport = self._lingering
        if self.parser.should_upgrade():
            self._framing = _framing_of(self.headers)

    @override
    def on_message_complete(self) -> None:
        if self._framing:
            # The parser reports this for any request with an Upgrade header, also before its body.
            return
        self._at = _At.HEAD
        self._boundaries += 1
        if not self.cycle.response_started:
            self.cycle.keep_alive, self.cycle.transport = self._keeps_alive, self.transport
        super().on_message_complete()

    @override
    def on_response_complete(self) -> None:
        self._unanswered.popleft()
        super().on_response_complete()
        if self.is_idle:
            self._all.mark_idle(self)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_since = self.loop.time()
        self._all.mark_unread(self)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_since = None
        self._all.mark_read(self)

    def _disconnect(self) -> None:
        """Have the application send nothing more for requests that are not answered yet."""
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()

    def abandon(self) -> None:
        """Handle a close that the event loop has not reported."""
        if self.transport is not None and not self._is_lost:
            self.connection_lost(None)

    def end(self) -> None:
        """Close it now, without sending the rest."""
        # An application that went on would write to a closed transport, which is an error.
        self._disconnect()
        if self.unread_bytes:
            self.transport.abort()
        else:
            self.transport.close()

    def sweep(self, now: float) -> None:
        """Enforce the time limits."""
        limits = self._limits
        if self._unread_since is not None and now - self._unread_since > limits.unread_seconds:
            self._all.on_refusal("unread")
            self.end()
        elif self.transport.is_closing():
            # A closing transport waits for its client to read what was sent, without a limit.
            self._closing_since = self._closing_since or now
            if now - self._closing_since > limits.unread_seconds:
                self.transport.abort()
        elif self._deadline is not None and now > self._deadline:
            if self._lingers:
                self.transport.close()
            elif self._deadline_is_of is _At.BODY:
                self._refuse(refusals.too_slow("body_seconds", "body", limits.body_seconds))
            elif self._fed:
                self._refuse(refusals.too_slow("head_seconds", "headers", limits.head_seconds))
            else:
                # A connection without a request needs no response.
                self._all.on_refusal("head_seconds")
                self.transport.close()

    def _refuse(self, refusal: Problem) -> None:
        """Answer the request being received with an error, if it is the next to be answered, and close."""
        self._all.on_refusal(refusal.reason)
        self._unset_keepalive_if_required()
        if self._at is _At.BODY and len(self._unanswered) == 1 and not self.cycle.response_started:
            # The application's own response is not sent any more.
            self._disconnect()
        elif self._unanswered:
            self.end()
            return
        # Before its headers are read, nothing says which API a request is for.
        body = self._encode_error(self.scope["path"], refusal) if self._at is _At.BODY else encode_detail(refusal)
        self.transport.write(refusals.encode(refusal, body, self.server_state.default_headers))
        self.linger()

    def linger(self) -> None:
        """Close when the client has, or soon: until then discard what it still sends."""
        if self._lingers or self.transport.is_closing():
            return
        self._lingers = True
        self._deadline = self.loop.time() + self._limits.linger_seconds
        self._all.mark_idle(self)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()


def _framing_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The header that says where a body ends, which the parser has accepted; empty if there is no body."""
    for name, value in headers:
        if name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")):
            return name + b": " + value
    return b""
