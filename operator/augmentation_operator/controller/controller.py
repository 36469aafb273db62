"""The reconcile of one AugmentationJob: observe, decide, carry out. Level-triggered, and safe to repeat."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from augmentation_api import AugmentationJob, ConditionType, State
from augmentation_api.model import findings_of
from augmentation_api.vocabulary import NotificationState
from augmentation_kube import KubeApi, KubeError, Resource
from augmentation_operator.cache.job_store import JobStore
from augmentation_operator.controller.executor import Executor
from augmentation_operator.controller.expectations import Expectations
from augmentation_operator.controller.metrics import Metrics
from augmentation_operator.controller.notification.notifier import Notifier
from augmentation_operator.controller.observer import Cluster, Observer
from augmentation_operator.controller.worker_isolation import WorkerIsolation
from augmentation_operator.queueing.built_in import SlotQueues
from augmentation_operator.queueing.kueue.admission import queue_name_of
from augmentation_operator.queueing.kueue.reader import KueueReader
from augmentation_operator.reconcile.class_selection import class_now, select_class
from augmentation_operator.reconcile.decision import Decision, needs_fresh_read
from augmentation_operator.reconcile.failure_reason import Rejection
from augmentation_operator.reconcile.lifecycle import decide
from augmentation_operator.reconcile.observation import Observation
from augmentation_operator.reconcile.unreadable_spec import decide_without_spec, without_unreadable_spec

FOREGROUND_DELETION = "foregroundDeletion"
"""Finalizer of an object that is deleted once what it owns is gone."""
MAX_FIELDS_LOGGED = 10
"""Fields of a status named in one log line, of those that cannot be read."""

_log = logging.getLogger(__name__)


def now() -> datetime:
    """The time in whole seconds, as the Kubernetes API keeps it."""
    return datetime.now(UTC).replace(microsecond=0)


class Controller:
    """Reconciles one AugmentationJob at a time, by its uid.

    Args:
        api: the API server.
        jobs: the AugmentationJobs as they were last observed; kept current by `observe` and `forget`.
        cluster: the caches of children and classes.
        slots: the built-in queues; kept current as `jobs` is.
        isolation: keeps the workers' NetworkPolicies.
        notifier: announces the ends of jobs.
        metrics: counts and times reconciles.
        clock: gives the time, in whole seconds.
    """

    def __init__(
        self,
        api: KubeApi,
        jobs: JobStore,
        cluster: Cluster,
        slots: SlotQueues,
        *,
        isolation: WorkerIsolation,
        notifier: Notifier,
        metrics: Metrics,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._api, self._jobs, self._cluster, self._slots = api, jobs, cluster, slots
        self._metrics, self._notifier, self._clock = metrics, notifier, clock
        kueue = KueueReader(api, clock)
        self._expectations = Expectations(clock)
        self._observer = Observer(api, cluster, kueue, clock)
        self._executor = Executor(api, jobs, self._expectations, isolation, kueue, metrics, self.observe, clock)
        self._unreadable: dict[str, tuple[str, ...]] = {}

    def observe(self, body: Mapping[str, Any]) -> None:
        """Take note of the current state of an AugmentationJob; an older one than is known is ignored."""
        if self._jobs.observe(body):
            self._slots.observe(body)

    def forget(self, uid: str) -> None:
        """Remove a deleted AugmentationJob."""
        self._unreadable.pop(uid, None)
        for keeper in (self._jobs, self._executor, self._expectations, self._slots, self._notifier):
            keeper.forget(uid)

    async def reconcile(self, uid: str) -> timedelta | None:
        """Bring one job a step nearer to its desired state. Returns when to requeue it if nothing changes before."""
        body = None if self._is_at_rest(uid) else self._jobs.body(uid)
        if body is None:
            return None
        with self._metrics.time_reconcile():
            if body["metadata"].get("deletionTimestamp"):
                await self._stop_deleted(body)
                return None
            try:
                job = self._read(body)
            except ValidationError as error:
                return await self._reconcile_unreadable(body, "; ".join(findings_of(error)))
            return await self._reconcile(job)

    def _is_at_rest(self, uid: str) -> bool:
        """Whether a job has ended and nothing is to follow. Most have: this is answered without reading all of it."""
        if self._jobs.is_under_way(uid):
            return False
        body = self._jobs.body(uid)
        return (
            body is not None and _is_finished(body) and all(child.is_finished for child in self._cluster.jobs_of(uid))
        )

    async def _reconcile(self, job: AugmentationJob) -> timedelta | None:
        uid = job.metadata.uid
        wait = self._expectations.wait(uid, (child.name for child in self._cluster.jobs_of(uid)))
        if wait is not None:
            return wait
        seen = self._observer.cached(job)
        decision = await self._decide(job, seen)
        if needs_fresh_read(job, decision, seen):
            fresh = await self._read_fresh(job)
            if fresh is None:
                return None
            job = fresh
            decision = await self._decide(job, await self._observer.fresh(job))
        is_granted = decision.status.is_true(ConditionType.ADMITTED) and not job.status.is_true(ConditionType.ADMITTED)
        if is_granted:
            self._slots.grant(uid)
        try:
            wait = await self._executor.carry_out(job, decision)
        except BaseException as error:
            if is_granted and (newest := self._jobs.body(uid)) is not None:
                self._slots.revoke(newest)
            if isinstance(error, KubeError) and error.status in (404, 409) and await self._read_fresh(job) is None:
                self.forget(uid)  # deleted, and the watch has not delivered it
                return None
            raise
        return _sooner(decision.requeue_after, wait, self._announce(job, decision))

    def _announce(self, job: AugmentationJob, decision: Decision) -> timedelta | None:
        """Have the end of a job announced. Returns when to ask for that again."""
        if decision.announce is None:
            if decision.status.notification is not None:
                self._notifier.forget(job.metadata.uid)
            return None
        classes = tuple(self._cluster.classes())
        current = class_now(job, select_class(job, classes), classes)
        notify = current.spec.notify if current else None
        return None if notify is None else self._notifier.submit(job, notify, decision.announce)

    async def _decide(self, job: AugmentationJob, seen: Observation) -> Decision:
        classes = tuple(self._cluster.classes())
        job_class = select_class(job, classes)
        selected = None if isinstance(job_class, Rejection) else job_class
        queue_name = queue_name_of(job, selected)
        # Queue and receiver are those of all jobs of the class: a job that has begun follows them too.
        current = class_now(job, job_class, classes)
        limit = current.spec.limits.max_jobs_per_namespace if selected and current and not queue_name else None
        seen = await self._observer.complete(job, seen, queue_name)
        # Last, since nothing may be awaited until the slot is granted: the same slot would be given to another job.
        place = None if limit is None else self._slots.place_of(job.metadata.uid, limit)
        notify = current.spec.notify if current else None
        outcome = self._notifier.outcome_of(job.metadata.uid)
        return decide(job, job_class, replace(seen, place=place), self._clock(), notify, outcome)

    async def _read_fresh(self, job: AugmentationJob) -> AugmentationJob | None:
        """The job from the API server itself; None if it does not exist any more."""
        metadata = job.metadata
        try:
            body = await self._api.get(Resource.AUGMENTATION_JOBS, metadata.name, metadata.namespace)
        except KubeError as error:
            if error.status != 404:
                raise
            return None
        if body["metadata"]["uid"] != metadata.uid:
            return None
        self.observe(body)
        return self._read(body)

    def _read(self, body: Mapping[str, Any]) -> AugmentationJob:
        """A job without the fields of its status that cannot be read. Raises ValidationError for spec and metadata."""
        job, unreadable = AugmentationJob.read(body)
        metadata = job.metadata
        if unreadable and self._unreadable.get(metadata.uid) != unreadable:
            self._unreadable[metadata.uid] = unreadable
            fields = ", ".join(unreadable[:MAX_FIELDS_LOGGED])
            _log.warning("%s/%s: ignored fields that cannot be read: %s", metadata.namespace, metadata.name, fields)
        return job

    async def _stop_deleted(self, body: Mapping[str, Any]) -> None:
        """Delete the running children of a deleted job: a finalizer may keep it, and its pods, forever.

        Where the job waits for them (`kubectl delete --cascade=foreground`, Argo CD), they wait for their pods.
        """
        job = without_unreadable_spec(body)
        waits = FOREGROUND_DELETION in body["metadata"].get("finalizers", ())
        seen, namespace = self._observer.cached(job), job.metadata.namespace
        await self._executor.delete_jobs(seen.living_jobs, namespace, foreground=waits)

    async def _reconcile_unreadable(self, body: Mapping[str, Any], findings: str) -> timedelta | None:
        """Do what can be done for a job whose spec cannot be read."""
        job = without_unreadable_spec(body)
        seen = self._observer.cached(job)
        decision = decide_without_spec(job, findings, seen, self._clock())
        if decision is None:
            if job.status.state is None or not job.status.state.is_final:
                metadata = job.metadata
                _log.error("%s/%s: left as it is, cannot be read: %s", metadata.namespace, metadata.name, findings)
            return None
        if needs_fresh_read(job, decision, seen):
            seen = await self._observer.fresh(job)
            decision = decide_without_spec(job, findings, seen, self._clock()) or decision
        return _sooner(decision.requeue_after, await self._executor.carry_out(job, decision))


def _sooner(*delays: timedelta | None) -> timedelta | None:
    return min((delay for delay in delays if delay is not None), default=None)


def _is_finished(body: Mapping[str, Any]) -> bool:
    """Whether a job is terminal, nothing was asked of it since, and nothing is to be announced or to end it."""
    spec, status = body["spec"], body.get("status", {})
    return (
        "state" in status
        and State(status["state"]).is_final
        and spec.get("ttlSecondsAfterFinished") is None
        and status.get("observedGeneration") == body["metadata"].get("generation", 0)
        # Of a release that did not write it.
        and "displayState" in status
        and spec.get("attempt", 0) <= status.get("attempt", 0)
        and status.get("notification", {}).get("state") != NotificationState.PENDING
    )
