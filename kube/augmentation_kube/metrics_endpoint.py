"""`/metrics` of a program, for Prometheus: whoever reaches it, without a key, takes no more than a few connections.

The gateway limits what strangers may hold of its public port. This one is in the same process, the operator's too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

MOST_CONNECTIONS: Final = 64
"""For one more the oldest is closed: a scrape takes milliseconds, and an idle socket is nobody's."""


async def serve_metrics(render: Callable[[], bytes], content_type: str, host: str, port: int) -> web.AppRunner:
    """Answer `/metrics` until the runner is cleaned up. Raises OSError where the address cannot be had.

    Args:
        render: gives the metrics as text.
        content_type: of that text.
        host: address to listen on.
        port: port to listen on.
    """

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=render(), headers={"Content-Type": content_type})

    application = web.Application()
    application.add_routes([web.get("/metrics", answer)])
    log = logging.getLogger(__name__)
    log.addFilter(_is_ours)
    runner = web.AppRunner(application, handle_signals=False, access_log=None, logger=log, shutdown_timeout=1.0)
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
                # Without waiting for a client that does not read.
                open_one.abort()

    server.connection_made = connection_made  # type: ignore[method-assign]


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a line is of a mistake of ours: of requests that are none, anybody could write as many as they like."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
