"""Responses to requests that the server rejects before the application sees them."""

import json
from collections.abc import Sequence
from http import HTTPStatus


def refusal(status: int, sentence: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """The bytes of a response that ends its connection."""
    body = json.dumps({"detail": sentence}).encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        *(f"{name.decode()}: {value.decode()}" for name, value in headers),
        "content-type: application/json",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "connection: close",
        *(("retry-after: 1",) if status in (429, 503) else ()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def head_too_large(most: int) -> str:
    """The message of a 431."""
    return f"The request's first line and headers are larger than {most // 1024} KiB: shorten them."


def body_too_large(most: int) -> str:
    """The message of a 413."""
    return f"The body is larger than {most // 1024} KiB, more than any job needs: shorten it."


def too_slow(what: str, seconds: float) -> str:
    """The message of a 408."""
    return f"The request's {what} took longer than {seconds:g} s: send it faster."
