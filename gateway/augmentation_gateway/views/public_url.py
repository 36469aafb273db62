"""Absolute URLs in responses, for clients that follow no relative ones."""

from starlette.requests import Request


def public_url(request: Request, path: str, query: str = "") -> str:
    """The URL of a path at the address that the client used.

    That is the request's Host, and https where a proxy in front says that it ended TLS (X-Forwarded-Proto). Anybody can
    send that header, and gets a URL made of it in the own response, which nobody else sees.
    """
    forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    scheme = "https" if forwarded == "https" else request.url.scheme
    return str(request.url.replace(scheme=scheme, path=path, query=query, fragment=""))
