"""uvicorn as the gateway runs it: with connections that are bounded, with or without TLS."""

from __future__ import annotations

import asyncio
import functools
import socket
from typing import Any, cast

import uvicorn
from typing_extensions import override

from augmentation_gateway.connection import Connection
from augmentation_gateway.connections import Closable, Connections
from augmentation_gateway.streams import Streams
from augmentation_gateway.tls import Certificate
from augmentation_gateway.tls_listener import TlsListener


def connection_type(connections: Connections) -> type[asyncio.Protocol]:
    """What uvicorn makes of each connection, as its `http`."""
    return cast(type[asyncio.Protocol], functools.partial(Connection, connections))


class GatewayServer(uvicorn.Server):
    """Ends the event streams when it is told to stop: they would otherwise keep it until the time is up.

    Args:
        config: with connection_type as its `http`, and without a certificate.
        streams: the event streams.
        connections: all of them.
        certificate: for HTTPS; None: plain HTTP.
    """

    def __init__(
        self, config: uvicorn.Config, streams: Streams, connections: Connections, certificate: Certificate | None = None
    ) -> None:
        super().__init__(config)
        self._streams = streams
        self._connections = connections
        self._certificate = certificate

    def handle_failure(self) -> None:
        """Stop, as for a signal."""
        self.should_exit = True

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if (certificate := self._certificate) is None:
            await super().startup(sockets)
            return
        await self.lifespan.startup()
        listener = TlsListener(
            (self.config.host, self.config.port), lambda: certificate.context, self._connections, self._make
        )
        self.servers = [cast(asyncio.Server, listener)]
        self.started = True

    def _make(self, instead_of: Closable) -> Connection:
        state: dict[str, Any] = self.lifespan.state
        return Connection(
            self._connections,
            config=self.config,
            server_state=self.server_state,
            app_state=state,
            instead_of=instead_of,
        )

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams.drain()
        await super().shutdown(sockets)
