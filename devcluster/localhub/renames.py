"""Datasets that got another name: requests for the old one are redirected, as the Hub does.

https://huggingface.co/docs/hub/repositories-settings: "All links to this repository will automatically redirect to the
new location, including git operations". That a POST is answered with 307 too, which keeps method and body, is an
assumption.
"""

import re

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from devcluster.localhub.access import hub_of, identify, require_writer, visible_to
from devcluster.localhub.errors import HubError

_DATASET = re.compile(r"(?P<before>/(?:api/)?datasets/)(?P<name>[^/]+/[^/]+?)(?P<after>(?:\.git)?(?:/.*)?)")


class Renames:
    """ASGI middleware that sends requests on to the name that a dataset has now."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect a request, or pass it on."""
        found = _DATASET.fullmatch(scope["path"]) if scope["type"] == "http" else None
        renamed = scope["app"].state.hub.store.renamed(found["name"]) if found else None
        if found is None or renamed is None:
            await self._app(scope, receive, send)
            return
        query = scope["query_string"].decode("ascii")
        target = f"{found['before']}{renamed}{found['after']}" + (f"?{query}" if query else "")
        await RedirectResponse(target, status_code=307)(scope, receive, send)


async def move(request: Request) -> Response:
    """POST repos/move, inside a namespace."""
    body = await request.json()
    old, new = str(body.get("fromRepo", "")), str(body.get("toRepo", ""))
    store, identity = hub_of(request).store, identify(request)
    namespace = visible_to(identity, store, old).namespace
    require_writer(identity, namespace)
    if new.partition("/")[0] != namespace:
        raise HubError(403, "This hub renames inside a namespace only")
    store.rename(old, new)
    return Response()


ROUTES = [Route("/api/repos/move", move, methods=["POST"])]
