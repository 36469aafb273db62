"""What this process has made and no watch has shown yet: until then what is seen of a job is older than that."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

SHOWN_WITHIN = timedelta(seconds=5)
"""How long to wait for a watch. After that what was made counts as gone again, and is made anew."""


class Expectations:
    """Child Jobs by the uid of their AugmentationJob.

    A decision that is made before they are seen would make them again: for the API server four calls for nothing.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._made: dict[str, tuple[frozenset[str], datetime]] = {}

    def made(self, uid: str, names: Iterable[str]) -> None:
        """Expect child Jobs of these names to be shown soon."""
        if expected := frozenset(names):
            self._made[uid] = expected, self._clock() + SHOWN_WITHIN

    def wait(self, uid: str, shown: Iterable[str]) -> timedelta | None:
        """How long to wait at most for what is not among those that are `shown`; None: nothing is missing."""
        if uid not in self._made:
            return None
        expected, until = self._made[uid]
        left = until - self._clock()
        if left > timedelta(0) and not expected <= frozenset(shown):
            return left
        del self._made[uid]
        return None

    def lost(self, uid: str) -> None:
        """Forget an AugmentationJob that is gone."""
        self._made.pop(uid, None)
