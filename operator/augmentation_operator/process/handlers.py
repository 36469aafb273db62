"""The process, kopf's part among it: whatever changes ends in one queue of job uids, whose workers reconcile."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any

import kopf

from augmentation_api.identifiers import GROUP, JOB_PLURAL, VERSION
from augmentation_kube import KubeError, KubeUnavailable, connect
from augmentation_operator.cache.cluster_mirror import ClusterMirror
from augmentation_operator.cache.watch_check import GRACE, INTERVAL, WatchCheck
from augmentation_operator.controller.controller import Controller
from augmentation_operator.controller.work_queue import WorkQueue
from augmentation_operator.controller.worker_isolation import ADDRESSES_KEPT
from augmentation_operator.manifests.network_policy import WorkersEgress
from augmentation_operator.process.leadership import Leadership
from augmentation_operator.process.login import login
from augmentation_operator.process.metrics import Metrics, serve

log = logging.getLogger(__name__)

RECONCILERS = 16
"""Jobs in hand at once. What a reconcile takes is waiting for the API server, so many cost no more than few."""
LOAD_AGAIN_SECONDS = 2


class NothingKept(kopf.DiffBaseStorage):
    """Spares kopf the copy of each object that it makes to find out what changed: nobody here asks that."""

    def build(self, **_: Any) -> Any:
        """Nothing is worth comparing."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Nothing was kept."""

    def store(self, **_: Any) -> None:
        """Keep nothing."""


