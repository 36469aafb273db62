"""Serving the page: what a browser may keep, and what it may do with it."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from augmentation_gateway.page.bundle import INDEX, PageFile, page_bundle

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # blob: for the picture of before and after, which takes a header to be fetched.
        "img-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        # Text of jobs can become an element in no way but as text.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_KEPT: Final = "public, max-age=31536000, immutable"
_ASKED_AGAIN: Final = "no-cache"


def page_router() -> APIRouter:
    """`/`, and the files it names. No key is asked for: they hold nothing that is secret."""
    router = APIRouter(include_in_schema=False)
    bundle = page_bundle()

    @router.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        return _answer(bundle.files[INDEX], request, _ASKED_AGAIN)

    @router.api_route("/page/{version}/{name}", methods=["GET", "HEAD"])
    async def file(version: str, name: str, request: Request) -> Response:
        if name == INDEX or (found := bundle.files.get(name)) is None:
            raise HTTPException(404, f"The page has no file {name!r}.")
        # While replicas of two releases serve, one may be asked for the other's; then it is not to be kept.
        return _answer(found, request, _KEPT if version == bundle.version else "no-store")

    return router


def _answer(file: PageFile, request: Request, kept: str) -> Response:
    headers = {**SECURITY_HEADERS, "Cache-Control": kept, "ETag": file.tag, "Vary": "Accept-Encoding"}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, headers=headers, media_type=file.media_type)
    return Response(file.body, headers=headers, media_type=file.media_type)
