"""A port with TLS, whose connections are counted from their first moment: one that never begins its handshake is idle.

A server that is given a certificate takes connections without an end, and tells nobody of one before its handshake is
done. Here they are taken one by one, have a place among the others, and as long for the handshake as for headers.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from augmentation_gateway.connection import Connection
from augmentation_gateway.connections import Closable, Connections
from augmentation_gateway.limits import BACKLOG

TRIED_AGAIN_SECONDS = 0.1
"""After a connection could not be taken: as many files are open as may be."""


class TlsListener:
    """Listens at once. What uvicorn asks of an asyncio.Server.

    Args:
        address: host and port.
        context: with the certificate of the moment.
        connections: among which they are counted.
        make: a connection that takes the place of what is given.
    """

    def __init__(
        self,
        address: tuple[str, int],
        context: Callable[[], ssl.SSLContext],
        connections: Connections,
        make: Callable[[Closable], Connection],
    ) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.create_server(address, family=family, backlog=BACKLOG)
        self._socket.setblocking(False)
        self._context = context
        self._connections = connections
        self._make = make
        self._taking = asyncio.create_task(self._take())

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The one that listens."""
        return (self._socket,)

    def close(self) -> None:
        """Take no more connections."""
        self._taking.cancel()

    async def wait_closed(self) -> None:
        """Wait until none is taken."""
        await asyncio.wait([self._taking])

    async def _take(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    taken, _ = await loop.sock_accept(self._socket)
                except OSError:
                    await asyncio.sleep(TRIED_AGAIN_SECONDS)
                    continue
                _Handshake(taken, self._context(), self._connections, self._make)
        finally:
            self._socket.close()


class _Handshake:
    """A connection before it is one."""

    def __init__(
        self,
        taken: socket.socket,
        context: ssl.SSLContext,
        connections: Connections,
        make: Callable[[Closable], Connection],
    ) -> None:
        self.key_id = ""
        self._socket = taken
        self._connections = connections
        taken.setblocking(False)
        if not connections.add(self):
            taken.close()
            return
        self._task = asyncio.create_task(self._shake_hands(context, make))

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

    async def _shake_hands(self, context: ssl.SSLContext, make: Callable[[Closable], Connection]) -> None:
        seconds = self._connections.http.head_seconds
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: make(self), self._socket, ssl=context, ssl_handshake_timeout=seconds
            )
        except OSError:
            # ssl.SSLError and TimeoutError are, too.
            self._connections.refused("tls")
        finally:
            self._connections.remove(self)