class Operator:
    """What lives as long as the process: the connection, the queue and its workers.

    Args:
        namespaces: those to serve; none: all.
        lease_namespace: of the Lease whose holder acts; None: there is no other operator.
        identity: of this process among the candidates.
        metrics_address: host and port to answer /metrics at; None: nowhere.
        workers_egress: what workers may connect to; None: no NetworkPolicies are kept.
        on_end: called when nothing is done any more: this process has to end too, so that it is started again.
    """

    def __init__(
        self,
        namespaces: Iterable[str] = (),
        *,
        lease_namespace: str | None = None,
        identity: str = "",
        metrics_address: tuple[str, int] | None = None,
        workers_egress: WorkersEgress | None = None,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.queue = WorkQueue(self._can_wait)
        self._namespaces = tuple(namespaces)
        self._lease_namespace, self._identity, self._on_end = lease_namespace, identity, on_end
        self._leadership: Leadership | None = None
        self._metrics, self._metrics_address = Metrics(), metrics_address
        self._mirror = ClusterMirror(self._namespaces, self.queue.add, self._class_changed)
        self._workers_egress = workers_egress
        self._stack = AsyncExitStack()
        self._acting: asyncio.Task[None] | None = None
        self._watching: tuple[asyncio.Task[None], ...] = ()
        self.watch_check = WatchCheck()
        self.is_stalled = False
        self._controller: Controller | None = None

    @property
    def controller(self) -> Controller:
        """The controller; there is one from start-up on."""
        assert self._controller is not None  # noqa: S101
        return self._controller

    async def start(self) -> None:
        """Connect and begin to work."""
        api = await self._stack.enter_async_context(connect(on_call=self._metrics.called))
        self._controller = Controller(
            api, self._mirror, wake=self.queue.add, metrics=self._metrics, workers_egress=self._workers_egress
        )
        self._metrics.show(self._controller.known.all, lambda: self.queue.depth)
        if self._metrics_address is not None:
            runner = await serve(self._metrics, *self._metrics_address)
            self._stack.push_async_callback(runner.cleanup)
        if self._lease_namespace:
            self._leadership = Leadership(api, self._lease_namespace, self._identity)
        self._watching = (
            asyncio.create_task(self._mirror.follow(api)),
            asyncio.create_task(self._check_watch(self._controller)),
        )
        self._acting = asyncio.create_task(self._act(self._controller))
        for task in (self._acting, *self._watching):
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Stop where we are: whatever is half done is done again by the next process."""
        for task in (self._acting, *self._watching):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self._leadership is not None:
            await self._leadership.release()
        await self._stack.aclose()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.critical("the operator stops: %r", task.exception())
            self._on_end()

    def _class_changed(self) -> None:
        if self._controller is not None:
            for uid in self._controller.known.unfinished():
                self.queue.add(uid)

    def _can_wait(self, uid: str) -> bool:
        """Thousands of jobs that are new, or have ended, must not keep those that run from being looked after."""
        return self._controller is not None and not self._controller.known.is_under_way(uid)

    async def _act(self, controller: Controller) -> None:
        """Reconcile while this process leads. The watches go on all the time and fill the queue."""
        if self._leadership is None:
            self._metrics.leads(True)
            await self._reconcile(controller)
            return
        while True:
            await self._leadership.acquire()
            self._metrics.leads(True)
            leading = asyncio.create_task(self._leadership.keep())
            working = asyncio.create_task(self._reconcile(controller))
            try:
                await asyncio.wait({leading, working}, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    working.result()
            finally:
                self._metrics.leads(False)
                for task in (leading, working):
                    task.cancel()
                await asyncio.gather(leading, working, return_exceptions=True)

    async def _reconcile(self, controller: Controller) -> None:
        """See all there is, then decide on each, and again on whatever changes."""
        await self._mirror.filled()
        await self._load(controller)
        for uid in controller.known:
            self.queue.add(uid)
        async with asyncio.TaskGroup() as workers:
            workers.create_task(self._keep_isolated(controller))
            for _ in range(RECONCILERS):
                workers.create_task(self.queue.work(controller.reconcile, self._report))

    async def _keep_isolated(self, controller: Controller) -> None:
        """See now and then that the workers that run are isolated, though the API server moves and people delete."""
        while True:
            try:
                await controller.refresh_isolation()
            except (KubeError, KubeUnavailable) as error:
                log.warning("the workers' NetworkPolicies cannot be seen to, tried again: %s", error)
            await asyncio.sleep(ADDRESSES_KEPT.total_seconds())

    async def _check_watch(self, controller: Controller) -> None:
        """Take in what the watch of the jobs has missed, and remember whether it is stalled."""
        while True:
            await asyncio.sleep(INTERVAL.total_seconds())
            try:
                listed = [self.watch_check.gist(body) async for body in controller.listed(self._namespaces)]
                missed = self.watch_check.compare(listed)
            except (KubeError, KubeUnavailable) as error:
                log.warning("the watch cannot be checked: %s", error)
                continue
            for body in missed:
                controller.saw(body)
                self.queue.add(body["metadata"]["uid"])
            await asyncio.sleep(GRACE.total_seconds())
            for uid in self.watch_check.vanished:
                controller.lost(uid)
            self.is_stalled = self.watch_check.is_stalled
            if self.is_stalled:
                log.error("the watch of the jobs shows nothing any more; the liveness probe fails from now on")

    async def _load(self, controller: Controller) -> None:
        """See what there is before anything is decided; an API server that is away is waited for."""
        while True:
            try:
                return await controller.load(self._namespaces)
            except (KubeError, KubeUnavailable) as error:
                log.warning("the jobs cannot be listed, tried again in %d s: %s", LOAD_AGAIN_SECONDS, error)
            await asyncio.sleep(LOAD_AGAIN_SECONDS)

    def _report(self, uid: str) -> None:
        error = sys.exception()
        if isinstance(error, KubeError | KubeUnavailable):
            # Foreseen, and its own sentence says it all.
            log.warning("the reconcile is tried again with backoff: %s", error, extra={"job": uid})
        else:
            log.exception("the reconcile failed; it is tried again with backoff", extra={"job": uid})


def register(operator: Operator) -> None:
    """Register the watches with kopf's default registry."""

    kopf.on.login()(login)

    @kopf.on.startup()
    async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False
        settings.persistence.diffbase_storage = NothingKept()
        settings.networking.connect_timeout = 10
        settings.networking.request_timeout = 60
        settings.watching.server_timeout = 600
        settings.watching.inactivity_timeout = 70
        # Of many jobs no more than these are in memory as a list, and the last change of each no longer than that.
        settings.watching.chunk_size = 500
        settings.queueing.idle_timeout = 0.2
        await operator.start()

    @kopf.on.cleanup()
    async def stop(**_: Any) -> None:
        await operator.stop()

    # A coroutine, though it waits for nothing: kopf hands other functions to a thread, one event after another.
    @kopf.on.event(GROUP, VERSION, JOB_PLURAL)
    async def resource_changed(event: kopf.RawEvent, uid: str, **_: Any) -> None:
        if event["type"] == "DELETED":
            operator.watch_check.gone(uid)
            operator.controller.lost(uid)
            operator.queue.forget(uid)
        else:
            operator.watch_check.shown(event["object"])
            operator.controller.saw(event["object"])
            operator.queue.add(uid)

    @kopf.on.probe(id="watch")
    async def watch(**_: Any) -> str:
        if operator.is_stalled:
            raise kopf.PermanentError("the watch of the jobs is stalled")
        return "alive"
