"""An operator's process in memory: its caches, which lag as far as a test wants, and the controller over them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from typing_extensions import override

from augmentation_api import AugmentationClass
from augmentation_api.identifiers import LABEL_JOB_UID
from augmentation_api.readable_class import UnreadableClass, read_class
from augmentation_kube import KubeError, KubeUnavailable, Resource
from augmentation_operator.cache.cluster_mirror import Mirror
from augmentation_operator.cache.job_store import JobStore
from augmentation_operator.children.job import ChildJob, read_job
from augmentation_operator.children.pod import ChildPod, read_pod
from augmentation_operator.controller.controller import Controller
from augmentation_operator.controller.metrics import Metrics
from augmentation_operator.controller.notification.notifier import Notifier
from augmentation_operator.controller.worker_isolation import WorkerIsolation
from augmentation_operator.queueing.built_in import Place, SlotQueues
from tests.kubernetes.in_memory import InMemoryKube

Json = dict[str, Any]
Result = TypeVar("Result")

BACKOFF = timedelta(seconds=5)
"""When a failed reconcile is retried."""

_METRICS = Metrics()
_LOOP = asyncio.new_event_loop()
"""One for all: a lock that tasks have waited for belongs to their loop."""
WATCHED = (
    Resource.AUGMENTATION_JOBS,
    Resource.JOBS,
    Resource.PODS,
    Resource.AUGMENTATION_CLASSES,
    Resource.PRIORITY_CLASSES,
    Resource.NAMESPACES,
)


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine that waits for nothing but an API in memory."""
    try:
        while True:
            assert coroutine.send(None) is None
    except StopIteration as end:
        result: Result = end.value
        return result


class Killed(BaseException):
    """The process was killed in the middle of what it did."""


class GivenPlace(SlotQueues):
    """A built-in queue in which every job has the place that a test gives it."""

    def __init__(self, place: Callable[[], Place | None]) -> None:
        super().__init__(dict, lambda uid: None)
        self._given = place

    @override
    def place_of(self, uid: str, limit: int) -> Place | None:
        return self._given()


