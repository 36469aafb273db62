"""Responses to requests that the server rejects before the application sees them."""

import json
from collections.abc import Sequence
from http import HTTPStatus


class Refusal(Exception):
    """A request that is rejected; the response ends its connection.

    Attributes:
        status: HTTP status code.
        reason: name of the limit that was reached, for the metrics.
        sentence: the cause and the fix.
    """

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        super().__init__(status, reason, sentence)
        self.status = status
        self.reason = reason
        self.sentence = sentence

    def encode(self, headers: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
        """The bytes of the response."""
        body = json.dumps({"detail": self.sentence}).encode()
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            *(f"{name.decode()}: {value.decode()}" for name, value in headers),
            "content-type: application/json",
            f"content-length: {len(body)}",
            "cache-control: no-store",
            "connection: close",
            *(("retry-after: 1",) if self.status in (429, 503) else ()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


def head_too_large(most: int) -> Refusal:
    """A 431 for a first line and headers of more bytes than this."""
    return Refusal(
        431, "head_bytes", f"The request's first line and headers are larger than {most // 1024} KiB: shorten them."
    )


def too_many_headers(most: int) -> Refusal:
    """A 431 for more headers than this."""
    return Refusal(431, "headers", f"There are more than {most} headers: send fewer.")


def body_too_large(most: int) -> Refusal:
    """A 413 for a body of more bytes than this."""
    return Refusal(
        413, "body_bytes", f"The body is larger than {most // 1024} KiB, more than any job needs: shorten it."
    )


def too_slow(reason: str, what: str, seconds: float) -> Refusal:
    """A 408 for a part of a request that took longer than this."""
    return Refusal(408, reason, f"The request's {what} took longer than {seconds:g} s: send it faster.")


def too_many_pipelined() -> Refusal:
    """A 429 for requests that were sent before those ahead of them were answered."""
    return Refusal(429, "pipelined", "Too many requests were sent ahead: wait for answers.")


def not_http() -> Refusal:
    """A 400 for anything but an HTTP request."""
    return Refusal(400, "not_http", "This is no HTTP/1.1 request: send one.")
