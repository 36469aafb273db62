"""A switch that makes chosen requests fail, so that tests can ask what the product does then.

`POST /_faults` adds a rule, `GET /_faults` lists those with requests left, `DELETE /_faults` removes all; each wants a
write token. A rule (a JSON object) picks requests and says what happens to them:

    path_contains       part of the path, without the query; default: any path
    method              "POST", "PUT", …; default: any
    skip                let this many matching requests through first; default 0
    count               then act on this many; default 1, null for all until cleared
    delay_seconds       wait before anything else
    hold                true: wait until the rules are removed, before anything else
    status              answer with this status
    disconnect          true: close the connection without an answer
    cut_after_bytes     answer, but close the connection after this many bytes of the body
    after               true: carry the request out first, and lose only its answer (with status or disconnect)

Of several rules that match a request the oldest acts. The hub's own pages (`/_faults`, `/_log`, `/healthz`) never fail.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devcluster.localhub.access import identify, require_writer
from devcluster.localhub.errors import HubError
from devcluster.localhub.server import close_connection

OWN_PATHS = ("/_faults", "/_log", "/healthz")


@dataclass
class Fault:
    """One rule; `skip` and `count` go down as requests match."""

    path_contains: str = ""
    method: str | None = None
    skip: int = 0
    count: int | None = 1
    delay_seconds: float = 0.0
    hold: bool = False
    status: int | None = None
    disconnect: bool = False
    cut_after_bytes: int | None = None
    after: bool = False

    @classmethod
    def from_json(cls, rule: object) -> "Fault":
        """Check a rule; raises HubError 400."""
        names = [field.name for field in fields(cls)]
        if not isinstance(rule, Mapping) or not set(rule) <= set(names):
            raise HubError(400, f"A fault is a JSON object with some of {', '.join(names)}")
        fault = cls(**rule)
        answers = [fault.status is not None, fault.disconnect, fault.cut_after_bytes is not None]
        if sum(answers) > 1 or not (any(answers) or fault.delay_seconds > 0 or fault.hold):
            raise HubError(400, "A fault wants a delay_seconds, hold or one of status, disconnect and cut_after_bytes")
        if fault.after and fault.status is None and not fault.disconnect:
            raise HubError(400, "after goes with status or disconnect")
        return fault

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is one the rule is about."""
        return self.path_contains in path and self.method in (None, method) and self.count != 0


class Faults:
    """The rules now in force."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []
        self._removed = asyncio.Event()

    def remove_all(self) -> None:
        """Let every request through again, also those that are held."""
        self.rules = []
        self._removed.set()
        self._removed = asyncio.Event()

    async def until_removed(self) -> None:
        """Wait until the rules that are now in force are removed."""
        await self._removed.wait()

    def take(self, method: str, path: str) -> Fault | None:
        """The rule to act on this request, if any; counts it."""
        for rule in self.rules:
            if not rule.matches(method, path):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if rule.count is not None:
                rule.count -= 1
                self.rules = [other for other in self.rules if other.count != 0]
            return rule
        return None


class FaultInjection:
    """ASGI middleware that applies the rules."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let a rule have it."""
        if scope["type"] != "http" or scope["path"] in OWN_PATHS:
            await self._app(scope, receive, send)
            return
        fault = self._faults.take(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(fault.delay_seconds)
        if fault.hold:
            await self._faults.until_removed()
        if fault.after:
            await self._app(scope, receive, _discard)
        if fault.disconnect:
            await close_connection(scope, receive, flush=False)
        elif fault.status is not None:
            if not fault.after:
                await _read_all(receive)
            error = {"error": f"Fault injected: {fault.status}"}
            await JSONResponse(error, status_code=fault.status)(scope, receive, send)
        elif fault.cut_after_bytes is not None:
            await _answer_in_part(self._app, scope, receive, send, fault.cut_after_bytes)
        else:
            await self._app(scope, receive, send)


class _Cut(Exception):
    """The part of the answer that is to be sent has been sent."""


async def _answer_in_part(app: ASGIApp, scope: Scope, receive: Receive, send: Send, most: int) -> None:
    left = most

    async def send_some(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.body" and len(message.get("body", b"")) > left:
            await send({"type": "http.response.body", "body": message["body"][:left], "more_body": True})
            raise _Cut
        left -= len(message.get("body", b""))
        await send(message)

    try:
        await app(scope, receive, send_some)
    except* _Cut:  # an exception of its own or, from inside a task group, one of a group
        await close_connection(scope, receive, flush=True)


async def _discard(message: Message) -> None:
    pass


async def _read_all(receive: Receive) -> None:
    # A client that is still sending when the answer comes may see a broken pipe in place of it.
    while (await receive()).get("more_body", False):
        pass


def list_faults(request: Request) -> Response:
    """GET /_faults."""
    require_writer(identify(request))
    return JSONResponse({"faults": [asdict(rule) for rule in _faults(request).rules]})


async def add_fault(request: Request) -> Response:
    """POST /_faults."""
    require_writer(identify(request))
    try:
        rule: Any = await request.json()
    except ValueError:
        rule = None
    fault = Fault.from_json(rule)
    _faults(request).rules.append(fault)
    return JSONResponse(asdict(fault), status_code=201)


async def clear_faults(request: Request) -> Response:
    """DELETE /_faults. On the event loop, which alone may wake the requests that are held."""
    require_writer(identify(request))
    _faults(request).remove_all()
    return Response(status_code=204)


def _faults(request: Request) -> Faults:
    faults: Faults = request.app.state.faults
    return faults


ROUTES = [
    Route("/_faults", list_faults),
    Route("/_faults", add_fault, methods=["POST"]),
    Route("/_faults", clear_faults, methods=["DELETE"]),
]
