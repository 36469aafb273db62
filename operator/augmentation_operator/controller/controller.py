"""The shell around the decision: reads what is seen, does what was decided. Level-triggered; safe to repeat."""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from augmentation_api import (
    AugmentationClass,
    AugmentationJob,
    AugmentationJobStatus,
    ConditionType,
    PhaseName,
    State,
)
from augmentation_api.identifiers import API_VERSION, FIELD_MANAGER_OPERATOR, JOB_KIND, LABEL_JOB_UID
from augmentation_api.model import to_rfc3339
from augmentation_kube import KubeApi, KubeError, KubeUnavailable, Resource
from augmentation_operator.cache.known_jobs import KnownJobs
from augmentation_operator.cache.noted_warnings import NotedWarnings
from augmentation_operator.children.job import ChildJob, read_job
from augmentation_operator.children.pod import ChildPod, read_pod
from augmentation_operator.controller.expectations import Expectations
from augmentation_operator.controller.status_pace import pace
from augmentation_operator.controller.worker_isolation import WorkerIsolation
from augmentation_operator.manifests.network_policy import WorkersEgress
from augmentation_operator.manifests.ownership import Manifest
from augmentation_operator.process.metrics import Metrics
from augmentation_operator.queueing.built_in import Admissions, Place
from augmentation_operator.queueing.kueue.reading import KueueReader
from augmentation_operator.queueing.kueue.view import KueueView
from augmentation_operator.queueing.kueue.waiting import question, queue_name_of
from augmentation_operator.reconcile.announcement import announcements
from augmentation_operator.reconcile.class_selection import select_class
from augmentation_operator.reconcile.decision import Decision, needs_fresh_read, operator_part
from augmentation_operator.reconcile.observation import Observation, children_of
from augmentation_operator.reconcile.obstacle import stuck_without_reason
from augmentation_operator.reconcile.reconcile import decide, refused
from augmentation_operator.reconcile.unreadable_spec import decide_without_spec, findings_of, without_unreadable_spec

Child = TypeVar("Child", ChildJob, ChildPod)

log = logging.getLogger(__name__)

MOST_NAMED = 10
"""Fields of a status that are named in a line of the log, of those that cannot be read."""