class SimulatedOperator:
    """A process that has just listed everything; from then on it sees what `catch_up` shows it.

    Args:
        kube: the API server.
        clock: gives the time.
        slots: the built-in queues; None: real ones.
        notifier: who announces the ends of jobs; None: a real one.

    Attributes:
        due: when to reconcile which job, by its uid, as the queue of the process would have it.
        failed: jobs whose last reconcile failed.
    """

    def __init__(
        self,
        kube: InMemoryKube,
        clock: Callable[[], datetime],
        slots: SlotQueues | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._kube, self._clock = kube, clock
        self.due: dict[str, datetime] = {}
        self.failed: set[str] = set()
        self.jobs = JobStore()
        wake = self._wake
        self._job_mirror = Mirror(_owner, read_job, wake)
        self._pod_mirror = Mirror(_owner, read_pod, wake)
        self._class_mirror = Mirror(lambda _: "", read_class, lambda _: self._wake_unfinished())
        self._priority_mirror = Mirror(lambda _: "", _name_and_value, lambda _: None)
        self._namespace_mirror = Mirror(
            lambda body: str(body["metadata"]["name"]),
            lambda body: "deletionTimestamp" in body["metadata"],
            lambda _: self._wake_unfinished(),
        )
        self._mirrors: dict[Resource, Mirror[Any]] = {
            Resource.JOBS: self._job_mirror,
            Resource.PODS: self._pod_mirror,
            Resource.AUGMENTATION_CLASSES: self._class_mirror,
            Resource.PRIORITY_CLASSES: self._priority_mirror,
            Resource.NAMESPACES: self._namespace_mirror,
        }
        self.slots = slots or SlotQueues(lambda: dict(self._priority_mirror.of("")), wake)
        self.controller = Controller(
            kube,
            self.jobs,
            self,
            self.slots,
            isolation=WorkerIsolation(kube, None, clock),
            notifier=notifier or Notifier(kube, None, _METRICS, wake, clock),
            metrics=_METRICS,
            clock=clock,
        )
        self._positions = dict.fromkeys(WATCHED, len(kube.changes))
        for resource, mirror in self._mirrors.items():
            items = [mirror.keep(body) for body in kube.all(resource) if _is_selected(resource, body)]
            mirror.replace({"items": items})
        for body in kube.all(Resource.AUGMENTATION_JOBS):
            self.controller.observe(body)
            wake(body["metadata"]["uid"])

    # The caches, as the controller reads them.

    def jobs_of(self, uid: str) -> Iterable[ChildJob]:
        return self._job_mirror.of(uid)

    def pods_of(self, uid: str) -> Iterable[ChildPod]:
        return self._pod_mirror.of(uid)

    def classes(self) -> Iterable[AugmentationClass | UnreadableClass]:
        return self._class_mirror.of("")

    def is_terminating(self, namespace: str) -> bool:
        return any(self._namespace_mirror.of(namespace))

    # What a test does.

    def catch_up(self, *resources: Resource, at_most: int | None = None) -> None:
        """Let the watches of some resources, or of all, show what has happened since, or only the first of it."""
        for resource in resources or WATCHED:
            position = self._positions[resource]
            left = at_most
            while position < len(self._kube.changes) and left != 0:
                event = None
                change = self._kube.changes[position]
                if change.resource is resource:
                    event = change.event(None, partial(_is_selected, resource))
                position += 1
                if event is not None:
                    self._show(resource, event)
                    left = None if left is None else left - 1
            self._positions[resource] = position

    def reconcile(self, uid: str) -> timedelta | None:
        """Reconcile one job now, and requeue it. Raises what the API is made to fail with."""
        self.due.pop(uid, None)
        try:
            delay = run(self.controller.reconcile(uid))
        except (KubeError, KubeUnavailable):
            self._retry(uid)
            raise
        self._requeue(uid, delay)
        return delay

    def reconcile_together(self, *uids: str) -> None:
        """Reconcile some jobs at the same time; a failure requeues its job."""

        async def one(uid: str) -> None:
            self.due.pop(uid, None)
            try:
                self._requeue(uid, await self.controller.reconcile(uid))
            except (KubeError, KubeUnavailable):
                self._retry(uid)

        async def all_of_them() -> None:
            await asyncio.gather(*map(one, uids))

        _LOOP.run_until_complete(all_of_them())

    def _requeue(self, uid: str, delay: timedelta | None) -> None:
        self.failed.discard(uid)
        if delay is not None:
            at = self._clock() + delay
            self.due[uid] = min(at, self.due.get(uid, at))

    def _retry(self, uid: str) -> None:
        self.due[uid] = self._clock() + BACKOFF
        self.failed.add(uid)

    @property
    def next(self) -> str | None:
        """The job that is to be reconciled now, if any is."""
        due = [(at, uid) for uid, at in self.due.items() if at <= self._clock()]
        return min(due)[1] if due else None

    def _show(self, resource: Resource, event: Json) -> None:
        if resource is not Resource.AUGMENTATION_JOBS:
            self._mirrors[resource].apply(event)
            return
        uid = event["object"]["metadata"]["uid"]
        if event["type"] == "DELETED":
            self.controller.forget(uid)
            self.due.pop(uid, None)
            self.failed.discard(uid)
        else:
            self.controller.observe(event["object"])
            self._wake(uid)

    def _wake_unfinished(self) -> None:
        for uid in self.jobs.unfinished():
            self._wake(uid)

    def _wake(self, uid: str) -> None:
        self.due[uid] = self._clock()


def _owner(body: Mapping[str, Any]) -> str:
    return str(body["metadata"]["labels"][LABEL_JOB_UID])


def _name_and_value(body: Mapping[str, Any]) -> tuple[str, int]:
    return body["metadata"]["name"], body["value"]


def _is_selected(resource: Resource, body: Json) -> bool:
    children = (Resource.JOBS, Resource.PODS)
    return resource not in children or LABEL_JOB_UID in body["metadata"].get("labels", {})
