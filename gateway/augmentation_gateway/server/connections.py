"""The open connections of this process: their number, which one is closed for a new one, and their time limits.

Under a flood of connections there is always room for one more: the one that has been idle the longest is closed, first
of those that have never sent a valid key. Of these also the oldest busy one: a client without a key must not keep
others out by constant requests, or by not reading. New connections, and those that have just become idle, come last.
There is no limit by address: behind a proxy all clients have the same.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from augmentation_gateway.limits.limits import HttpLimits, Limits

SWEEP_SECONDS = 0.5
NEW_SECONDS = 1.0
"""A connection that has been idle for less than this is closed last: its request may be on its way."""


class Closable(Protocol):
    """A connection, as far as it matters here."""

    key_id: str

    @property
    def is_idle(self) -> bool:
        """Whether none of its requests is being received or answered."""

    @property
    def unread_bytes(self) -> int:
        """Size of the responses that its client has not read yet."""

    def end(self) -> None:
        """Close it now, without sending the rest."""

    def sweep(self, now: float) -> None:
        """Enforce its time limits."""


class Connections:
    """The connections. Every operation but `sweep` is O(1), also a new connection for which an idle one is closed.

    Args:
        limits: how many.
        http: what one may cost.
        on_refusal: called with the reason, in a word, when something is refused or closed.
    """

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        http: HttpLimits = HttpLimits(),  # noqa: B008 - immutable
        on_refusal: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.limits = limits
        self.http = http
        self.on_refusal = on_refusal
        self._all: set[Closable] = set()
        # The longest idle first. No plain dicts: finding the first of one whose first entries were removed is a search.
        self._unknown: OrderedDict[Closable, float] = OrderedDict()
        self._idle_unknown: OrderedDict[Closable, float] = OrderedDict()
        self._idle_known: OrderedDict[Closable, float] = OrderedDict()
        self._by_key: dict[str, OrderedDict[Closable, None]] = {}
        self._unread: OrderedDict[Closable, None] = OrderedDict()
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: Closable) -> bool:
        """Add a new connection, idle. False if there is no room: the maximum is open, and all are busy."""
        if self.limits.connections and len(self._all) >= self.limits.connections and not self._make_room():
            self.on_refusal("connections")
            return False
        self._all.add(connection)
        self._unknown[connection] = self._idle_unknown[connection] = asyncio.get_running_loop().time()
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)
        return True

    def remove(self, connection: Closable) -> None:
        """Remove a closed connection."""
        self._all.discard(connection)
        self.mark_busy(connection)
        self._unknown.pop(connection, None)
        self._unread.pop(connection, None)
        self._forget_key(connection)

    def mark_busy(self, connection: Closable) -> None:
        """Note that a request has come."""
        self._idle_unknown.pop(connection, None)
        self._idle_known.pop(connection, None)

    def mark_idle(self, connection: Closable) -> None:
        """Note that its requests are answered."""
        if connection in self._all:
            idle = self._idle_known if connection.key_id else self._idle_unknown
            idle[connection] = asyncio.get_running_loop().time()

    def assign_key(self, connection: Closable, key_id: str) -> bool:
        """Note that a valid key came over it. False if the key has the most connections it may have, all busy."""
        if connection.key_id == key_id or connection not in self._all:
            # A connection that was closed while its key was looked up takes no place.
            return True
        of_key = self._by_key.setdefault(key_id, OrderedDict())
        if self.limits.connections_per_key and len(of_key) >= self.limits.connections_per_key:
            longest_idle = next((other for other in of_key if other.is_idle), None)
            if longest_idle is None:
                return False
            self.on_refusal("connections_per_key")
            self._end(longest_idle)
        self._forget_key(connection)
        connection.key_id = key_id
        self._unknown.pop(connection, None)
        self._by_key.setdefault(key_id, OrderedDict())[connection] = None
        return True

    def mark_unread(self, connection: Closable) -> None:
        """Note that its client reads slower than we send. With too much unread in all, the longest such is closed."""
        self._unread[connection] = None
        total = sum(slow.unread_bytes for slow in self._unread)
        while total > self.http.unread_bytes and self._unread:
            longest = next(iter(self._unread))
            total -= longest.unread_bytes
            self.on_refusal("unread")
            self._end(longest)

    def mark_read(self, connection: Closable) -> None:
        """Note that its client has read its responses."""
        self._unread.pop(connection, None)

    def _make_room(self) -> bool:
        """Close the least useful connection. False if all are in use with valid keys: busy, or were a moment ago."""
        old = asyncio.get_running_loop().time() - NEW_SECONDS
        orders = (
            (self._idle_unknown, old),
            (self._unknown, old),
            (self._idle_known, old),
            # By age, busy or not: so the newest one has the most time to send a request.
            (self._unknown, math.inf),
        )
        for order, until in orders:
            longest, since = next(iter(order.items()), (None, 0.0))
            if longest is not None and since <= until:
                self.on_refusal("idle" if longest.is_idle else "busy_without_key")
                self._end(longest)
                return True
        return False

    def _end(self, connection: Closable) -> None:
        # At once, not when the event loop reports it closed: until then it would be counted, and chosen again.
        self.remove(connection)
        connection.end()

    def _forget_key(self, connection: Closable) -> None:
        if connection.key_id and (of_key := self._by_key.get(connection.key_id)) is not None:
            of_key.pop(connection, None)
            if not of_key:
                del self._by_key[connection.key_id]
        connection.key_id = ""

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        for connection in tuple(self._all):
            connection.sweep(loop.time())
        self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep) if self._all else None
