"""Caches of values computed from jobs, bounded over all jobs.

Parsed, a status takes five times the memory that it has as JSON, and every encoded view of it some kilobytes more. A
client that reads every job once, in every view, must not multiply the gateway's memory.
"""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Owner = TypeVar("Owner")
Value = TypeVar("Value")
Entry = tuple[int, bytes]


class LruCache(Generic[Owner, Value]):
    """The values of the owners that were used last. An owner is known by its identity, and referenced while cached.

    Args:
        size: maximum number of values.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[int, tuple[Owner, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, owner: Owner) -> Value | None:
        """The value, or None if it is not cached."""
        if (entry := self._entries.get(id(owner))) is None:
            return None
        self._entries.move_to_end(id(owner))
        return entry[1]

    def put(self, owner: Owner, value: Value) -> None:
        """Cache a value; the least recently used one is evicted."""
        self._entries[id(owner)] = owner, value
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)


class ByteBudget:
    """A limit on the bytes in the dicts of many owners: the oldest entries are evicted from theirs.

    Args:
        size: maximum number of bytes in all.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._total = 0
        self._entries: deque[tuple[dict[str, Entry], str, Entry]] = deque()

    def put(self, owner: dict[str, Entry], name: str, entry: Entry) -> None:
        """Put an entry into its owner's dict."""
        owner[name] = entry
        self._entries.append((owner, name, entry))
        self._total += len(entry[1])
        while self._total > self._size:
            oldest_owner, oldest_name, oldest = self._entries.popleft()
            self._total -= len(oldest[1])
            # By now its owner may have another entry of this name, which has its own place in the order.
            if oldest_owner.get(oldest_name) is oldest:
                del oldest_owner[oldest_name]
