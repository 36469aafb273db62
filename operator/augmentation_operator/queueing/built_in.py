"""Who may take nodes next: first come, first served within a priority, so many jobs at once a namespace and class.

Only classes with `limits.maxJobsPerNamespace` have such a queue; jobs that Kueue queues are in none. A job comes to it
when it is resolved (bad input is told of without waiting) and leaves its slot when its last episode is augmented, when
it ends, or while it is suspended. That a job has a slot is recorded in its Admitted condition, so a restart finds the
slots as they were.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from augmentation_api import ConditionType, PhaseName, State
from augmentation_api.vocabulary import PhaseStatus

Group = tuple[str, str]
"""Namespace and class."""


@dataclass(frozen=True)
class Place:
    """Where a job stands in the queue of its namespace and class.

    Attributes:
        has_slot: it may take nodes.
        position: jobs ahead of it; 0 once it has a slot.
        depth: jobs that wait, this one included.
        limit: jobs that may have a slot at once.
    """

    has_slot: bool
    position: int
    depth: int
    limit: int

    @property
    def requeue_after(self) -> timedelta:
        """When the numbers are worth writing anew; whoever is next is woken without waiting for that."""
        return timedelta(seconds=30 + self.position // 10)


@dataclass(frozen=True)
class _Contender:
    group: Group
    holds: bool
    rank: tuple[int, str, str]


@dataclass
class _Queue:
    holders: set[str] = field(default_factory=set)
    waiting: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    _positions: dict[str, int] | None = None

    def changed(self) -> None:
        self._positions = None

    def positions(self) -> dict[str, int]:
        """Jobs ahead of each that waits; O(n log n) after a change, O(1) until the next."""
        if self._positions is None:
            order = sorted(self.waiting, key=self.waiting.__getitem__)
            self._positions = {uid: position for position, uid in enumerate(order)}
        return self._positions


class Admissions:
    """The queues of all namespaces and classes, kept from the resources as they are seen.

    Args:
        wake: called with the uid of the next job in a queue when a slot has become free.
    """

    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake
        self._contenders: dict[str, _Contender] = {}
        self._queues: dict[Group, _Queue] = {}
        self._granted: set[str] = set()
        self.priorities: dict[str, int] = {}
        """Values of the PriorityClasses, by name; one that is not known counts as 0."""

    def saw(self, body: Mapping[str, Any]) -> None:
        """Take in a resource as it is now."""
        uid = body["metadata"]["uid"]
        if _has_slot(body):
            self._granted.discard(uid)
        self._set(uid, self._contender(body))

    def lost(self, uid: str) -> None:
        """Take in that a resource is gone."""
        self._granted.discard(uid)
        self._set(uid, None)

    def grant(self, uid: str) -> None:
        """A slot is given and about to be recorded: from now on nobody else gets it."""
        contender = self._contenders.get(uid)
        if contender is not None:
            self._granted.add(uid)
            self._set(uid, _Contender(contender.group, True, contender.rank))

    def revoke(self, body: Mapping[str, Any]) -> None:
        """The grant could not be recorded."""
        self._granted.discard(body["metadata"]["uid"])
        self.saw(body)

    def place_of(self, uid: str, limit: int) -> Place | None:
        """The place of a job; None if it needs no slot now."""
        contender = self._contenders.get(uid)
        if contender is None:
            return None
        queue = self._queues[contender.group]
        if contender.holds:
            return Place(has_slot=True, position=0, depth=len(queue.waiting), limit=limit)
        position = queue.positions()[uid]
        free = limit - len(queue.holders)
        return Place(has_slot=position < free, position=position, depth=len(queue.waiting), limit=limit)

    def _contender(self, body: Mapping[str, Any]) -> _Contender | None:
        metadata, spec, status = body["metadata"], body["spec"], body.get("status", {})
        state = status.get("state")
        done = _phase(body, PhaseName.AUGMENT) == PhaseStatus.COMPLETED
        if not status.get("shardCount") or (state and State(state).is_final) or done or spec.get("suspend"):
            return None
        if metadata.get("deletionTimestamp"):  # it is being stopped, and a finalizer may keep it for ever
            return None
        if spec.get("queueName"):  # Kueue's quota is its limit
            return None
        uid = metadata["uid"]
        holds = uid in self._granted or _has_slot(body)
        if spec.get("cancel") and not holds:
            return None
        priority = self.priorities.get(spec.get("priorityClassName") or "", 0)
        since = str(status.get("queuedAt") or metadata.get("creationTimestamp") or "")
        return _Contender((metadata.get("namespace", ""), str(status.get("className"))), holds, (-priority, since, uid))

    def _set(self, uid: str, now: _Contender | None) -> None:
        before = self._contenders.get(uid)
        if now == before:
            return
        if before is not None:
            queue = self._queues[before.group]
            queue.holders.discard(uid)
            queue.waiting.pop(uid, None)
            queue.changed()
            del self._contenders[uid]
        if now is not None:
            self._contenders[uid] = now
            queue = self._queues.setdefault(now.group, _Queue())
            if now.holds:
                queue.holders.add(uid)
            else:
                queue.waiting[uid] = now.rank
            queue.changed()
        if before is not None:
            queue = self._queues[before.group]
            if before.holds and not (now and now.holds) and queue.waiting:
                self._wake(next(iter(queue.positions())))
            if not queue.holders and not queue.waiting:
                del self._queues[before.group]


def _has_slot(body: Mapping[str, Any]) -> bool:
    """Whether a resource says that it has a slot; one that was on its way before there was a limit has one too."""
    for condition in body.get("status", {}).get("conditions", []):
        if condition["type"] == ConditionType.ADMITTED:
            return bool(condition["status"] == "True")
    return _phase(body, PhaseName.PROVISION) in (PhaseStatus.IN_PROGRESS, PhaseStatus.COMPLETED)


def _phase(body: Mapping[str, Any], name: PhaseName) -> str | None:
    phases = body.get("status", {}).get("phases", [])
    return next((phase.get("status") for phase in phases if phase["name"] == name), None)
