"""The `/metrics` endpoint of a program, for Prometheus, with a bound on the connections that clients can hold.

It needs no key and shares the process with what must not be starved.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

_log = logging.getLogger(__name__)
MOST_CONNECTIONS: Final = 64
"""Maximum number of connections; a new one closes the oldest. A scrape takes milliseconds."""
KEEP_ALIVE_SECONDS: Final = 75.0
"""How long a connection may be idle: longer than the usual minute between two scrapes of Prometheus."""


async def serve_metrics(render: Callable[[], bytes], content_type: str, host: str, port: int) -> web.AppRunner:
    """Serve `/metrics` until the runner is cleaned up. Raises OSError if the address cannot be bound.

    Args:
        render: gives the metrics as text.
        content_type: of the text.
        host: address to listen on.
        port: port to listen on.
    """

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=render(), headers={"Content-Type": content_type})

    application = web.Application()
    application.add_routes([web.get("/metrics", answer)])
    _log.addFilter(_is_ours)
    runner = web.AppRunner(
        application,
        handle_signals=False,
        access_log=None,
        logger=_log,
        shutdown_timeout=1.0,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
    )
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - setup has made it
    _limit(runner.server)
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


def _limit(server: web.Server) -> None:
    begin = server.connection_made

    def connection_made(handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        begin(handler, transport)
        for oldest in server.connections[:-MOST_CONNECTIONS]:
            if (open_one := oldest.transport) is not None:
                oldest.force_close()
                # close() would wait for a client that does not read.
                open_one.abort()

    server.connection_made = connection_made  # type: ignore[method-assign]


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a log record is about an error of this program: malformed requests would fill the log."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
