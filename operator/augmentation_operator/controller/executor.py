"""Carrying out a decision: calls of the Kubernetes API in an order in which the operator may be killed at any point."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from augmentation_api import AugmentationJob, AugmentationJobStatus
from augmentation_api.identifiers import API_VERSION, FIELD_MANAGER_OPERATOR, JOB_KIND
from augmentation_api.model import to_rfc3339
from augmentation_kube import KubeApi, KubeError, KubeUnavailable, Resource
from augmentation_operator.cache.job_store import JobStore
from augmentation_operator.controller.expectations import Expectations
from augmentation_operator.controller.metrics import Metrics
from augmentation_operator.controller.worker_isolation import WorkerIsolation
from augmentation_operator.kubernetes_messages import is_webhook_failure
from augmentation_operator.manifests.manifest import Manifest
from augmentation_operator.queueing.kueue.reader import KueueReader
from augmentation_operator.reconcile.decision import Decision, operator_part
from augmentation_operator.reconcile.kubernetes_events import kubernetes_events
from augmentation_operator.reconcile.lifecycle import refused
from augmentation_operator.scale import status_delay

_log = logging.getLogger(__name__)

TERMINATION_SEEN_AFTER = timedelta(seconds=1)


class Executor:
    """Carries out decisions; `observe` is called with an AugmentationJob as it is after its status was written."""

    def __init__(
        self,
        api: KubeApi,
        jobs: JobStore,
        expectations: Expectations,
        isolation: WorkerIsolation,
        kueue: KueueReader,
        metrics: Metrics,
        observe: Callable[[Mapping[str, Any]], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._api, self._jobs, self._expectations, self._isolation = api, jobs, expectations, isolation
        self._kueue, self._metrics, self._observe, self._clock = kueue, metrics, observe, clock
        self._written_at: dict[str, datetime] = {}

    def forget(self, uid: str) -> None:
        """Remove a deleted AugmentationJob."""
        self._written_at.pop(uid, None)

    async def carry_out(self, job: AugmentationJob, decision: Decision) -> timedelta | None:
        """Create, patch and delete children and write the status. Returns when a deferred status may be written."""
        namespace = job.metadata.namespace
        try:
            await self._create_children(decision, namespace)
            names = (manifest["metadata"]["name"] for manifest in decision.create if manifest["kind"] == "Job")
            self._expectations.expect(job.metadata.uid, names)
        except KubeError as error:
            if error.namespace_terminates:
                # The watch has not shown it yet. Once it has, the job is decided again, and creates nothing.
                return TERMINATION_SEEN_AFTER
            # A webhook that does not answer, such as Kueue's, may stay so for long.
            if not error.is_transient or is_webhook_failure(error.message):
                await self._write_if_changed(job, refused(job, decision, error.message, self._clock()))
            raise
        for patch in decision.patches:
            await self._api.merge_patch(patch.resource, patch.name, patch.body, namespace=namespace)
        if decision.patches:
            self._kueue.forget()
        # Before anything is deleted: a job that has ended must not find its child missing and create it again.
        try:
            wait = await self._write_if_changed(job, decision.status)
        except KubeError:
            # A status that cannot be written must not keep alive what has to stop; the next decision is the same.
            if job.spec.cancel or (decision.status.state is not None and decision.status.state.is_final):
                await self.delete_jobs(decision.delete_jobs, namespace)
            raise
        await self.delete_jobs((*decision.delete_jobs, *decision.replace_jobs), namespace)
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

    async def delete_jobs(self, names: Iterable[str], namespace: str, *, foreground: bool = False) -> None:
        """Delete child Jobs with their pods. With `foreground` a Job stays until its pods are gone."""
        for name in names:
            await self._api.delete(Resource.JOBS, name, namespace, foreground=foreground)

    async def _create_children(self, decision: Decision, namespace: str) -> None:
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

    async def _create(self, manifest: Manifest, namespace: str) -> None:
        try:
            await self._api.create(Resource.of(manifest["kind"]), manifest, namespace)
        except KubeError as error:
            if error.status != 409:  # created earlier, by us: its name is derived from the job's uid
                raise

    async def _write_if_changed(self, job: AugmentationJob, status: AugmentationJobStatus) -> timedelta | None:
        """Write the operator's part of a status if it changed. Returns how long the write is deferred, if it is."""
        metadata, before, after = job.metadata, operator_part(job.status), operator_part(status)
        if before == after:
            return None
        now = self._clock()
        if (written := self._written_at.get(metadata.uid)) is not None:
            jobs = self._jobs
            delay = status_delay(before, after, under_way=jobs.under_way, augmenting=jobs.augmenting)
            wait = written + delay - now
            if wait > timedelta(0):
                return wait
        await self._write_status(metadata.name, metadata.namespace, metadata.uid, after)
        self._written_at[metadata.uid] = now
        self._metrics.count_status(metadata.namespace, job.status, status)
        if job.status.state != status.state:
            _log.info("%s/%s: %s", metadata.namespace, metadata.name, status.message, extra={"job": metadata.uid})
        for event in kubernetes_events(job.status, status):
            await self._create_event(event.manifest(job, to_rfc3339(now)), metadata.namespace)
        return None

    async def _write_status(self, name: str, namespace: str, uid: str, status: Mapping[str, Any]) -> None:
        answer = await self._apply_status(name, namespace, status)
        if answer["metadata"]["uid"] != uid:
            # The API server ignores a uid here. A new job of the same name must not inherit this one's status.
            await self._apply_status(name, namespace, {})
            raise KubeError(409, "Conflict", f"{namespace}/{name} was replaced by another job of the same name")
        if uid in self._jobs:
            self._observe(answer)

    async def _apply_status(self, name: str, namespace: str, status: Mapping[str, Any]) -> dict[str, Any]:
        return await self._api.apply(
            Resource.AUGMENTATION_JOBS,
            name,
            {"apiVersion": API_VERSION, "kind": JOB_KIND, "metadata": {"name": name}, "status": status},
            field_manager=FIELD_MANAGER_OPERATOR,
            namespace=namespace,
            subresource="status",
        )

    async def _create_event(self, event: Manifest, namespace: str) -> None:
        """Create an Event. It repeats for people what the status says: failure to create it never fails the job."""
        try:
            await self._create(event, namespace)
        except (KubeError, KubeUnavailable) as error:
            if isinstance(error, KubeError) and error.namespace_terminates:
                return
            _log.warning("%s: the Event %s could not be created: %s", event["metadata"]["name"], event["reason"], error)
