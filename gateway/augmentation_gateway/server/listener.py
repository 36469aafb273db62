"""The port, whose connections are taken in batches, and counted from their first moment.

uvloop takes one connection each time round the event loop: behind two thousand of a flood a new client waits for as
many rounds. And where a server is given a certificate, nobody is notified of a connection before its handshake is done:
those that never begin it are without limit. Here a connection has a place among the others at once, and as long for its
handshake as for headers.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from augmentation_gateway.limits.limits import BACKLOG
from augmentation_gateway.server.connection import Connection
from augmentation_gateway.server.connections import Closable, Connections
from augmentation_gateway.server.refusals import Refusal

TAKEN_AT_ONCE = 32
"""At most so many new connections each time round the event loop: those that are open go on in between."""
TRIED_AGAIN_SECONDS = 0.1
"""After a connection could not be taken: as many files are open as may be."""
_BUSY = Refusal(
    503, "connections", "The gateway has as many connections as it takes, all of them busy: try again."
).encode()


class Listener:
    """Listens at once; what uvicorn asks of an asyncio.Server. Raises OSError where the address cannot be had.

    Args:
        address: host and port.
        connections: among which they are counted.
        make: a connection that takes the place of what is given.
        context: with the certificate of the moment; None: no TLS.
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
        """The one that listens."""
        return (self._socket,)

    def close(self) -> None:
        """Take no more connections."""
        if self._socket.fileno() != -1:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    async def wait_closed(self) -> None:
        """Nothing is left to wait for."""

    def _listen(self) -> None:
        if self._socket.fileno() != -1:
            self._loop.add_reader(self._socket, self._take)

    def _take(self) -> None:
        for _ in range(TAKEN_AT_ONCE):
            try:
                taken, _address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError:
                self._loop.remove_reader(self._socket)
                self._loop.call_later(TRIED_AGAIN_SECONDS, self._listen)
                return
            _Arrival(taken, self._connections, self._make, self._context() if self._context else None)


class _Arrival:
    """A connection before it is one: its handshake is under way."""

    def __init__(
        self,
        taken: socket.socket,
        connections: Connections,
        make: Callable[[Closable], Connection],
        context: ssl.SSLContext | None,
    ) -> None:
        self.key_id = ""
        self._socket = taken
        self._connections = connections
        taken.setblocking(False)
        if not connections.add(self):
            if context is None:
                with suppress(OSError):
                    taken.send(_BUSY)
            taken.close()
            return
        self._task = asyncio.create_task(self._arrive(make, context))

    @property
    def is_idle(self) -> bool:
        """Nothing was asked over it yet."""
        return True

    @property
    def unread_bytes(self) -> int:
        """Nothing was answered over it yet."""
        return 0

    def end(self) -> None:
        """Close it now."""
        self._task.cancel()

    def sweep(self, now: float) -> None:
        """The handshake has a time limit of its own."""

    async def _arrive(self, make: Callable[[Closable], Connection], context: ssl.SSLContext | None) -> None:
        seconds = self._connections.http.head_seconds if context is not None else None
        is_there = False
        made: list[Connection] = []

        def remember() -> Connection:
            made.append(make(self))
            return made[0]

        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                remember, self._socket, ssl=context, ssl_handshake_timeout=seconds
            )
            is_there = True
        except OSError:
            # ssl.SSLError and TimeoutError are, too.
            self._connections.refused("tls" if context is not None else "lost")
        finally:
            self._connections.remove(self)
            if not is_there:
                # One that was made room for meanwhile: uvloop closes it and does not say so.
                for each in made:
                    each.abandon()
                self._socket.close()
