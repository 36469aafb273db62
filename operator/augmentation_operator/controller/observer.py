"""What a decision needs to know of a job's children: from the watches' caches, or from the API server itself."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from augmentation_api import AugmentationClass, AugmentationJob, PhaseName
from augmentation_api.identifiers import LABEL_JOB_UID
from augmentation_api.readable_class import UnreadableClass
from augmentation_kube import KubeApi, KubeError, Resource
from augmentation_operator.cache.event_warnings import EventWarnings
from augmentation_operator.children.job import ChildJob, read_job
from augmentation_operator.children.pod import ChildPod, read_pod
from augmentation_operator.queueing.kueue.admission import question
from augmentation_operator.queueing.kueue.reader import KueueReader
from augmentation_operator.queueing.kueue.view import KueueView
from augmentation_operator.reconcile.observation import Observation, children_of
from augmentation_operator.reconcile.obstacle import stuck_without_reason

Child = TypeVar("Child", ChildJob, ChildPod)

_log = logging.getLogger(__name__)


class Cluster(Protocol):
    """The caches of the children of all jobs and of the classes, as ClusterMirror has them."""

    def jobs_of(self, uid: str) -> Iterable[ChildJob]:
        """Child Jobs of the AugmentationJob with this uid."""

    def pods_of(self, uid: str) -> Iterable[ChildPod]:
        """Worker pods of the AugmentationJob with this uid."""

    def classes(self) -> Iterable[AugmentationClass | UnreadableClass]:
        """All AugmentationClasses."""

    def is_terminating(self, namespace: str) -> bool:
        """Whether a namespace is being deleted."""


class Observer:
    """Observes the children of one job at a time."""

    def __init__(self, api: KubeApi, cluster: Cluster, kueue: KueueReader, clock: Callable[[], datetime]) -> None:
        self._api, self._cluster, self._kueue, self._clock = api, cluster, kueue, clock
        self._warnings = EventWarnings(api, clock)
        self._node_labels: dict[str, Mapping[str, str]] = {}

    def cached(self, job: AugmentationJob) -> Observation:
        """The children of a job as the watches have delivered them."""
        uid = job.metadata.uid
        seen = children_of(job, self._cluster.jobs_of(uid), self._cluster.pods_of(uid))
        return replace(seen, namespace_terminates=self._cluster.is_terminating(job.metadata.namespace))

    async def fresh(self, job: AugmentationJob) -> Observation:
        """The children of a job from the API server itself."""
        namespace, selector = job.metadata.namespace, f"{LABEL_JOB_UID}={job.metadata.uid}"
        jobs = await self._api.list(Resource.JOBS, namespace, selector)
        pods = await self._api.list(Resource.PODS, namespace, selector)
        seen = children_of(job, _readable(read_job, jobs["items"]), _readable(read_pod, pods["items"]))
        return replace(seen, namespace_terminates=self._cluster.is_terminating(namespace))

    async def complete(self, job: AugmentationJob, seen: Observation, queue_name: str | None) -> Observation:
        """The observation with all that no watch delivers: labels of nodes, warning Events and Kueue's objects."""
        nodes = {pod.node for pod in seen.pods if pod.node and pod.phase == PhaseName.AUGMENT}
        return replace(
            seen,
            node_labels={node: await self._labels_of(node) for node in nodes},
            warnings=await self._warnings.of(stuck_without_reason(seen, self._clock())),
            kueue=await self._kueue_view(job, seen, queue_name),
        )

    async def _kueue_view(self, job: AugmentationJob, seen: Observation, queue_name: str | None) -> KueueView | None:
        if job.status.state is not None and job.status.state.is_final:
            return None
        asked = question(job, seen.jobs, queue_name)
        return await self._kueue.view(job.metadata.namespace, *asked) if asked else None

    async def _labels_of(self, node: str) -> Mapping[str, str]:
        """Labels of a node, read once: instance type and zone do not change while a node exists."""
        if node not in self._node_labels:
            try:
                answer = await self._api.get(Resource.NODES, node)
            except KubeError as error:
                if error.status not in (403, 404):
                    raise
                _log.warning("node %s: its labels cannot be read (%s); status.placement will lack them", node, error)
                return {}
            self._node_labels[node] = answer["metadata"].get("labels", {})
        return self._node_labels[node]


def _readable(read: Callable[[Mapping[str, Any]], Child], items: Iterable[Mapping[str, Any]]) -> Iterator[Child]:
    """The objects that can be read; one that only carries a child's label is skipped."""
    for item in items:
        with suppress(KeyError, ValueError):
            yield read(item)
