"""How much of the gateway a client may use: in all, and with one key."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BODY_BYTES = 64 * 1024
BACKLOG = 2048
"""Connections that the kernel keeps until they are taken. One for which there is no room there is tried again by its
client only after a second, then three."""


@dataclass(frozen=True)
class Limits:
    """What an administrator may change, each replica for itself; 0: without a limit (of connections there is one).

    Each is read from the variable of its name (`AUGMENTATION_STREAMS_PER_KEY`), which the chart sets from the value of
    its name (`gateway.limits.streamsPerKey`).

    Attributes:
        connections: open connections. For one more, the one that has been idle the longest is closed, at first of those
            that have not sent a valid key.
        connections_per_key: of these, those that were last used with the same key.
        requests_per_key: requests of a key that are being answered at the same time, event streams among them.
        streams: open event streams.
        streams_per_key: of these, those of one key.
        pictures: pictures that are fetched from the hub and passed on at the same time, of up to 8 MiB each.
        pictures_per_key: of these, those of one key.
        jobs_per_minute: jobs that a key may create, and try, in a minute; as many at once.
        keep_alive_seconds: how long a connection may be idle between requests. Longer than the 60 s of most load
            balancers, which expect to be the ones that close.
    """

    connections: int = 2000
    connections_per_key: int = 128
    requests_per_key: int = 64
    streams: int = 1000
    streams_per_key: int = 32
    pictures: int = 8
    pictures_per_key: int = 4
    jobs_per_minute: int = 120
    keep_alive_seconds: int = 75


@dataclass(frozen=True)
class HttpLimits:
    """What a single connection may cost before anybody knows whose it is.

    Attributes:
        head_bytes: of a request's first line and headers.
        headers: how many of them.
        head_seconds: until they are complete, from the connection's first moment or the request's first byte.
        body_bytes: of a request's body.
        framing_bytes: what a body may have of chunk sizes, chunk extensions and trailers.
        body_seconds: until the body is complete.
        pipelined: requests sent ahead, before the one before them is answered.
        unread_seconds: how long a client may leave an answer unread.
        unread_bytes: of answers that are left unread, of all connections together.
        linger_seconds: how long what a client still sends is read and thrown away after it was refused: a connection
            that is closed at once can take the answer with it (RFC 9112, 9.6).
        linger_bytes: how much of it.
    """

    head_bytes: int = 16 * 1024
    headers: int = 100
    head_seconds: float = 10.0
    body_bytes: int = MAX_BODY_BYTES
    framing_bytes: int = 16 * 1024
    body_seconds: float = 30.0
    pipelined: int = 8
    unread_seconds: float = 30.0
    unread_bytes: int = 64 * 1024 * 1024
    linger_seconds: float = 2.0
    linger_bytes: int = 1024 * 1024
