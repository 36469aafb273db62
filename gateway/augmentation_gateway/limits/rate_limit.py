"""Rate limits per key, of requests and of created jobs: a token bucket each. O(1) per request."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from augmentation_api.counted import counted
from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.problem import too_many

REQUESTS_PER_SECOND = 20.0
"""Default rate of a key whose entry has none."""
BURST_SECONDS = 2.0
"""A bucket holds the tokens of this time: a page that opens sends several requests at once."""
MINUTE = 60.0
MAX_BUCKETS = 20_000
"""The least recently used bucket is evicted, and is full when its key comes again: the number of OIDC subjects has no
limit."""


@dataclass
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """One token bucket per key id.

    Args:
        now: a monotonic clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key_id: str, rate: float, most: float) -> float:
        """Take a token from a bucket that refills at `rate` per second, up to `most`.

        Returns:
            0 where there was one, else the seconds until there is.
        """
        now = self._now()
        if (bucket := self._buckets.get(key_id)) is None:
            bucket = self._buckets[key_id] = _Bucket(most, now)
            if len(self._buckets) > MAX_BUCKETS:
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
    """The rate limits of one process: each replica has its own.

    Args:
        default: requests per second of a key whose entry has no rate; 0: no limit.
        now: a monotonic clock, in seconds.
        jobs_per_minute: jobs that a key may create, or dry-run, per minute; 0: no limit.
    """

    def __init__(
        self, default: float = 0.0, now: Callable[[], float] = time.monotonic, *, jobs_per_minute: int = 0
    ) -> None:
        self._default = default
        self._jobs_per_minute = jobs_per_minute
        self._requests = Buckets(now)
        self._jobs = Buckets(now)

    def check(self, key: ApiKey) -> None:
        """Take a token for a request. Raises Problem 429 with Retry-After if there is none."""
        rate = self._default if key.requests_per_second is None else key.requests_per_second
        if rate <= 0:
            return
        if seconds := self._requests.take(key.id, rate, max(1.0, rate * BURST_SECONDS)):
            wait = math.ceil(seconds)
            raise too_many(
                "requests_per_second",
                f"Key {key.id!r} may send {rate:g} request{'' if rate == 1 else 's'} per second",
                f"wait {wait} s, or have the administrator allow more",
                wait,
            )

    def check_job(self, key: ApiKey) -> None:
        """Take a token for a job. Raises Problem 429 with Retry-After if there is none."""
        most = self._jobs_per_minute
        if most and (seconds := self._jobs.take(key.id, most / MINUTE, most)):
            wait = math.ceil(seconds)
            raise too_many(
                "jobs_per_minute",
                f"Key {key.id!r} may create {counted(most, 'job')} per minute",
                f"wait {wait} s, or have the administrator allow more (gateway.limits.jobsPerMinute)",
                wait,
            )
