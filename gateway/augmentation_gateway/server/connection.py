"""One connection: uvicorn's fast protocol, with an upper bound on what it holds and on the time that each step takes.

uvicorn keeps whatever headers, trailers and pipelined requests a client sends, for as long as the client likes, before
the application sees any of it. Here what is fed to the parser is counted piece by piece, so that no more than two
pieces are ever held of what is refused. A request that arrives whole, as nearly all do, costs two comparisons more.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any, Final, cast

import httptools
from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from augmentation_gateway.server import refusals
from augmentation_gateway.server.connections import Closable, Connections

SCOPE_CONNECTION: Final = "augmentation_gateway.connection"
"""Where the ASGI scope has the connection that a request came over."""
PIECE_BYTES = 16 * 1024


class _At(Enum):
    """What of a request comes next."""

    HEAD = auto()
    BODY = auto()


class _LingeringTransport:
    """What a request is answered over while its body is still to come: closing leaves time to see the answer."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing

    def close(self) -> None:
        """The answer is sent, and nothing more is wanted."""
        self._connection.linger()


class Connection(HttpToolsProtocol):
    """An open connection.

    Attributes:
        key_id: of the valid key that it was last used with; empty: none.

    Args:
        connections: all of them.
        config, server_state, app_state, _loop: uvicorn's.
        instead_of: what has had its place among them until now.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        instead_of: Closable | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.key_id = ""
        # Not named like anything of uvicorn's: its `connections` is a set of the server's.
        self._open_ones = connections
        self._instead_of = instead_of
        self._limits = connections.http
        self._at = _At.HEAD
        self._boundaries = 0
        self._fed = 0
        self._head_bytes = 0
        # Those that are not answered yet, the first of them under way. uvicorn's `cycle` is the last.
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
        # How the body is framed that follows a request with an Upgrade header, until it is parsed.
        self._framing = b""
        self._is_framing = False

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is being received or answered; of what is only thrown away, none is."""
        return self._lingers or (not self._unanswered and self._at is _At.HEAD)

    @property
    def unread_bytes(self) -> int:
        """How much of its answers its client has not read."""
        return self.transport.get_write_buffer_size()

    def used_by(self, key_id: str) -> bool:
        """A valid key came over it. False where the key has as many connections as it may."""
        return self._open_ones.used_by(self, key_id)

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._instead_of is not None:
            self._open_ones.remove(self._instead_of)
            self._instead_of = None
        self._lingering = cast(asyncio.Transport, _LingeringTransport(self))
        # There is room: what it comes instead of has just left it.
        self._open_ones.add(self)
        self._set_deadline(_At.HEAD)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._open_ones.remove(self)
        super().connection_lost(exc)
        # uvicorn tells the last one only; an event stream before it would go on for ever.
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
            self._refuse(refusal if isinstance(refusal, refusals.Refusal) else refusals.not_http())
            return
        # Of a piece with a boundary in it, what is behind that is not known: a piece at most.
        self._fed = self._fed + len(piece) if self._boundaries == boundaries else 0
        self._check_progress()

    def _parse(self, piece: bytes | memoryview) -> None:
        left: memoryview = memoryview(piece)
        while left:
            try:
                self.parser.feed_data(left)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # No protocol is changed to here; the request itself is answered (RFC 9110, 7.8).
                left = left[upgrade.args[0] :]
                if self._framing:
                    self._expect_body()

    def _expect_body(self) -> None:
        """Have the body parsed that follows a request with an Upgrade header. The parser itself takes such a body for
        another protocol, and goes on with it as if it were the next request: whoever wrote it would get an answer that
        a proxy takes for somebody else's."""
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
            # A trailer. Nothing here looks at any, and the application has got its headers.
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
        self._open_ones.busy(self)
        super().on_headers_complete()
        self._unanswered.append(self.cycle)
        # An answer that comes before the whole body has is the last one of its connection: where the next request would
        # begin is not known. It says so, unless on_message_complete takes this back.
        self._keeps_alive, self.cycle.keep_alive = self.cycle.keep_alive, False
        self.cycle.transport = self._lingering
        if self.parser.should_upgrade():
            self._framing = _framing_of(self.headers)

    @override
    def on_message_complete(self) -> None:
        if self._framing:
            # Said of what has an Upgrade header, whatever comes behind its headers.
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
            self._open_ones.idle(self)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_since = self.loop.time()
        self._open_ones.unread(self)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_since = None
        self._open_ones.read(self)

    def _disconnect(self) -> None:
        """Have the application send nothing more of what is not answered yet."""
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()

    def abandon(self) -> None:
        """It was closed without a word, if ever it was open."""
        if self.transport is not None and not self._is_lost:
            self.connection_lost(None)

    def end(self) -> None:
        """Close it now, whatever is left to send."""
        # Whoever goes on to answer would write to what is closed, which is an error.
        self._disconnect()
        if self.unread_bytes:
            self.transport.abort()
        else:
            self.transport.close()

    def sweep(self, now: float) -> None:
        """End what has taken too long."""
        limits = self._limits
        if self._unread_since is not None and now - self._unread_since > limits.unread_seconds:
            self._open_ones.refused("unread")
            self.end()
        elif self.transport.is_closing():
            # A transport that closes waits for its client to read what was sent, however long that takes.
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
                # A connection on which nothing was asked needs no answer.
                self._open_ones.refused("head_seconds")
                self.transport.close()

    def _refuse(self, refusal: refusals.Refusal) -> None:
        """Answer what is being received with an error, where its turn has come, and close."""
        self._open_ones.refused(refusal.reason)
        self._unset_keepalive_if_required()
        if self._at is _At.BODY and len(self._unanswered) == 1 and not self.cycle.response_started:
            # Whatever the application answers is not sent any more.
            self._disconnect()
        elif self._unanswered:
            self.end()
            return
        self.transport.write(refusal.encode(self.server_state.default_headers))
        self.linger()

    def linger(self) -> None:
        """Close when the client has, or soon: until then what it still sends is thrown away."""
        if self._lingers or self.transport.is_closing():
            return
        self._lingers = True
        self._deadline = self.loop.time() + self._limits.linger_seconds
        self._open_ones.idle(self)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()


def _framing_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The header that says where a body ends, which the parser has found good; empty where there is no body."""
    for name, value in headers:
        if name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")):
            return name + b": " + value
    return b""
