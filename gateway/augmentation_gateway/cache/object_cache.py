"""A copy of one collection of the Kubernetes API, kept current by a list and a watch."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

_log = logging.getLogger(__name__)

MAX_REMOVED: Final = 1000
"""Removed objects that are remembered: some megabytes at most."""

Record = TypeVar("Record")
_Raw = dict[str, Any]


@dataclass(frozen=True)
class _Entry(Generic[Record]):
    version: int
    record: Record


@dataclass(frozen=True)
class Removed(Generic[Record]):
    """An object that was removed: its last version, and when the removal was noticed."""

    record: Record
    at: datetime


class ObjectCache(Generic[Record]):
    """Objects by uid. Reading one is a look-up, O(1); nothing here waits.

    resourceVersions are compared as integers (the API guarantees that since Kubernetes 1.35), so an object that a
    request has just written can be inserted independently of the watch: whichever comes second, the newer one stays.

    Args:
        read: makes a record of an object as the API server sends it.
    """

    def __init__(self, read: Callable[[_Raw], Record]) -> None:
        self._read = read
        self._entries: dict[str, _Entry[Record]] = {}
        # Version up to which every change is known, from the list and the watch (not from `insert`).
        self._seen = 0
        # The last removed is the last here. A uid is never used again, so whatever arrives for one later is old.
        self._removed: OrderedDict[str, Removed[Record]] = OrderedDict()
        self._listeners: dict[str, set[Callable[[], None]]] = {}
        self.synced = False
        self._records: tuple[int, tuple[Record, ...]] = (0, ())
        self.revision = 0
        """Changes whenever an object does, for what is computed from all of them."""

    def get(self, uid: str) -> Record | None:
        """The object with this uid, or None."""
        entry = self._entries.get(uid)
        return None if entry is None else entry.record

    def removed(self, uid: str) -> Removed[Record] | None:
        """An object that was removed, while it is remembered."""
        return self._removed.get(uid)

    def records(self) -> tuple[Record, ...]:
        """All objects; the same tuple for all callers until something changes."""
        if self._records[0] != self.revision:
            self._records = self.revision, tuple(entry.record for entry in self._entries.values())
        return self._records[1]

    @contextmanager
    def listening(self, uid: str, changed: Callable[[], None]) -> Iterator[None]:
        """Call `changed` whenever the object with this uid may have changed or been removed."""
        self._listeners.setdefault(uid, set()).add(changed)
        try:
            yield
        finally:
            listeners = self._listeners[uid]
            listeners.discard(changed)
            if not listeners:
                del self._listeners[uid]

    def __len__(self) -> int:
        return len(self._entries)

    @staticmethod
    def keep(raw: _Raw) -> _Raw:
        """Remove managedFields, which nothing here needs.

        It has one entry per field manager, and a job as many of those as shards: often most of the object.
        """
        raw["metadata"].pop("managedFields", None)
        return raw

    def replace(self, listing: _Raw) -> None:
        """Take over a whole list. What is not in it is removed, unless it was written after the list."""
        version = int(listing["metadata"]["resourceVersion"])
        # A list is never older than what was seen before it, except when the cluster was restored from a backup or
        # recreated at the same address: then versions do not tell what is newer.
        history_went_back = version < self._seen
        before = {} if history_went_back else self._entries
        now: dict[str, _Entry[Record]] = {uid: entry for uid, entry in before.items() if entry.version > version}
        for raw in listing["items"]:
            uid, item_version = _identity(raw)
            entry = before.get(uid)
            if entry is not None and entry.version >= item_version:
                now[uid] = entry
            elif (record := self._try_read(raw)) is not None:
                now[uid] = _Entry(item_version, record)
        self._entries, self._seen, self.synced = now, version, True
        self.revision += 1
        for uid, entry in before.items():
            if uid not in now:
                self._remember(uid, entry.record)
        for uid in now:
            self._removed.pop(uid, None)
        for uid in list(self._listeners):
            self._notify(uid)

    def apply(self, event: _Raw) -> int:
        """Take over one event of a watch. Returns the version from which the watch can be resumed."""
        raw = event["object"]
        if event["type"] == "BOOKMARK":
            self._seen = max(self._seen, int(raw["metadata"]["resourceVersion"]))
            return self._seen
        uid, version = _identity(raw)
        if event["type"] == "DELETED":
            self.discard(uid)
        else:
            self._put(uid, version, raw)
        self._seen = max(self._seen, version)
        return self._seen

    def insert(self, raw: _Raw) -> None:
        """Take over the response to a write, so that the very next read shows it."""
        uid, version = _identity(raw)
        if uid not in self._entries and version <= self._seen:
            # The watch is past this version and the object is not there: it was deleted in the meantime.
            return
        self._put(uid, version, raw)

    def discard(self, uid: str) -> None:
        """Remove an object that was deleted, so that the very next read does not show it."""
        if (entry := self._entries.pop(uid, None)) is not None:
            self._remember(uid, entry.record)
            self.revision += 1
            self._notify(uid)

    def _remember(self, uid: str, record: Record) -> None:
        self._removed[uid] = Removed(record, datetime.now(UTC))
        if len(self._removed) > MAX_REMOVED:
            self._removed.popitem(last=False)

    def _notify(self, uid: str) -> None:
        for changed in tuple(self._listeners.get(uid, ())):
            changed()

    def _put(self, uid: str, version: int, raw: _Raw) -> None:
        entry = self._entries.get(uid)
        if uid in self._removed or (entry is not None and entry.version >= version):
            return
        if (record := self._try_read(raw)) is not None:
            self._entries[uid] = _Entry(version, record)
            self.revision += 1
            self._notify(uid)

    def _try_read(self, raw: _Raw) -> Record | None:
        try:
            return self._read(self.keep(raw))
        except (KeyError, TypeError, ValueError):
            # An unreadable object must not stop the others.
            _log.exception("an object cannot be read and is left out", extra={"fields": {"object": _name(raw)}})
            return None


def _identity(raw: _Raw) -> tuple[str, int]:
    metadata = raw["metadata"]
    return metadata["uid"], int(metadata["resourceVersion"])


def _name(raw: _Raw) -> str:
    metadata = raw.get("metadata", {})
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
