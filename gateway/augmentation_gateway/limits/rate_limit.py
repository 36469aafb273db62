"""How often a key may ask, and how many jobs it may create: a token bucket each. O(1) a request."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.problem import too_many

REQUESTS_PER_SECOND = 20.0
"""Of a key whose entry names no rate, where the administrator says nothing else."""
BURST_SECONDS = 2.0
"""A bucket holds what flows in over this time: a page that opens asks for several things at once."""
MINUTE = 60.0
KEPT_BUCKETS = 20_000
"""A bucket that has not been asked for the longest is forgotten, and is full when its key comes again: subjects of
tokens have no end."""


@dataclass
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """A token bucket for each key id.

    Args:
        now: a clock that never goes back, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key_id: str, rate: float, most: float) -> float:
        """Take a token from a bucket that `rate` flow into every second, `most` at most.

        Returns:
            0 where there was one, else the seconds until there is.
        """
        now = self._now()
        if (bucket := self._buckets.get(key_id)) is None:
            bucket = self._buckets[key_id] = _Bucket(most, now)
            if len(self._buckets) > KEPT_BUCKETS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key_id)
        bucket.tokens = min(most, bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / rate
        bucket.tokens -= 1
        return 0.0


class RateLimit:
    """The buckets of one process: with several replicas a key may ask each of them so often.

    Args:
        default: requests a second of a key whose entry names no rate; 0: as often as it likes.
        now: a clock that never goes back, in seconds.
        jobs_per_minute: jobs that a key may create, and try, in a minute; 0: as many as it likes.
    """

    def __init__(
        self, default: float = 0.0, now: Callable[[], float] = time.monotonic, *, jobs_per_minute: int = 0
    ) -> None:
        self._default = default
        self._jobs_per_minute = jobs_per_minute
        self._requests = Buckets(now)
        self._jobs = Buckets(now)

    def check(self, key: ApiKey) -> None:
        """Take a request's token. Raises Problem 429 with Retry-After where there is none."""
        rate = self._default if key.requests_per_second is None else key.requests_per_second
        if rate <= 0:
            return
        if seconds := self._requests.take(key.id, rate, max(1.0, rate * BURST_SECONDS)):
            wait = math.ceil(seconds)
            raise too_many(
                "requests_per_second",
                f"Key {key.id!r} may send {rate:g} requests per second",
                f"wait {wait} s, or have the administrator allow more",
                wait,
            )

    def check_job(self, key: ApiKey) -> None:
        """Take a job's token. Raises Problem 429 with Retry-After where there is none."""
        most = self._jobs_per_minute
        if most and (seconds := self._jobs.take(key.id, most / MINUTE, most)):
            wait = math.ceil(seconds)
            raise too_many(
                "jobs_per_minute",
                f"Key {key.id!r} may create {most} jobs per minute",
                f"wait {wait} s, or have the administrator allow more (gateway.limits.jobsPerMinute)",
                wait,
            )