class Children(Protocol):
    """The children of all jobs, as the watches have last shown them."""

    def jobs_of(self, uid: str) -> Iterable[ChildJob]:
        """Child Jobs of the AugmentationJob with this uid."""

    def pods_of(self, uid: str) -> Iterable[ChildPod]:
        """Worker pods of the AugmentationJob with this uid."""

    def classes(self) -> Iterable[AugmentationClass]:
        """All AugmentationClasses."""


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class Controller:
    """Reconciles one AugmentationJob at a time, by its uid."""

    def __init__(
        self,
        api: KubeApi,
        children: Children,
        clock: Callable[[], datetime] = _now,
        wake: Callable[[str], None] = lambda uid: None,
        metrics: Metrics | None = None,
        workers_egress: WorkersEgress | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        self._api = api
        self._children = children
        self._clock = clock
        self._admissions = Admissions(wake)
        self._kueue = KueueReader(api, clock)
        self._warnings = NotedWarnings(api, clock)
        self._expectations = Expectations(clock)
        self._isolation = WorkerIsolation(api, workers_egress, clock)
        self.known = KnownJobs()
        self._written: dict[str, datetime] = {}
        self._complained: dict[str, tuple[str, ...]] = {}
        self._node_labels: dict[str, Mapping[str, str]] = {}

    async def load(self, namespaces: Iterable[str]) -> None:
        """See all resources before the first is reconciled, so that no slot of a queue is given away twice.

        Args:
            namespaces: those that are served; none: all.
        """
        await self._learn_priorities()
        async for body in self.listed(namespaces):
            self.saw(body)

    async def listed(self, namespaces: Iterable[str]) -> AsyncIterator[dict[str, Any]]:
        """All resources as they are now; `namespaces` as for load."""
        served: list[str | None] = [*namespaces]
        for namespace in served or [None]:
            async for page in self._api.pages(Resource.AUGMENTATION_JOBS, namespace):
                for body in page["items"]:
                    yield body

    def saw(self, body: Mapping[str, Any]) -> None:
        """Remember the newest state of a resource; an older one than is known is ignored."""
        if self.known.saw(body):
            self._admissions.saw(body)

    def lost(self, uid: str) -> None:
        """Forget a resource that was deleted."""
        self.known.lost(uid)
        self._written.pop(uid, None)
        self._complained.pop(uid, None)
        self._expectations.lost(uid)
        self._admissions.lost(uid)

    async def refresh_isolation(self) -> None:
        """See that workers that run are isolated as those that start are. Raises KubeError, KubeUnavailable."""
        await self._isolation.refresh({known.namespace for known in self.known.all() if known.is_under_way})

    async def reconcile(self, uid: str) -> timedelta | None:
        """Bring one job a step nearer to what it should be. Answers when to look again, if nothing happens before."""
        body = None if self._rests(uid) else self.known.body(uid)
        if body is None:
            return None
        with self._metrics.reconcile():
            if body["metadata"].get("deletionTimestamp"):
                await self._stop_deleted(body)
                return None
            return await self._reconcile(body)

    def _rests(self, uid: str) -> bool:
        """Whether a job has ended and nothing is to come: most have, so it is told without reading all of it."""
        if self.known.is_under_way(uid):
            return False
        body = self.known.body(uid)
        return body is not None and _has_come_to_rest(body) and all(c.is_over for c in self._children.jobs_of(uid))

    async def _reconcile(self, body: Mapping[str, Any]) -> timedelta | None:
        uid = body["metadata"]["uid"]
        try:
            job = self._read(body)
        except ValidationError as error:
            return await self._without_spec(body, findings_of(error))
        wait = self._expectations.wait(uid, (child.name for child in self._children.jobs_of(uid)))
        if wait is not None:
            return wait
        seen = self._children_seen(job)
        decision = await self._decide(job, seen)
        if needs_fresh_read(job, decision, seen):
            anew = await self._read_anew(job)
            if anew is None:
                return None
            job, seen = anew
            decision = await self._decide(job, seen)
        grants = _admitted(decision.status) and not _admitted(job.status)
        if grants:
            self._admissions.grant(uid)
        try:
            wait = await self._carry_out(job, decision)
        except BaseException as error:
            if grants and (newest := self.known.body(uid)) is not None:
                self._admissions.revoke(newest)
            if isinstance(error, KubeError) and error.status in (404, 409) and await self._read_anew(job) is None:
                self.lost(uid)  # deleted while nobody watched
                return None
            raise
        return min((delay for delay in (decision.requeue_after, wait) if delay is not None), default=None)

    async def _decide(self, job: AugmentationJob, seen: Observation) -> Decision:
        nodes = {pod.node for pod in seen.pods if pod.node and pod.phase == PhaseName.AUGMENT}
        now = self._clock()
        chosen = select_class(job, self._children.classes())
        augmentation_class = chosen if isinstance(chosen, AugmentationClass) else None
        seen = replace(
            seen,
            node_labels={node: await self._labels_of(node) for node in nodes},
            warnings=await self._warnings.of(stuck_without_reason(seen, now)),
            place=await self._place_of(job, augmentation_class),
            kueue=await self._kueue_view(job, augmentation_class, seen),
        )
        return decide(job, chosen, seen, now)

    async def _place_of(self, job: AugmentationJob, augmentation_class: AugmentationClass | None) -> Place | None:
        limit = augmentation_class.spec.limits.max_jobs_per_namespace if augmentation_class else None
        if limit is None or not job.status.shard_count or queue_name_of(job, augmentation_class):
            return None
        priority_class = job.spec.priority_class_name
        if priority_class and priority_class not in self._admissions.priorities:
            await self._learn_priorities()
            self._admissions.priorities.setdefault(priority_class, 0)
        if (newest := self.known.body(job.metadata.uid)) is not None:
            # Its priority may have been learned for another job, after it was seen.
            self._admissions.saw(newest)
        return self._admissions.place_of(job.metadata.uid, limit)

    async def _kueue_view(
        self, job: AugmentationJob, augmentation_class: AugmentationClass | None, seen: Observation
    ) -> KueueView | None:
        if job.status.state is not None and job.status.state.is_final:
            return None
        asked = question(job, seen, queue_name_of(job, augmentation_class))
        if asked is None:
            return None
        return await self._kueue.view(job.metadata.namespace, asked.queue, asked.child)

    async def _learn_priorities(self) -> None:
        answer = await self._api.list(Resource.PRIORITY_CLASSES)
        self._admissions.priorities |= {item["metadata"]["name"]: item["value"] for item in answer["items"]}

    async def _read_anew(self, job: AugmentationJob) -> tuple[AugmentationJob, Observation] | None:
        """The job and its children from the API server itself; None if the job is gone."""
        metadata = job.metadata
        try:
            body = await self._api.get(Resource.AUGMENTATION_JOBS, metadata.name, metadata.namespace)
        except KubeError as error:
            if error.status != 404:
                raise
            return None
        if body["metadata"]["uid"] != metadata.uid:
            return None
        self.saw(body)
        job = self._read(body)
        return job, await self._children_read(job)

    def _children_seen(self, job: AugmentationJob) -> Observation:
        """The children of a job as the watches have last shown them."""
        uid = job.metadata.uid
        return children_of(job, self._children.jobs_of(uid), self._children.pods_of(uid))

    async def _children_read(self, job: AugmentationJob) -> Observation:
        """The children of a job from the API server itself."""
        namespace, selector = job.metadata.namespace, f"{LABEL_JOB_UID}={job.metadata.uid}"
        jobs = await self._api.list(Resource.JOBS, namespace, selector)
        pods = await self._api.list(Resource.PODS, namespace, selector)
        return children_of(job, _readable(read_job, jobs["items"]), _readable(read_pod, pods["items"]))

    async def _labels_of(self, node: str) -> Mapping[str, str]:
        """Labels of a node, read once: instance type and zone do not change while a node lives."""
        if node not in self._node_labels:
            try:
                answer = await self._api.get(Resource.NODES, node)
            except KubeError as error:
                if error.status not in (403, 404):
                    raise
                log.warning("node %s: its labels cannot be read (%s); status.placement will lack them", node, error)
                return {}
            self._node_labels[node] = answer["metadata"].get("labels", {})
        return self._node_labels[node]

    async def _carry_out(self, job: AugmentationJob, decision: Decision) -> timedelta | None:
        """Do what was decided. Gives the time after which news that were held back may be written."""
        namespace = job.metadata.namespace
        try:
            await self._make(decision, namespace)
            jobs = (made["metadata"]["name"] for made in decision.create if made["kind"] == "Job")
            self._expectations.made(job.metadata.uid, jobs)
        except KubeError as error:
            # A webhook that does not answer, such as Kueue's, may stay so for long.
            if not error.is_transient or "failed calling webhook" in error.message:
                await self._write_if_new(job, refused(job, decision, error.message, self._clock()))
            raise
        for patch in decision.patches:
            await self._api.merge_patch(patch.resource, patch.name, patch.body, namespace=namespace)
        if decision.patches:
            self._kueue.forget()
        # Before anything is deleted: a job that has ended must not find its child missing and make it again.
        try:
            wait = await self._write_if_new(job, decision.status)
        except KubeError:
            # A status that cannot be written must not keep alive what has to stop: that is decided the same next time.
            if job.spec.cancel or (decision.status.state is not None and decision.status.state.is_final):
                await self._delete(decision.delete_jobs, namespace)
            raise
        await self._delete(decision.delete_jobs, namespace)
        if decision.delete_resource:
            # Not if it was changed since it was read: it may have been started again.
            await self._api.delete(
                Resource.AUGMENTATION_JOBS,
                job.metadata.name,
                namespace,
                uid=job.metadata.uid,
                resource_version=job.metadata.resource_version,
            )
        return wait

    async def _delete(self, names: Iterable[str], namespace: str) -> None:
        for name in names:
            await self._api.delete(Resource.JOBS, name, namespace)

    async def _make(self, decision: Decision, namespace: str) -> None:
        if decision.apply or decision.create:
            await self._isolation.ensure(namespace)
        for manifest in decision.apply:
            await self._api.apply(
                Resource.of(manifest["kind"]),
                manifest["metadata"]["name"],
                manifest,
                field_manager=FIELD_MANAGER_OPERATOR,
                namespace=namespace,
            )
        for manifest in decision.create:
            await self._create(manifest, namespace)

    async def _write_if_new(self, job: AugmentationJob, status: AugmentationJobStatus) -> timedelta | None:
        """Write what has changed. Gives how long it has to wait, if it does not count enough to be written now."""
        metadata, before, after = job.metadata, operator_part(job.status), operator_part(status)
        if before == after:
            return None
        now = self._clock()
        if (written := self._written.get(metadata.uid)) is not None:
            known = self.known
            wait = written + pace(before, after, under_way=known.under_way, augmenting=known.augmenting) - now
            if wait > timedelta(0):
                return wait
        await self._write_status(metadata.name, metadata.namespace, metadata.uid, after)
        self._written[metadata.uid] = now
        self._metrics.wrote(metadata.namespace, job.status, status)
        if job.status.state != status.state:
            log.info("%s/%s: %s", metadata.namespace, metadata.name, status.message, extra={"job": metadata.uid})
        for announcement in announcements(job.status, status):
            await self._announce(announcement.event(job, to_rfc3339(now)), metadata.namespace)
        return None

    async def _announce(self, event: Manifest, namespace: str) -> None:
        """Make an Event. It is for people and tells what the status says too: a job never fails of it."""
        try:
            await self._create(event, namespace)
        except (KubeError, KubeUnavailable) as error:
            log.warning("%s: the Event %s could not be made: %s", event["metadata"]["name"], event["reason"], error)

    async def _create(self, manifest: Manifest, namespace: str) -> None:
        try:
            await self._api.create(Resource.of(manifest["kind"]), manifest, namespace)
        except KubeError as error:
            if error.status != 409:  # made before, by us: its name is derived from the job's uid
                raise

    async def _write_status(self, name: str, namespace: str, uid: str, status: Mapping[str, Any]) -> None:
        answer = await self._api.apply(
            Resource.AUGMENTATION_JOBS,
            name,
            # The uid makes sure that a new resource of the same name does not inherit this one's status.
            {"apiVersion": API_VERSION, "kind": JOB_KIND, "metadata": {"name": name, "uid": uid}, "status": status},
            field_manager=FIELD_MANAGER_OPERATOR,
            namespace=namespace,
            subresource="status",
        )
        if uid in self.known:
            self.saw(answer)

    def _read(self, body: Mapping[str, Any]) -> AugmentationJob:
        """A job without the fields of its status that cannot be read. Raises ValidationError for spec and metadata."""
        job, unreadable = AugmentationJob.read(body)
        metadata = job.metadata
        if unreadable and self._complained.get(metadata.uid) != unreadable:
            self._complained[metadata.uid] = unreadable
            named = ", ".join(unreadable[:MOST_NAMED])
            log.warning("%s/%s: left out, as it cannot be read: %s", metadata.namespace, metadata.name, named)
        return job

    async def _stop_deleted(self, body: Mapping[str, Any]) -> None:
        """Stop what runs for a resource that is being deleted: a finalizer may keep it, and its pods, for ever."""
        job = without_unreadable_spec(body)
        await self._delete(self._children_seen(job).living_jobs, job.metadata.namespace)

    async def _without_spec(self, body: Mapping[str, Any], findings: str) -> timedelta | None:
        """Do what can be done for a job whose spec cannot be read."""
        job = without_unreadable_spec(body)
        seen = self._children_seen(job)
        decision = decide_without_spec(job, findings, seen, self._clock())
        if decision is None:
            if job.status.state is None or not job.status.state.is_final:
                log.error("%s/%s: left alone, cannot be read: %s", job.metadata.namespace, job.metadata.name, findings)
            return None
        if needs_fresh_read(job, decision, seen):
            seen = await self._children_read(job)
            decision = decide_without_spec(job, findings, seen, self._clock()) or decision
        wait = await self._carry_out(job, decision)
        return min((delay for delay in (decision.requeue_after, wait) if delay is not None), default=None)


def _has_come_to_rest(body: Mapping[str, Any]) -> bool:
    spec, status = body["spec"], body.get("status", {})
    return (
        "state" in status
        and State(status["state"]).is_final
        and spec.get("ttlSecondsAfterFinished") is None
        and spec.get("attempt", 0) <= status.get("attempt", 0)
    )


def _admitted(status: AugmentationJobStatus) -> bool:
    admitted = status.condition(ConditionType.ADMITTED)
    return admitted is not None and admitted.status == "True"


def _readable(read: Callable[[Mapping[str, Any]], Child], items: Iterable[Mapping[str, Any]]) -> Iterator[Child]:
    """What can be read of some objects; one that only pretends to be a child is passed over."""
    for item in items:
        with suppress(KeyError, ValueError):
            yield read(item)
