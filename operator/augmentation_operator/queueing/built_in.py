"""The built-in queue: FIFO within a priority, at most N concurrent jobs per namespace and class.

Only classes with `limits.maxJobsPerNamespace` have such a queue; jobs that Kueue queues are in none. A job enters it
when it is resolved (invalid input fails without waiting) and leaves its slot when its last episode is augmented, when
it ends, or once it is recorded as suspended. A slot is recorded in the job's Admitted condition, so a restarted
operator finds all slots as they were, and a suspension that is taken back at once finds the job still in its slot.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from augmentation_api import AugmentationJob, ConditionType, PhaseName, PhaseStatus, State
from augmentation_api.counted import are
from augmentation_api.status import Queue
from augmentation_api.vocabulary import AdmissionReason
from augmentation_operator.children.job import ChildJob
from augmentation_operator.manifests.manifest import suspend_job
from augmentation_operator.queueing.admission import Admission, Admitted, NotQueued, Waiting

Group = tuple[str, str]
"""Namespace and class."""
Priorities = Mapping[str, int]
"""Values of the PriorityClasses by name; one that does not exist counts as 0."""


@dataclass(frozen=True)
class Place:
    """The place of a job in the queue of its namespace and class.

    Attributes:
        has_slot: whether it may take nodes.
        position: jobs ahead of it; 0 once it has a slot.
        depth: jobs that wait, this one included.
        limit: jobs that may have a slot at the same time.
    """

    has_slot: bool
    position: int
    depth: int
    limit: int

    @property
    def requeue_after(self) -> timedelta:
        """When the numbers in the status are refreshed; the next in the queue is woken without waiting for that."""
        return timedelta(seconds=30 + self.position // 10)


@dataclass(frozen=True)
class _Contender:
    uid: str
    group: Group
    has_slot: bool
    priority_class: str
    since: str

    def rank(self, priorities: Priorities) -> tuple[int, str, str]:
        return -priorities.get(self.priority_class, 0), self.since, self.uid


@dataclass
class _Queue:
    holders: set[str] = field(default_factory=set)
    waiting: dict[str, _Contender] = field(default_factory=dict)
    _positions: dict[str, int] | None = None
    _sorted_by: Priorities = field(default_factory=dict)

    def add(self, contender: _Contender) -> None:
        if contender.has_slot:
            self.holders.add(contender.uid)
        else:
            self.waiting[contender.uid] = contender
        self._positions = None

    def remove(self, uid: str) -> None:
        self.holders.discard(uid)
        self.waiting.pop(uid, None)
        self._positions = None

    def positions(self, priorities: Priorities) -> dict[str, int]:
        """Jobs ahead of each that waits; O(n log n) after a change of the queue or the priorities, else O(1)."""
        if self._positions is None or self._sorted_by != priorities:
            order = sorted(self.waiting.values(), key=lambda contender: contender.rank(priorities))
            self._positions = {contender.uid: position for position, contender in enumerate(order)}
            self._sorted_by = priorities
        return self._positions


class SlotQueues:
    """The queues of all namespaces and classes, derived from the AugmentationJobs as they are observed.

    Args:
        priorities: the PriorityClasses as they are now.
        wake: called with the uid of the next job in a queue when a slot has become free.
    """

    def __init__(self, priorities: Callable[[], Priorities], wake: Callable[[str], None]) -> None:
        self._priorities, self._wake = priorities, wake
        self._contenders: dict[str, _Contender] = {}
        self._queues: dict[Group, _Queue] = {}
        self._granted: set[str] = set()

    def observe(self, body: Mapping[str, Any]) -> None:
        """Update the queues with the current state of an AugmentationJob."""
        uid = body["metadata"]["uid"]
        if _has_slot(body):
            self._granted.discard(uid)
        self._set(uid, self._contender(body))

    def forget(self, uid: str) -> None:
        """Remove a deleted AugmentationJob."""
        self._granted.discard(uid)
        self._set(uid, None)

    def grant(self, uid: str) -> None:
        """Reserve a slot that is about to be recorded, so that no other job gets it."""
        contender = self._contenders.get(uid)
        if contender is not None:
            self._granted.add(uid)
            self._set(uid, replace(contender, has_slot=True))

    def revoke(self, body: Mapping[str, Any]) -> None:
        """Return a slot that could not be recorded."""
        self._granted.discard(body["metadata"]["uid"])
        self.observe(body)

    def place_of(self, uid: str, limit: int) -> Place | None:
        """The place of a job; None if it needs no slot now."""
        contender = self._contenders.get(uid)
        if contender is None:
            return None
        queue = self._queues[contender.group]
        if contender.has_slot:
            return Place(has_slot=True, position=0, depth=len(queue.waiting), limit=limit)
        position = queue.positions(self._priorities())[uid]
        free = limit - len(queue.holders)
        return Place(has_slot=position < free, position=position, depth=len(queue.waiting), limit=limit)

    def _contender(self, body: Mapping[str, Any]) -> _Contender | None:
        metadata, spec, status = body["metadata"], body["spec"], body.get("status", {})
        state = status.get("state")
        done = _phase(body, PhaseName.AUGMENT) == PhaseStatus.COMPLETED
        if not status.get("shardCount") or (state and State(state).is_final) or done:
            return None
        if metadata.get("deletionTimestamp"):  # its pods are being stopped, and a finalizer may keep it forever
            return None
        if spec.get("queueName"):  # Kueue's quota is its limit
            return None
        uid = metadata["uid"]
        has_slot = uid in self._granted or _has_slot(body)
        if (spec.get("cancel") or spec.get("suspend")) and not has_slot:
            return None
        return _Contender(
            uid,
            group=(metadata.get("namespace", ""), str(status.get("className"))),
            has_slot=has_slot,
            priority_class=spec.get("priorityClassName") or "",
            since=str(status.get("queuedAt") or metadata.get("creationTimestamp") or ""),
        )

    def _set(self, uid: str, after: _Contender | None) -> None:
        before = self._contenders.get(uid)
        if after == before:
            return
        if before is not None:
            self._queues[before.group].remove(uid)
            del self._contenders[uid]
        if after is not None:
            self._contenders[uid] = after
            self._queues.setdefault(after.group, _Queue()).add(after)
        if before is not None:
            queue = self._queues[before.group]
            if before.has_slot and not (after and after.has_slot) and queue.waiting:
                self._wake(next(iter(queue.positions(self._priorities()))))
            if not queue.holders and not queue.waiting:
                del self._queues[before.group]


def _has_slot(body: Mapping[str, Any]) -> bool:
    """Whether a job's status records a slot; one that was provisioned before there was a limit has one too."""
    for condition in body.get("status", {}).get("conditions", []):
        if condition["type"] == ConditionType.ADMITTED:
            return bool(condition["status"] == "True")
    return _phase(body, PhaseName.PROVISION) in (PhaseStatus.IN_PROGRESS, PhaseStatus.COMPLETED)


