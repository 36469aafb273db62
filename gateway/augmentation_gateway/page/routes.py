"""Routes of the page: caching headers and the content security policy."""

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from augmentation_gateway.page.bundle import INDEX, PageFile, page_bundle

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # blob: for the preview, whose request needs a header.
        "img-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        # No text of a job can be parsed as HTML.
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
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_REVALIDATED: Final = "no-cache"


def page_router() -> APIRouter:
    """`/` and the files it names. They need no key, as they hold no secret."""
    router = APIRouter(include_in_schema=False)
    bundle = page_bundle()

    @router.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        return _response(bundle.files[INDEX], request, _REVALIDATED)

    @router.api_route("/page/{version}/{name}", methods=["GET", "HEAD"])
    async def file(version: str, name: str, request: Request) -> Response:
        if name == INDEX or (content := bundle.files.get(name)) is None:
            raise HTTPException(404, f"The page has no file {name!r}.")
        # During an update a replica may be asked for a file of the other release, which must not be cached.
        return _response(content, request, _IMMUTABLE if version == bundle.version else "no-store")

    return router


def _response(file: PageFile, request: Request, cache_control: str) -> Response:
    headers = {**SECURITY_HEADERS, "Cache-Control": cache_control, "ETag": file.tag, "Vary": "Accept-Encoding"}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, headers=headers, media_type=file.media_type)
    return Response(file.body, headers=headers, media_type=file.media_type)
