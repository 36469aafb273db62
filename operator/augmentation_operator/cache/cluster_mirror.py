"""Child Jobs, worker pods and classes as the API server has them, as the controller asks for them.

Not kopf's to watch: of each job some thirty changes of these come in, and kopf's way from a change to a handler costs
more than a reconcile (docs/decisions/0020-kopf-watches-the-jobs-alone.md).
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
"""The one group of all classes."""


class ClusterMirror:
    """Copies that `follow` keeps up.

    Args:
        namespaces: whose children are served, each watched by itself; none: all, by one watch.
        child_changed: told of the uid of a job when something of its children is another than before.
        class_changed: told when something of a class is.
    """

    def __init__(
        self, namespaces: Iterable[str], child_changed: Callable[[str], None], class_changed: Callable[[], None]
    ) -> None:
        served: list[str | None] = [*namespaces]
        self._jobs = {namespace: Mirror(_owner, read_job, child_changed) for namespace in served or [None]}
        self._pods = {namespace: Mirror(_owner, read_pod, child_changed) for namespace in served or [None]}
        self._classes = Mirror(lambda _: _ALL, AugmentationClass.from_wire, lambda _: class_changed())

    def jobs_of(self, uid: str) -> Iterable[ChildJob]:
        """Child Jobs of the AugmentationJob with this uid."""
        return chain.from_iterable(mirror.of(uid) for mirror in self._jobs.values())

    def pods_of(self, uid: str) -> Iterable[ChildPod]:
        """Worker pods of the AugmentationJob with this uid."""
        return chain.from_iterable(mirror.of(uid) for mirror in self._pods.values())

    def classes(self) -> Iterable[AugmentationClass]:
        """All classes that can be read."""
        return self._classes.of(_ALL)

    async def filled(self) -> None:
        """Wait until all that there is has been seen once."""
        mirrors: list[Mirror[Any]] = [*self._jobs.values(), *self._pods.values(), self._classes]
        for mirror in mirrors:
            await mirror.filled()

    async def follow(self, api: KubeApi) -> None:
        """Keep the copies up until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors(api):
                group.create_task(reflector.run())

    def _reflectors(self, api: KubeApi) -> Iterator[Reflector]:
        yield Reflector(api, Resource.AUGMENTATION_CLASSES, None, self._classes)
        for namespace, jobs in self._jobs.items():
            yield Reflector(api, Resource.JOBS, namespace, jobs, LABEL_JOB_UID)
        for namespace, pods in self._pods.items():
            yield Reflector(api, Resource.PODS, namespace, pods, LABEL_JOB_UID)


def _owner(raw: Mapping[str, Any]) -> str:
    return str(raw["metadata"]["labels"][LABEL_JOB_UID])
