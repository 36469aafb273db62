"""Errors of requests that the server rejects before the application sees them; their response ends the connection."""

from collections.abc import Sequence
from http import HTTPStatus

from augmentation_gateway.problem import Problem


def encode(problem: Problem, body: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """The bytes of the response: `body` is the error in the shape of the API that was asked."""
    lines = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        *(f"{name.decode()}: {value.decode()}" for name, value in headers),
        "content-type: application/json",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "connection: close",
        *(("retry-after: 1",) if problem.status in (429, 503) else ()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def busy() -> Problem:
    """A 503 for a connection that there is no room for."""
    return Problem(
        503, "The gateway has as many connections as it takes, all of them busy", "try again", reason="connections"
    )


def head_too_large(most: int) -> Problem:
    """A 431 for a first line and headers of more bytes than this."""
    cause = f"The request's first line and headers are larger than {most // 1024} KiB"
    return Problem(431, cause, "shorten them", reason="head_bytes")


def too_many_headers(most: int) -> Problem:
    """A 431 for more headers than this."""
    return Problem(431, f"There are more than {most} headers", "send fewer", reason="headers")


def body_too_large(most: int) -> Problem:
    """A 413 for a body of more bytes than this."""
    cause = f"The body is larger than {most // 1024} KiB, more than any job needs"
    return Problem(413, cause, "shorten it", reason="body_bytes")


def too_slow(reason: str, what: str, seconds: float) -> Problem:
    """A 408 for a part of a request that took longer than this."""
    return Problem(408, f"The request's {what} took longer than {seconds:g} s", "send it faster", reason=reason)


def too_many_pipelined() -> Problem:
    """A 429 for requests that were sent before those ahead of them were answered."""
    return Problem(429, "Too many requests were sent ahead", "wait for answers", reason="pipelined")


def not_http() -> Problem:
    """A 400 for anything but an HTTP request."""
    return Problem(400, "This is no HTTP/1.1 request", "send one", reason="not_http")
