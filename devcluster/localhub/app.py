"""The application: all routes, around them the fault switch, and around that the request log."""

import re
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from devcluster.localhub import commits, faults, files, lfs, pages, renames, repositories, request_log
from devcluster.localhub.access import Hub
from devcluster.localhub.errors import HubError, error_response
from devcluster.localhub.latency import Latency
from devcluster.localhub.mode import PLAIN, Mode
from devcluster.localhub.rate_limits import RateLimits
from devcluster.localhub.store import Store
from devcluster.localhub.tokens import Tokens

_EXTRAS = re.compile(r"/whoami-v2$|/validate-yaml$|/paths-info/|/auth-check")


class EncodedSlashes:
    """Keep `%2F` in the path as it is, so that the branch `fix/light` stays one part of the URL.

    ASGI hands over the path decoded, where that slash is lost among the others.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with such slashes still encoded."""
        if scope["type"] == "http":
            raw = scope["raw_path"].decode("ascii")
            scope = {**scope, "path": unquote(re.sub("%2[fF]", "%252F", raw))}
        await self._app(scope, receive, send)


def create_app(store: Store, tokens: Tokens, mode: Mode = PLAIN) -> Starlette:
    """A hub over an opened store."""
    log = request_log.new_log()
    switch = faults.Faults()
    routes = [
        *pages.ROUTES,
        *repositories.ROUTES,
        *renames.ROUTES,
        *commits.ROUTES,
        *files.ROUTES,
        *lfs.ROUTES,
        *faults.ROUTES,
        *request_log.ROUTES,
    ]
    app = Starlette(
        routes=[route for route in routes if mode.extras or not _EXTRAS.search(route.path)],
        middleware=[
            Middleware(EncodedSlashes),
            Middleware(request_log.RequestLog, requests=log),
            Middleware(faults.FaultInjection, faults=switch),
            Middleware(Latency, seconds=mode.delay_seconds),
            Middleware(RateLimits, mode=mode),
            Middleware(renames.Renames),
        ],
        exception_handlers={HubError: error_response},
    )
    app.state.hub = Hub(store, tokens, mode)
    app.state.requests = log
    app.state.faults = switch
    return app
