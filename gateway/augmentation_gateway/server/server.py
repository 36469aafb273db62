"""uvicorn as the gateway runs it: with connections that are bounded, with or without TLS."""

import asyncio
import logging
import resource
import socket
import sys
from collections.abc import Callable
from typing import Any, Final, cast

import uvicorn
from typing_extensions import override
from uvicorn.config import STARTUP_FAILURE

from augmentation_gateway.limits.streams import Streams
from augmentation_gateway.problem import Problem, encode_detail
from augmentation_gateway.server.certificate import Certificate
from augmentation_gateway.server.connection import Connection
from augmentation_gateway.server.connections import Closable, Connections
from augmentation_gateway.server.listener import Listener

_log = logging.getLogger(__name__)

OTHER_FILES: Final = 256
"""Files that are open in addition to clients' connections: to Kubernetes, the hub, an issuer."""


class GatewayServer(uvicorn.Server):
    """Ends the event streams when it is asked to stop: they would otherwise keep it until the time is up.

    Args:
        config: without a certificate; its `http` is not asked for.
        streams: the event streams.
        connections: all of them.
        certificate: for HTTPS; None: plain HTTP.
        encode_error: the body of an error for a request's path.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        streams: Streams,
        connections: Connections,
        certificate: Certificate | None = None,
        *,
        encode_error: Callable[[str, Problem], bytes] = lambda _, problem: encode_detail(problem),
    ) -> None:
        super().__init__(config)
        self._streams = streams
        self._connections = connections
        self._certificate = certificate
        self._encode_error = encode_error

    def handle_failure(self) -> None:
        """Stop, as for a signal."""
        self.should_exit = True

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        context = None if (certificate := self._certificate) is None else lambda: certificate.context
        try:
            listener = Listener((self.config.host, self.config.port), self._connections, self._make, context)
        except OSError as error:
            _log.error("cannot listen on the address: %s", error)
            sys.exit(STARTUP_FAILURE)
        self.servers = [cast(asyncio.Server, listener)]
        self.started = True

    def _make(self, instead_of: Closable) -> Connection:
        state: dict[str, Any] = self.lifespan.state
        return Connection(
            self._connections,
            config=self.config,
            server_state=self.server_state,
            app_state=state,
            encode_error=self._encode_error,
            instead_of=instead_of,
        )

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams.drain()
        await super().shutdown(sockets)


def allow_connections(connections: int) -> None:
    """Raise the process's limit of open files for this many connections, as far as the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    possible = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, possible), hard))
    if possible < needed:
        _log.warning(
            "fewer files may be open than connections: lower gateway.limits.connections, or raise the limit of files",
            extra={"fields": {"files": possible, "connections": connections}},
        )
