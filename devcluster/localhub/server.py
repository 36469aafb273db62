"""The HTTP server under the application: uvicorn, with a handle on each connection so that a fault can close it."""

import asyncio
from typing import Any
from weakref import WeakValueDictionary

import uvicorn
from starlette.types import ASGIApp, Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

KEEP_ALIVE_SECONDS = 75
"""How long a connection may be idle. uvicorn's 5 s are less than clients wait between two polls of a job."""
_connections: WeakValueDictionary[tuple[Any, Any], "_Connection"] = WeakValueDictionary()


class _Connection(H11Protocol):
    """One client's connection, to be found by its two addresses. ASGI itself has no way to say "hang up"."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _connections[self.client, self.server] = self


async def close_connection(scope: Scope, receive: Receive, *, flush: bool) -> None:
    """Hang up on the client of a request, first sending what was already written if `flush`."""
    connection = _connections[scope["client"], scope["server"]]
    if flush:
        connection.transport.close()
    else:
        connection.transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def server_of(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> uvicorn.Server:
    """A server to run.

    The access log is off: uvicorn's would show the signatures in upload URLs. Proxy headers are off too: `scope` must
    have the true addresses. A client's idle connections do not hold up the end.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=_Connection,
            loop="asyncio",
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=2,
        )
    )
