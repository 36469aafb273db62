"""What is kept of jobs beside their objects, so that it is not made again for the next request; bounded in all.

Parsed, a status takes five times the memory that it has as JSON, and every view of it some kilobytes more. Whoever
reads every job once, in every view, must not multiply what the gateway holds.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Owner = TypeVar("Owner")
Value = TypeVar("Value")


class Recent(Generic[Owner, Value]):
    """The values of the owners that were asked for last. An owner is known by its identity, and held while it is kept.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[int, tuple[Owner, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, owner: Owner) -> Value | None:
        """The value, or None where it is not kept."""
        if (held := self._held.get(id(owner))) is None:
            return None
        self._held.move_to_end(id(owner))
        return held[1]

    def put(self, owner: Owner, value: Value) -> None:
        """Keep it; the one that was not asked for the longest is forgotten."""
        self._held[id(owner)] = owner, value
        if len(self._held) > self._most:
            self._held.popitem(last=False)


class ByteBudget:
    """How many bytes all together keep. Each is in a dict of its owner, and is taken out of it, the oldest first.

    Args:
        most: bytes in all.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._total = 0
        self._kept: deque[tuple[dict[str, tuple[int, bytes]], str, tuple[int, bytes]]] = deque()

    def keep(self, where: dict[str, tuple[int, bytes]], name: str, entry: tuple[int, bytes]) -> None:
        """Put an entry into its owner's dict."""
        where[name] = entry
        self._kept.append((where, name, entry))
        self._total += len(entry[1])
        while self._total > self._most:
            place, kept_as, oldest = self._kept.popleft()
            self._total -= len(oldest[1])
            # Another version of it may be there by now, with an entry of its own.
            if place.get(kept_as) is oldest:
                del place[kept_as]
