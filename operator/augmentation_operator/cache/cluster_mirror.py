"""Child Jobs, worker pods, AugmentationClasses and PriorityClasses, each kept current by a list and a watch.

kopf watches none of these: a job causes some thirty changes of its children, and kopf's way from a change to a handler
costs more than a reconcile (docs/decisions/0020-kopf-watches-the-jobs-alone.md).
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from augmentation_api import AugmentationClass
from augmentation_api.identifiers import LABEL_JOB_UID
from augmentation_kube import KubeApi, Reflector, Resource
from augmentation_operator.cache.mirror import Mirror
from augmentation_operator.children.job import ChildJob, read_job
from augmentation_operator.children.pod import ChildPod, read_pod

_ALL = ""
"""The one group of the resources of the cluster."""


class ClusterMirror:
    """Copies that `follow` keeps current.

    Args:
        namespaces: namespaces whose children are served, each with a watch of its own; none: all, with one watch.
        on_child_change: called with the uid of a job when one of its children has changed.
        on_class_change: called when an AugmentationClass has changed.
    """

    def __init__(
        self,
        namespaces: Iterable[str],
        on_child_change: Callable[[str], None],
        on_class_change: Callable[[], None],
    ) -> None:
        served: list[str | None] = [*namespaces]
        self._jobs = {namespace: Mirror(_owner, read_job, on_child_change) for namespace in served or [None]}
        self._pods = {namespace: Mirror(_owner, read_pod, on_child_change) for namespace in served or [None]}
        self._classes = Mirror(lambda _: _ALL, AugmentationClass.from_wire, lambda _: on_class_change())
        self._priorities = Mirror(lambda _: _ALL, _name_and_value, lambda _: None)

    def jobs_of(self, uid: str) -> Iterable[ChildJob]:
        """Child Jobs of the AugmentationJob with this uid."""
        return chain.from_iterable(mirror.of(uid) for mirror in self._jobs.values())

    def pods_of(self, uid: str) -> Iterable[ChildPod]:
        """Worker pods of the AugmentationJob with this uid."""
        return chain.from_iterable(mirror.of(uid) for mirror in self._pods.values())

    def classes(self) -> Iterable[AugmentationClass]:
        """All AugmentationClasses that can be read."""
        return self._classes.of(_ALL)

    def priorities(self) -> Mapping[str, int]:
        """Values of all PriorityClasses by name."""
        return dict(self._priorities.of(_ALL))

    async def synced(self) -> None:
        """Wait until every collection has been listed once."""
        mirrors: list[Mirror[Any]] = [*self._jobs.values(), *self._pods.values(), self._classes, self._priorities]
        for mirror in mirrors:
            await mirror.synced()

    async def follow(self, api: KubeApi) -> None:
        """Keep the copies current until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors(api):
                group.create_task(reflector.run())

    def _reflectors(self, api: KubeApi) -> Iterator[Reflector]:
        yield Reflector(api, Resource.AUGMENTATION_CLASSES, None, self._classes)
        yield Reflector(api, Resource.PRIORITY_CLASSES, None, self._priorities)
        for namespace, jobs in self._jobs.items():
            yield Reflector(api, Resource.JOBS, namespace, jobs, LABEL_JOB_UID)
        for namespace, pods in self._pods.items():
            yield Reflector(api, Resource.PODS, namespace, pods, LABEL_JOB_UID)


def _owner(raw: Mapping[str, Any]) -> str:
    return str(raw["metadata"]["labels"][LABEL_JOB_UID])


def _name_and_value(raw: Mapping[str, Any]) -> tuple[str, int]:
    return raw["metadata"]["name"], int(raw["value"])
