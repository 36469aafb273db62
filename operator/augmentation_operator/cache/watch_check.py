"""Detection of a stalled watch: what it has delivered is periodically compared with a list of all objects.

Objects that it missed are taken from the list, so a job is delayed by minutes at most. A watch that has delivered none
of them within GRACE is stalled, and the process should be restarted.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

INTERVAL = timedelta(minutes=5)
"""Time between two lists of all jobs."""
GRACE = timedelta(seconds=60)
"""How long a watch may lag behind a list."""


class WatchCheck:
    """Resource versions that the watch has delivered, by uid. Each method is O(1), `compare` O(n)."""

    def __init__(self) -> None:
        self._delivered: dict[str, int] = {}
        self._behind: dict[str, int] = {}
        self._deleted: set[str] = set()
        self._missing = 0

    def observe(self, body: Mapping[str, Any]) -> None:
        """Record an object that the watch has delivered."""
        uid, version = body["metadata"]["uid"], _version(body)
        self._delivered[uid] = version
        if version >= self._behind.get(uid, version + 1):
            del self._behind[uid]

    def forget(self, uid: str) -> None:
        """Record that the watch has delivered a deletion."""
        self._delivered.pop(uid, None)
        self._behind.pop(uid, None)
        self._deleted.discard(uid)

    def trim(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The part of a listed object that `compare` needs: all of it only if the watch has not delivered it."""
        metadata = body["metadata"]
        if _version(body) > self._delivered.get(metadata["uid"], -1):
            return body
        return {"metadata": {name: metadata[name] for name in ("uid", "resourceVersion")}}

    def compare(self, listed: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The objects of a complete list that the watch has not delivered in that version or a newer one."""
        bodies = {body["metadata"]["uid"]: body for body in listed}
        missed = [body for uid, body in bodies.items() if _version(body) > self._delivered.get(uid, -1)]
        self._behind = {body["metadata"]["uid"]: _version(body) for body in missed}
        self._deleted = set(self._delivered) - set(bodies)
        self._missing = len(self._behind) + len(self._deleted)
        return missed

    @property
    def missed_deletions(self) -> frozenset[str]:
        """Objects missing from the last list whose deletion the watch has not delivered."""
        return frozenset(self._deleted)

    @property
    def is_stalled(self) -> bool:
        """Whether the watch has delivered nothing that it lacked at the last comparison. Ask after GRACE."""
        return self._missing > 0 and len(self._behind) + len(self._deleted) == self._missing


def _version(body: Mapping[str, Any]) -> int:
    return int(body["metadata"].get("resourceVersion") or 0)
