"""A hub that is far away: each of its answers comes later."""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from devcluster.localhub.faults import OWN_PATHS


class Latency:
    """ASGI middleware that waits before every request but those for the hub's own pages."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, later."""
        if self._seconds and scope["type"] == "http" and scope["path"] not in OWN_PATHS:
            await asyncio.sleep(self._seconds)
        await self._app(scope, receive, send)
