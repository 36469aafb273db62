"""What was asked of the hub lately: method, path and status, so that tests can count. Never a header or a query."""

import logging
from collections import deque

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devcluster.localhub.access import identify, require_writer
from devcluster.localhub.faults import OWN_PATHS

_logger = logging.getLogger("localhub")


class RequestLog:
    """ASGI middleware that remembers the last 10,000 requests, in the order they were answered.

    Status 0 is a request that got no answer.
    """

    def __init__(self, app: ASGIApp, requests: deque[dict[str, object]]) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how it is answered."""
        if scope["type"] != "http" or scope["path"] in OWN_PATHS:
            await self._app(scope, receive, send)
            return
        answered = False

        def note(status: int) -> None:
            self._requests.append({"method": scope["method"], "path": scope["path"], "status": status})
            _logger.info("%s %s %s", scope["method"], scope["path"], status or "no answer")

        async def note_answer(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                # Before it is sent: who has the answer finds the request in the log.
                answered = True
                note(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, note_answer)
        finally:
            if not answered:
                note(0)


def new_log() -> deque[dict[str, object]]:
    """An empty log."""
    return deque(maxlen=10_000)


def show(request: Request) -> Response:
    """GET /_log, with a write token: it names private datasets too."""
    require_writer(identify(request))
    return JSONResponse({"requests": list(request.app.state.requests)})


def clear(request: Request) -> Response:
    """DELETE /_log."""
    require_writer(identify(request))
    request.app.state.requests.clear()
    return Response(status_code=204)


ROUTES = [Route("/_log", show), Route("/_log", clear, methods=["DELETE"])]
