"""A hub's rate limits: what its answers say of them, and when the next request may be sent.

Hugging Face allows each user so many requests in a fixed window of five minutes, counted in three buckets: API,
resolvers (downloads) and pages (https://huggingface.co/docs/hub/rate-limits). Every answer says how many are left, in
the headers of draft-ietf-httpapi-ratelimit-headers-09. All shards of a job share one user's quota and do not know of
each other, but each reads in its own answers what is left for all. A pod stops asking while no more is left than one
request for each shard that may be under way, so that together they do not overdraw it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2
from huggingface_hub.utils._http import RateLimitInfo, parse_ratelimit_headers
from typing_extensions import override

from augmentation_worker.storage.hub.destinations import Destinations

WINDOW_SECONDS: Final = 300.0
"""Assumed where an answer does not say how long a window is."""
LONGEST_WINDOW_SECONDS: Final = 3600.0
"""What a hub says may be wrong: no window counts for longer."""
WINDOWS: Final = 2
"""How many windows a refused request waits for, at least, before it fails."""
_ROUNDING_SECONDS: Final = 1.0
"""Added to the whole seconds that an answer says, as huggingface_hub does."""
_LARGEST_NUMBER: Final = 10**9
"""Headers with a larger quota or time, in seconds, are no hub's: they are ignored."""
_LARGEST_RESERVE: Final = 0.5
"""Most of a quota that is left for other shards."""


@dataclass(frozen=True)
class _Window:
    """What is left of a bucket's quota, and until when (monotonic clock, seconds)."""

    info: RateLimitInfo
    ends_at: float


class RateLimits(httpx2.BaseTransport):
    """Holds requests back while the hub says that hardly any is left in their bucket.

    Args:
        inner: sends them.
        destinations: which host is the hub.
        shards: pods of the job that may ask at the same time.
        on_wait: called with a sentence before a longer wait.
        clock, sleep: of the monotonic time, in seconds.
    """

    def __init__(
        self,
        inner: httpx2.BaseTransport,
        destinations: Destinations,
        shards: int,
        on_wait: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._inner = inner
        self._destinations = destinations
        self._shards = shards
        self._on_wait = on_wait
        self._clock = clock
        self._sleep = sleep
        self._buckets: dict[str, str] = {}  # as the hub names them, by the kind of a request
        self._windows: dict[str, _Window] = {}

    @override
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        if not self._destinations.is_hub(url.host, url.port, url.scheme):
            return self._inner.handle_request(request)
        kind = _kind_of(url.path)
        self._wait_for(kind)
        answer = self._inner.handle_request(request)
        info = read_limits(answer)
        if info is not None:
            self._buckets[kind] = info.resource_type
            self._windows[info.resource_type] = _Window(info, self._clock() + info.reset_in_seconds + _ROUNDING_SECONDS)
        return answer

    @override
    def close(self) -> None:
        self._inner.close()

    def _wait_for(self, kind: str) -> None:
        bucket = self._buckets.get(kind, "")
        window = self._windows.get(bucket)
        if window is None or window.info.remaining > _reserve(window.info, self._shards):
            return
        seconds = min(window.ends_at - self._clock(), WINDOWS * window_of(window.info))
        # The next answer says how it is by then. Another thread may have waited for the same window.
        self._windows.pop(bucket, None)
        if seconds > 0:
            self._on_wait(f"{described(window.info)}: waiting {seconds:.0f} s for the next")
            self._sleep(seconds)


def described(info: RateLimitInfo) -> str:
    """What an answer says of a limit, for a message."""
    quota = f" of {info.limit}" if info.limit is not None else ""
    return f"{info.remaining}{quota} requests are left in the hub's present window for {info.resource_type!r}"


def read_limits(answer: httpx2.Response) -> RateLimitInfo | None:
    """What an answer says of a rate limit; None: nothing that can be read."""
    try:
        info = parse_ratelimit_headers(answer.headers)
    except ValueError:  # a number of thousands of digits
        return None
    if info is None or max(info.reset_in_seconds, info.limit or 0) > _LARGEST_NUMBER:
        return None
    return info


def window_of(info: RateLimitInfo | None) -> float:
    """How long a window is, in seconds."""
    stated = info.window_seconds if info is not None else None
    return float(min(stated, LONGEST_WINDOW_SECONDS)) if stated else WINDOW_SECONDS


def asked_wait(answer: httpx2.Response, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """Seconds that an answer asks to wait before the request is repeated; None if it does not.

    From RateLimit where that is why it was refused, else from Retry-After, which is a number of seconds or a date
    (RFC 9110, 10.2.3).
    """
    info = read_limits(answer)
    if answer.status_code == 429 and info is not None and info.remaining == 0:
        return info.reset_in_seconds + _ROUNDING_SECONDS
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max((date.replace(tzinfo=date.tzinfo or UTC) - now()).total_seconds(), 0.0)


def _kind_of(path: str) -> str:
    """Which requests are counted together. Of the Git LFS endpoints it is not written where: they have their own."""
    if "/resolve/" in path:
        return "resolvers"
    return "lfs" if ".git/info/lfs/" in path else "api" if path.startswith("/api/") else "pages"


def _reserve(info: RateLimitInfo, shards: int) -> float:
    """What is left for the requests of other shards that may be under way."""
    return min(shards, info.limit * _LARGEST_RESERVE) if info.limit is not None else shards
