"""The limits on what clients may use, in all, per key and per connection."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AliasGenerator, Field
from pydantic_settings import SettingsConfigDict

from augmentation_kube.settings import EnvironmentSettings

MAX_BODY_BYTES: Final = 64 * 1024
BACKLOG: Final = 2048
"""Connections that the kernel queues until they are accepted. The client of one for which there is no room retries only
after one second, then three."""


Count = Annotated[int, Field(ge=0, le=1_000_000)]
AtLeastOne = Annotated[int, Field(ge=1, le=1_000_000)]


class Limits(EnvironmentSettings):
    """What an administrator may change, per replica; 0: without a limit (of connections there is one).

    Each is read from the variable of its name (`AUGMENTATION_STREAMS_PER_KEY`), which the chart sets from the value of
    its name (`gateway.limits.streamsPerKey`).

    Attributes:
        connections: open connections. For one more, the one that has been idle the longest is closed, at first of those
            that have not sent a valid key.
        connections_per_key: of these, those that were last used with the same key.
        requests_per_key: concurrent requests of a key, including event streams.
        streams: open event streams.
        streams_per_key: of these, those of one key.
        pictures: previews that are proxied from the hub at the same time, of up to 8 MiB each.
        pictures_per_key: of these, those of one key.
        jobs_per_minute: jobs that a key may create, or dry-run, per minute; as many at once.
        keep_alive_seconds: how long a connection may be idle between requests. Longer than the 60 s of most load
            balancers, which expect to be the ones that close (GKE's have 600 s).
    """

    model_config = SettingsConfigDict(
        alias_generator=AliasGenerator(validation_alias=lambda name: f"AUGMENTATION_{name.upper()}"),
        enable_decoding=False,
    )

    connections: AtLeastOne = 2000
    connections_per_key: Count = 128
    requests_per_key: Count = 64
    streams: Count = 1000
    streams_per_key: Count = 32
    pictures: Count = 8
    pictures_per_key: Count = 4
    jobs_per_minute: Count = 120
    keep_alive_seconds: AtLeastOne = 75


@dataclass(frozen=True)
class HttpLimits:
    """What a single connection may cost before its key is known.

    Attributes:
        head_bytes: of a request's first line and headers.
        headers: how many of them.
        head_seconds: until they are complete, from the connection's first moment or the request's first byte.
        body_bytes: of a request's body.
        framing_bytes: what a body may have of chunk sizes, chunk extensions and trailers.
        body_seconds: until the body is complete.
        pipelined: requests sent before the ones ahead of them are answered.
        unread_seconds: how long a client may leave a response unread.
        unread_bytes: of unread responses, of all connections together.
        linger_seconds: how long what a client still sends is discarded after its request was rejected: a connection
            that is closed at once can lose the response (RFC 9112, 9.6).
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
