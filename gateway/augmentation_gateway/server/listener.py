"""The listening socket: it accepts connections in batches, and counts them from their first moment.

uvloop accepts one connection per iteration of the event loop: behind the two thousand of a flood a new client waits for
as many iterations. And a server with a certificate is not notified of a connection before its handshake is done: those
that never begin it are without limit. Here a connection is counted at once, and has as long for its handshake as for
headers.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from augmentation_gateway.limits.limits import BACKLOG
from augmentation_gateway.problem import encode_detail
from augmentation_gateway.server import refusals
from augmentation_gateway.server.connection import Connection
from augmentation_gateway.server.connections import Closable, Connections

ACCEPTED_PER_ITERATION: Final = 32
"""New connections per iteration of the event loop: open ones are served in between."""
RETRY_SECONDS: Final = 0.1
"""Pause after a connection could not be accepted because too many files are open."""
_BUSY = refusals.encode(refusals.busy(), encode_detail(refusals.busy()))


class Listener:
    """Listens at once; has what uvicorn needs of an asyncio.Server. Raises OSError if the address is not available.

    Args:
        address: host and port.
        connections: among which they are counted.
        make: makes a connection that replaces the given one.
        context: returns a context with the present certificate; None: no TLS.
    """

    def __init__(
        self,
        address: tuple[str, int],
        connections: Connections,
        make: Callable[[Closable], Connection],
        context: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.create_server(address, family=family, backlog=BACKLOG)
        self._socket.setblocking(False)
        self._connections = connections
        self._make = make
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._listen()

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The listening socket."""
        return (self._socket,)

    def close(self) -> None:
        """Accept no more connections."""
        if self._socket.fileno() != -1:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    async def wait_closed(self) -> None:
        """Return: nothing is left to wait for."""

    def _listen(self) -> None:
        if self._socket.fileno() != -1:
            self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_PER_ITERATION):
            try:
                accepted, _address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError:
                self._loop.remove_reader(self._socket)
                self._loop.call_later(RETRY_SECONDS, self._listen)
                return
            _Handshake(accepted, self._connections, self._make, self._context() if self._context else None)


class _Handshake:
    """A connection during its handshake."""

    def __init__(
        self,
        accepted: socket.socket,
        connections: Connections,
        make: Callable[[Closable], Connection],
        context: ssl.SSLContext | None,
    ) -> None:
        self.key_id = ""
        self._socket = accepted
        self._connections = connections
        accepted.setblocking(False)
        if not connections.add(self):
            if context is None:
                with suppress(OSError):
                    accepted.send(_BUSY)
            accepted.close()
            return
        self._task = asyncio.create_task(self._connect(make, context))

    @property
    def is_idle(self) -> bool:
        """True: no request has come over it yet."""
        return True

    @property
    def unread_bytes(self) -> int:
        """0: no response was sent over it yet."""
        return 0

    def end(self) -> None:
        """Close it now."""
        self._task.cancel()

    def sweep(self, now: float) -> None:
        """Do nothing: the handshake has its own time limit."""

    async def _connect(self, make: Callable[[Closable], Connection], context: ssl.SSLContext | None) -> None:
        seconds = self._connections.http.head_seconds if context is not None else None
        succeeded = False
        connections: list[Connection] = []

        def protocol() -> Connection:
            connections.append(make(self))
            return connections[0]

        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                protocol, self._socket, ssl=context, ssl_handshake_timeout=seconds
            )
            succeeded = True
        except OSError:
            # Includes ssl.SSLError and TimeoutError.
            self._connections.on_refusal("tls" if context is not None else "lost")
        finally:
            self._connections.remove(self)
            if not succeeded:
                # It was closed meanwhile to make room: uvloop does not notify the protocol.
                for connection in connections:
                    connection.abandon()
                self._socket.close()
