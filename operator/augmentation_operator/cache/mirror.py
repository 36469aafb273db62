"""A generic cache of one collection of the Kubernetes API, indexed by group, such as the pods of each job."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")

_log = logging.getLogger(__name__)


class _Listed(NamedTuple):
    uid: str
    group: str
    item: Any


class Mirror(Generic[Item]):
    """Objects by group, kept current by a Reflector. Looking up a group is O(1).

    An object that cannot be read is logged and left out: it must not stop the others.

    Args:
        group: the group that an object belongs to.
        read: the part of an object that is stored. KeyError and ValueError (pydantic's too): it cannot be read.
        on_change: called with each group in which an object has changed.
    """

    def __init__(
        self,
        group: Callable[[Mapping[str, Any]], str],
        read: Callable[[Mapping[str, Any]], Item],
        on_change: Callable[[str], None],
    ) -> None:
        self._group, self._read, self._on_change = group, read, on_change
        self._groups: dict[str, dict[str, Item]] = {}
        self._group_of: dict[str, str] = {}
        self._is_synced = asyncio.Event()

    async def synced(self) -> None:
        """Wait until the collection has been listed once."""
        await self._is_synced.wait()

    def of(self, group: str) -> Collection[Item]:
        """The objects of one group."""
        return self._groups.get(group, {}).values()

    def __len__(self) -> int:
        """How many objects there are."""
        return len(self._group_of)

    def keep(self, raw: Mapping[str, Any]) -> _Listed:
        """The part of a listed object that `replace` needs."""
        return _Listed(raw["metadata"]["uid"], self._group(raw), self._try_read(raw))

    def replace(self, listing: Mapping[str, Any]) -> None:
        """Replace all objects by a list of results of `keep`."""
        before, self._groups, self._group_of = self._groups, {}, {}
        for uid, group, item in listing["items"]:
            self._put(uid, group, item)
        self._is_synced.set()
        for group in before | self._groups:
            if before.get(group) != self._groups.get(group):
                self._on_change(group)

    def apply(self, event: Mapping[str, Any]) -> int:
        """Apply one watch event. Returns the resource version from which the watch can be resumed."""
        raw = event["object"]
        if event["type"] != "BOOKMARK":
            uid, group, item = self.keep(raw)
            if event["type"] == "DELETED":
                self._remove(uid)
            else:
                self._put(uid, group, item)
            self._on_change(group)
        return int(raw["metadata"]["resourceVersion"])

    def _put(self, uid: str, group: str, item: Item | None) -> None:
        self._remove(uid)
        if item is not None:
            self._group_of[uid] = group
            self._groups.setdefault(group, {})[uid] = item

    def _remove(self, uid: str) -> None:
        group = self._group_of.pop(uid, None)
        if group is not None:
            members = self._groups[group]
            del members[uid]
            if not members:
                del self._groups[group]

    def _try_read(self, raw: Mapping[str, Any]) -> Item | None:
        try:
            return self._read(raw)
        except (KeyError, ValueError) as error:
            metadata = raw["metadata"]
            name = "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
            _log.error("%s %s cannot be read and is ignored: %s", raw.get("kind", "object"), name, error)
            return None
