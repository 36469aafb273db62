"""Child Jobs that this process has created and that no watch has delivered yet: until then the cache is stale."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

DELIVERED_WITHIN = timedelta(seconds=5)
"""How long to wait for a watch. After that a child Job counts as deleted, and is created again."""


class Expectations:
    """Names of the expected child Jobs by the uid of their AugmentationJob.

    A decision on a cache that lacks them would create them again: four calls of the API server for nothing.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._expected: dict[str, tuple[frozenset[str], datetime]] = {}

    def expect(self, uid: str, names: Iterable[str]) -> None:
        """Expect child Jobs of these names to be delivered soon."""
        if expected := frozenset(names):
            self._expected[uid] = expected, self._clock() + DELIVERED_WITHIN

    def wait(self, uid: str, cached: Iterable[str]) -> timedelta | None:
        """How long to wait at most for child Jobs that are not among the `cached` ones; None: none is missing."""
        if uid not in self._expected:
            return None
        expected, until = self._expected[uid]
        left = until - self._clock()
        if left > timedelta(0) and not expected <= frozenset(cached):
            return left
        del self._expected[uid]
        return None

    def forget(self, uid: str) -> None:
        """Remove a deleted AugmentationJob."""
        self._expected.pop(uid, None)
