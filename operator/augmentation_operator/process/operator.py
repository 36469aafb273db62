"""The running operator: watches fill a queue of job uids, and the holder of the leader lease reconciles them."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from augmentation_kube import KubeApi, KubeError, KubeUnavailable, Resource
from augmentation_operator.cache.cluster_mirror import ClusterMirror
from augmentation_operator.cache.job_store import JobStore
from augmentation_operator.cache.watch_check import GRACE, INTERVAL, WatchCheck
from augmentation_operator.controller.chart_classes import ensure_chart_classes
from augmentation_operator.controller.controller import Controller, now
from augmentation_operator.controller.metrics import Metrics
from augmentation_operator.controller.notification.notifier import Notifier
from augmentation_operator.controller.work_queue import WorkQueue
from augmentation_operator.controller.worker_isolation import ADDRESSES_KEPT, WorkerIsolation
from augmentation_operator.manifests.network_policy import WorkersEgress
from augmentation_operator.process.leadership import Leadership
from augmentation_operator.queueing.built_in import SlotQueues

RECONCILERS = 16
"""Concurrent reconciles. Most of a reconcile is waiting for the API server, so more of them cost little."""
LIST_RETRY_SECONDS = 2

_log = logging.getLogger(__name__)


class Operator:
    """Everything that lives as long as the connection to the API server.

    Args:
        api: the API server.
        namespaces: namespaces to serve; none: all.
        metrics: counts what it does.
        leadership: elects the process that reconciles; None: there is no other.
        secrets_namespace: the operator's own, with the keys by which notifications are signed; None: there are none.
        workers_egress: what workers may connect to; None: no NetworkPolicies are kept.
        chart_classes: AugmentationClasses to create or update before the first reconcile, name → spec.
        name: namespace and name of this operator, by which it knows its classes.
        on_failure: called when a task has ended that must not: the process has to exit, so that it is restarted.
    """

    def __init__(
        self,
        api: KubeApi,
        namespaces: Iterable[str] = (),
        *,
        metrics: Metrics,
        leadership: Leadership | None = None,
        secrets_namespace: str | None = None,
        workers_egress: WorkersEgress | None = None,
        chart_classes: Mapping[str, dict[str, Any]] | None = None,
        name: str = "",
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._api, self._namespaces = api, tuple(namespaces)
        self._metrics, self._leadership, self._on_failure = metrics, leadership, on_failure
        self._chart_classes, self._name = chart_classes or {}, name
        self._jobs = JobStore()
        # Thousands of jobs that are new, or have ended, must not delay those that run.
        self._queue = WorkQueue(can_wait=lambda uid: not self._jobs.is_under_way(uid))
        self._mirror = ClusterMirror(
            self._namespaces, self._queue.add, self._requeue_unfinished, self._requeue_namespace
        )
        self._isolation = WorkerIsolation(api, workers_egress, now)
        self._notifier = Notifier(api, secrets_namespace, metrics, self._queue.add, now)
        self._controller = Controller(
            api,
            self._jobs,
            self._mirror,
            SlotQueues(self._mirror.priorities, self._queue.add),
            isolation=self._isolation,
            notifier=self._notifier,
            metrics=metrics,
        )
        self._watch_check = WatchCheck()
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self.is_stalled = False
        """Whether the watch of AugmentationJobs delivers nothing any more."""
        metrics.expose(self._jobs.all, lambda: self._queue.depth)

    def start(self) -> None:
        """Begin to watch, and to reconcile once this process leads."""
        self._tasks = tuple(
            map(asyncio.create_task, (self._run(), self._mirror.follow(self._api), self._check_watch()))
        )
        for task in self._tasks:
            task.add_done_callback(self._report_end)

    async def stop(self) -> None:
        """Stop at any point: the next process completes what is half done."""
        for task in self._tasks:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._notifier.close()
        if self._leadership is not None:
            await self._leadership.release()

    def on_update(self, body: Mapping[str, Any]) -> None:
        """Handle an AugmentationJob that was created or changed."""
        self._watch_check.observe(body)
        self._controller.observe(body)
        self._queue.add(body["metadata"]["uid"])

    def on_delete(self, uid: str) -> None:
        """Handle an AugmentationJob that was deleted."""
        self._watch_check.forget(uid)
        self._controller.forget(uid)
        self._queue.forget(uid)

    def _report_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            _log.critical("a task of the operator ended, the process exits: %r", task.exception())
            self._on_failure()

    def _requeue_unfinished(self) -> None:
        for uid in self._jobs.unfinished():
            self._queue.add(uid)

    def _requeue_namespace(self, namespace: str) -> None:
        if self._mirror.is_terminating(namespace):
            for uid in self._jobs.unfinished(namespace):
                self._queue.add(uid)

    async def _run(self) -> None:
        """Reconcile while this process leads. The watches run all the time and fill the queue."""
        if self._leadership is None:
            self._metrics.set_leader(True)
            await self._reconcile_all()
            return
        while True:
            await self._leadership.acquire()
            self._metrics.set_leader(True)
            try:
                async with asyncio.TaskGroup() as group:
                    reconciling = group.create_task(self._reconcile_all())
                    await self._leadership.hold()
                    reconciling.cancel()
            finally:
                self._metrics.set_leader(False)

    async def _reconcile_all(self) -> None:
        """List everything first, so that no slot is given away twice; then reconcile all jobs and each that changes."""
        await ensure_chart_classes(self._api, self._chart_classes, self._name)
        await self._mirror.synced()
        await self._load()
        for uid in self._jobs:
            self._queue.add(uid)
        async with asyncio.TaskGroup() as workers:
            workers.create_task(self._keep_isolated())
            for _ in range(RECONCILERS):
                workers.create_task(self._queue.work(self._controller.reconcile, self._report_error))

    async def _load(self) -> None:
        """List all jobs, for as long as it takes until the API server is available."""
        while True:
            try:
                async for body in self._list_jobs():
                    self._controller.observe(body)
                return
            except (KubeError, KubeUnavailable) as error:
                _log.warning("the jobs cannot be listed, retrying in %d s: %s", LIST_RETRY_SECONDS, error)
            await asyncio.sleep(LIST_RETRY_SECONDS)

    async def _list_jobs(self) -> AsyncIterator[dict[str, Any]]:
        for namespace in self._namespaces or (None,):
            async for page in self._api.pages(Resource.AUGMENTATION_JOBS, namespace):
                for body in page["items"]:
                    yield body

    async def _keep_isolated(self) -> None:
        """Restore the NetworkPolicies of running workers, when the API server has moved or somebody has deleted one."""
        while True:
            try:
                await self._isolation.refresh({job.namespace for job in self._jobs.all() if job.is_under_way})
            except (KubeError, KubeUnavailable) as error:
                _log.warning("the workers' NetworkPolicies cannot be checked, retrying: %s", error)
            await asyncio.sleep(ADDRESSES_KEPT.total_seconds())

    async def _check_watch(self) -> None:
        """Observe what the watch of AugmentationJobs has missed, and note whether it is stalled."""
        while True:
            await asyncio.sleep(INTERVAL.total_seconds())
            try:
                missed = self._watch_check.compare([self._watch_check.trim(body) async for body in self._list_jobs()])
            except (KubeError, KubeUnavailable) as error:
                _log.warning("the watch cannot be checked: %s", error)
                continue
            for body in missed:
                self._controller.observe(body)
                self._queue.add(body["metadata"]["uid"])
            await asyncio.sleep(GRACE.total_seconds())
            for uid in self._watch_check.missed_deletions:
                self._controller.forget(uid)
            self.is_stalled = self._watch_check.is_stalled
            if self.is_stalled:
                _log.error("the watch of AugmentationJobs is stalled; the liveness probe fails from now on")

    def _report_error(self, uid: str) -> None:
        error = sys.exception()
        if isinstance(error, KubeError | KubeUnavailable):
            # Expected, and its message says it all: no traceback.
            _log.warning("reconcile failed, requeued with backoff: %s", error, extra={"job": uid})
        else:
            _log.exception("reconcile failed, requeued with backoff", extra={"job": uid})