def _phase(body: Mapping[str, Any], name: PhaseName) -> str | None:
    phases = body.get("status", {}).get("phases", [])
    return next((phase.get("status") for phase in phases if phase["name"] == name), None)


def admission_of(job: AugmentationJob, place: Place | None, child: ChildJob | None, class_name: str) -> Admission:
    """The built-in queue's answer to a job that asks for nodes.

    Args:
        place: of the job; None: there is no limit.
        child: its augment Job, if there is one.
        class_name: of its AugmentationClass.
    """
    if job.spec.suspend or place is None:
        return NotQueued()
    limit = f"limits.maxJobsPerNamespace of class {class_name} is {place.limit}"
    if place.has_slot:
        is_new = not job.status.is_true(ConditionType.ADMITTED)
        return Admitted(AdmissionReason.SLOT_TAKEN, f"has a slot in the queue ({limit})", is_new)
    runs = child is not None and not child.suspended and not child.is_finished
    return Waiting(
        AdmissionReason.QUEUED,
        f"waiting in the queue: {place.position} of {place.depth} jobs {are(place.position)} ahead ({limit})",
        place=Queue(position=place.position, depth=place.depth),
        patches=(suspend_job(child.name, True),) if child is not None and runs else (),
        requeue_after=place.requeue_after,
    )
