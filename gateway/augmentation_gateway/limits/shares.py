"""Limits on concurrency, per key and in all: of requests, event streams and previews."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from augmentation_gateway.limits.limits import Limits
from augmentation_gateway.problem import Problem, too_many

RETRY_SECONDS = 2


class Shares:
    """Counts what each key has at the same time. O(1), with memory only for what is taken.

    Args:
        what: what is counted, in the plural, for the message.
        name: of the limit in the chart's gateway.limits, and the reason in the metrics.
        per_key: maximum per key; 0: no limit.
        in_all: maximum of all keys together; 0: no limit.
    """

    def __init__(self, what: str, name: str, *, per_key: int = 0, in_all: int = 0) -> None:
        self._what = what
        self._name = name
        self._per_key = per_key
        self._in_all = in_all
        self._taken: Counter[str] = Counter()
        self._total = 0

    def __len__(self) -> int:
        return self._total

    @contextmanager
    def take(self, key_id: str) -> Iterator[None]:
        """Hold one inside.

        Raises:
            Problem: 429 the key has as many as it may; 503 all keys together have.
        """
        if self._per_key and self._taken[key_id] >= self._per_key:
            raise too_many(
                f"{self._name}_per_key",
                f"Key {key_id!r} has {self._per_key} {self._what} at the same time, the most it may have",
                "wait until one of them ends, or have the administrator allow more "
                f"(gateway.limits.{self._name}PerKey)",
                RETRY_SECONDS,
            )
        if self._in_all and self._total >= self._in_all:
            raise Problem(
                503,
                f"The gateway has {self._in_all} {self._what} at the same time, the most it may have",
                f"try again, or have the administrator allow more (gateway.limits.{self._name}) or run more replicas",
                # A retry by another connection may reach another replica.
                headers={"Retry-After": str(RETRY_SECONDS), "Connection": "close"},
                reason=self._name,
            )
        self._taken[key_id] += 1
        self._total += 1
        try:
            yield
        finally:
            self._total -= 1
            self._taken[key_id] -= 1
            if not self._taken[key_id]:
                del self._taken[key_id]


class Capacity:
    """The shares of one process.

    Attributes:
        requests: in progress.
        streams: open event streams.
        pictures: previews being proxied.
    """

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - immutable
        self.requests = Shares("requests", "requests", per_key=limits.requests_per_key)
        self.streams = Shares("event streams", "streams", per_key=limits.streams_per_key, in_all=limits.streams)
        self.pictures = Shares("pictures", "pictures", per_key=limits.pictures_per_key, in_all=limits.pictures)
