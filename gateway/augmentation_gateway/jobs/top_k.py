"""The first of many in an order, without holding the many."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class Leading(Generic[Item]):
    """Takes items one by one and holds at most twice as many as are wanted. O(log limit) an item.

    Args:
        limit: how many are wanted.
        key: by what they are ordered; total, so that the answer does not depend on the order in which they came.
        falling: the largest first.
    """

    def __init__(self, limit: int, key: Callable[[Item], Any], *, falling: bool = False) -> None:
        self._limit = limit
        self._key = key
        self._first = heapq.nlargest if falling else heapq.nsmallest
        self._held: list[tuple[Any, Item]] = []

    def add(self, items: Iterable[Item]) -> None:
        """Take some more."""
        for item in items:
            self._held.append((self._key(item), item))
            if len(self._held) >= 2 * self._limit:
                self._trim()

    def in_order(self) -> list[Item]:
        """Those that lead all that were taken."""
        self._trim()
        return [item for _, item in self._held]

    def _trim(self) -> None:
        self._held = self._first(self._limit, self._held, key=itemgetter(0))
