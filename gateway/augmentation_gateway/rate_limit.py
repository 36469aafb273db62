"""How often a key may ask: a token bucket each. O(1) a request, and no more memory than there are keys."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from augmentation_gateway.keys import ApiKey
from augmentation_gateway.problem import Problem

BURST_SECONDS = 2.0
"""A bucket holds what flows in over this time: a page that opens asks for several things at once."""


@dataclass
class _Bucket:
    tokens: float
    at: float


class RateLimit:
    """The buckets of one process: with several replicas a key may ask each of them so often.

    Args:
        default: requests a second of a key whose entry names no rate; 0: as often as it likes.
        now: a clock that never goes back, in seconds.
    """

    def __init__(self, default: float = 0.0, now: Callable[[], float] = time.monotonic) -> None:
        self._default = default
        self._now = now
        self._buckets: dict[str, _Bucket] = {}

    def check(self, key: ApiKey) -> None:
        """Take a token. Raises Problem 429 with Retry-After where there is none."""
        rate = self._default if key.requests_per_second is None else key.requests_per_second
        if rate <= 0:
            return
        most = max(1.0, rate * BURST_SECONDS)
        now = self._now()
        bucket = self._buckets.setdefault(key.id, _Bucket(most, now))
        bucket.tokens = min(most, bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.tokens < 1:
            wait = math.ceil((1 - bucket.tokens) / rate)
            raise Problem(
                429,
                f"Key {key.id!r} may ask {rate:g} times a second: wait {wait} s, or have the administrator allow more.",
                headers={"Retry-After": str(wait)},
            )
        bucket.tokens -= 1
