"""The ASGI application: the dialects' routes, the page, probes and the OpenAPI document behind the front."""

import asyncio
import json
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Match
from starlette.types import ASGIApp

from augmentation_gateway.dialect import Dialect, encode_error, owner_of
from augmentation_gateway.dialects import find_dialects
from augmentation_gateway.gateway import AGE_HEADER, Gateway
from augmentation_gateway.middleware import health
from augmentation_gateway.middleware.front import Front, internal_error
from augmentation_gateway.observability import request_id
from augmentation_gateway.page import page_router
from augmentation_gateway.problem import Problem, invalid
from augmentation_gateway.views.validation_message import explain

DIALECTS: Final = find_dialects()
_SECURITY_SCHEMES: Final = {
    "APIKeyHeader": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "An API key: `aug_…`"},
    "HTTPBearer": {"type": "http", "scheme": "bearer", "description": "The same; `Token KEY` too"},
}


def build_app(
    gateway: Gateway,
    dialects: Sequence[Dialect] = DIALECTS,
    allowed_origins: Sequence[str] = (),
    *,
    page: bool = True,
    docs: bool = True,
) -> ASGIApp:
    """The whole gateway as one ASGI application.

    Args:
        gateway: its parts.
        dialects: the REST APIs it speaks.
        allowed_origins: web pages of other origins that may use it (CORS); `*`: all. None: none.
        page: whether there is a page for people at `/`.
        docs: whether there are the pages of the OpenAPI document. The document itself is there for them and for the
            page, whose form is made of it.
    """
    # FastAPI's own pages fetch their scripts from a third party, which a cluster may not reach and should not trust.
    undocumented = partial(FastAPI, docs_url=None, redoc_url=None, openapi_url="/openapi.json" if page else None)
    build: Callable[..., FastAPI] = FastAPIOffline if docs else undocumented
    app = build(
        generate_unique_id_function=_operation_id,
        title="Augmentation",
        version=_version(),
        summary="Robot dataset augmentation jobs on Kubernetes.",
        description="Send an API key as `x-api-key: KEY`, `Authorization: Bearer KEY` or `Authorization: Token KEY`. A "
        "job created here is an AugmentationJob in Kubernetes, and one created there with kubectl is visible here.",
    )
    app.state.gateway = gateway
    app.include_router(health.router)
    if page:
        app.include_router(page_router())
    for dialect in dialects:
        app.include_router(dialect.router)
    _write_openapi_once(app, dialects)
    # Starlette's own redirects name the scheme and host that were asked for: behind a proxy with TLS that is plain
    # HTTP, and clients send their key along.
    app.router.redirect_slashes = False

    @app.exception_handler(Problem)
    async def on_problem(request: Request, problem: Problem) -> Response:
        if problem.reason:
            gateway.count_refusal(problem.reason)
        return _answer(dialects, request, problem)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        dialect = owner_of(request.url.path, dialects)
        fields = {} if dialect is None else dialect.fields
        return _answer(dialects, request, invalid(explain(error.errors(), fields)))

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 404 and (elsewhere := _with_or_without_slash(app, request)) is not None:
            return Response(status_code=307, headers={"Location": elsewhere})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods_of(app, request))
        return _answer(dialects, request, Problem(error.status_code, str(error.detail), headers=headers))

    @app.exception_handler(Exception)
    async def on_defect(request: Request, error: Exception) -> Response:
        # Starlette raises the error again after this response; the front logs it.
        return _answer(dialects, request, internal_error())

    front = Front(gateway, dialects, app)
    if not allowed_origins:
        return front
    return CORSMiddleware(
        front,
        allow_origins=list(allowed_origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=[
            "Authorization",
            "X-Api-Key",
            "Content-Type",
            "Idempotency-Key",
            "If-None-Match",
            "Last-Event-ID",
            request_id.HEADER,
        ],
        expose_headers=["Location", "ETag", "Retry-After", AGE_HEADER, request_id.HEADER],
    )


def _operation_id(route: APIRoute) -> str:
    """Name of an operation in the OpenAPI document, after which generated clients call its function."""
    return "_".join([*map(str, route.tags[:1]), route.name])


def _answer(dialects: Sequence[Dialect], request: Request, problem: Problem) -> Response:
    """A problem in the shape of the dialect whose path was asked for."""
    dialect = owner_of(request.url.path, dialects)
    status = problem.status if dialect is None else dialect.errors.status_of(problem.status)
    body = encode_error(request.url.path, problem, dialects)
    return Response(body, status, headers=dict(problem.headers), media_type="application/json")


def _openapi_document(app: FastAPI, dialects: Sequence[Dialect]) -> dict[str, Any]:
    """The OpenAPI document. What a dialect owns needs a key: the front asks for it, and no route."""
    document = app.openapi()
    document["components"]["securitySchemes"] = _SECURITY_SCHEMES
    for path, operations in document["paths"].items():
        owner = owner_of(path, dialects)
        for operation in operations.values() if owner is not None else ():
            operation["security"] = [{scheme: []} for scheme in _SECURITY_SCHEMES]
            if owner is not None and owner.errors.status_of(422) != 422:
                # FastAPI documents it for every operation with parameters.
                operation["responses"].pop("422", None)
    # FastAPI's own, in place of which every dialect documents its own.
    document["components"]["schemas"].pop("HTTPValidationError", None)
    if '"#/components/schemas/ValidationError"' not in json.dumps(document):
        document["components"]["schemas"].pop("ValidationError", None)
    return document


def _write_openapi_once(app: FastAPI, dialects: Sequence[Dialect]) -> None:
    """Answer for the OpenAPI document before FastAPI does, which would write it out for each request, in 20 ms."""
    if app.openapi_url is None:
        return
    written: list[bytes] = []

    async def openapi_document() -> Response:
        if not written:
            # In a thread, as the first time takes half a second.
            written.append(await asyncio.to_thread(lambda: json.dumps(_openapi_document(app, dialects)).encode()))
        return Response(written[0], media_type="application/json")

    app.router.routes.insert(0, APIRoute(app.openapi_url, openapi_document, include_in_schema=False))


def _with_or_without_slash(app: FastAPI, request: Request) -> str | None:
    """Path and query of the route that was meant, where the path has a slash at its end too many or too few."""
    path: str = request.scope["path"]
    other = path[:-1] if path.endswith("/") else f"{path}/"
    if _has_route(app, request, path) or not _has_route(app, request, other):
        return None
    query: bytes = request.scope["query_string"]
    return quote(other) + (f"?{query.decode('latin-1')}" if query else "")


def _has_route(app: FastAPI, request: Request, path: str) -> bool:
    scope = {**request.scope, "path": path, "root_path": ""}
    return any(route.matches(scope)[0] is not Match.NONE for route in app.routes)


def _methods_of(app: FastAPI, request: Request) -> list[str]:
    """All methods that a path has: Starlette names those of the first route alone."""
    return [
        method
        for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]


def _version() -> str:
    try:
        return version("augmentation-operator")
    except PackageNotFoundError:
        # An image holds the packages as folders, without the distribution's metadata.
        return "0.0.0+source"
