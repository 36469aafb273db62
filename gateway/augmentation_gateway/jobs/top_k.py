"""The first of many items in an order, without holding the many."""

import heapq
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class TopK(Generic[Item]):
    """Takes items one by one and holds at most twice the limit. O(log limit) per item.

    Args:
        limit: number of items wanted.
        key: total order of the items, so that the result does not depend on the order in which they came.
        descending: the largest first.
    """

    def __init__(self, limit: int, key: Callable[[Item], Any], *, descending: bool = False) -> None:
        self._limit = limit
        self._key = key
        self._select = heapq.nlargest if descending else heapq.nsmallest
        self._items: list[tuple[Any, Item]] = []

    def add(self, items: Iterable[Item]) -> None:
        """Take some more items."""
        for item in items:
            self._items.append((self._key(item), item))
            if len(self._items) >= 2 * self._limit:
                self._trim()

    def in_order(self) -> list[Item]:
        """The first of all items that were added."""
        self._trim()
        return [item for _, item in self._items]

    def _trim(self) -> None:
        self._items = self._select(self._limit, self._items, key=itemgetter(0))
