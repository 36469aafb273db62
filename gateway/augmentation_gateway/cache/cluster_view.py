"""The gateway's view of the cluster: jobs and classes, each kept current by a watch."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Self

from augmentation_api.vocabulary import AugmentationType
from augmentation_gateway.cache.object_cache import ObjectCache
from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_kube import KubeApi, Reflector, Resource


class ClusterView:
    """Caches to read from, and the tasks that keep them current while the view is entered.

    A key belongs to one namespace, and so does every cache if namespaces are named: choosing the cache is then the
    first half of the decision what a key may see.

    Args:
        source: the Kubernetes API.
        namespaces: namespaces whose jobs are watched, each by a watch of its own; empty: all, by one watch.
    """

    def __init__(self, source: KubeApi, namespaces: Sequence[str] = ()) -> None:
        self.classes: ObjectCache[ClassRecord] = ObjectCache(ClassRecord.read)
        self._everywhere: ObjectCache[JobRecord] | None = None if namespaces else ObjectCache(JobRecord.read)
        self._jobs = {namespace: ObjectCache(JobRecord.read) for namespace in namespaces}
        self._job_reflectors = [
            Reflector(source, Resource.AUGMENTATION_JOBS, namespace, cache) for namespace, cache in self._jobs.items()
        ]
        if self._everywhere is not None:
            self._job_reflectors.append(Reflector(source, Resource.AUGMENTATION_JOBS, None, self._everywhere))
        self._class_reflector = Reflector(source, Resource.AUGMENTATION_CLASSES, None, self.classes)
        self._tasks = AsyncExitStack()

    async def __aenter__(self) -> Self:
        group = await self._tasks.enter_async_context(asyncio.TaskGroup())
        reflectors = (*self._job_reflectors, self._class_reflector)
        for task in [group.create_task(reflector.run()) for reflector in reflectors]:
            self._tasks.callback(task.cancel)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._tasks.aclose()

    def jobs_in(self, namespace: str) -> ObjectCache[JobRecord] | None:
        """The cache that holds this namespace's jobs; None where the namespace is not watched."""
        return self._everywhere if self._everywhere is not None else self._jobs.get(namespace)

    def has_default_class(self, kind: AugmentationType) -> bool:
        """Whether a job of this type that names no class will find one."""
        return any(record.type == kind and record.default for record in self.classes.records())

    def class_of(self, job: JobRecord) -> ClassRecord | None:
        """The class a job runs as or, before that is decided, will: None where there is none."""
        raw = job.raw
        return self.class_for(raw.get("status", {}).get("className") or raw["spec"].get("className"), job.type)

    def class_for(self, name: str | None, kind: str) -> ClassRecord | None:
        """The class of that name or, without one, the default of a type: None where there is none."""
        candidates = [
            record
            for record in self.classes.records()
            if (record.name == name if name else record.default and record.type == kind)
        ]
        # Of two defaults the first by name, as the operator chooses.
        return min(candidates, key=lambda record: record.name, default=None)

    def classes_of(self, kind: str) -> list[ClassRecord]:
        """All classes of a type, by name."""
        return sorted((one for one in self.classes.records() if one.type == kind), key=lambda record: record.name)

    @property
    def synced(self) -> bool:
        """Whether every collection has been listed once: before that, a job that is not here may still exist."""
        return self.classes.synced and all(cache.synced for cache in self._job_caches())

    @property
    def age(self) -> float | None:
        """Seconds since the jobs were last known to be current; None while they are."""
        return max((age for reflector in self._job_reflectors if (age := reflector.age) is not None), default=None)

    @property
    def sizes(self) -> dict[str, Callable[[], float]]:
        """How many objects there are, by resource."""
        return {
            Resource.AUGMENTATION_JOBS.value.plural: lambda: sum(len(cache) for cache in self._job_caches()),
            Resource.AUGMENTATION_CLASSES.value.plural: lambda: len(self.classes),
        }

    @property
    def watch_starts(self) -> dict[str, Callable[[], float]]:
        """How often watches were started, by resource."""
        return {
            Resource.AUGMENTATION_JOBS.value.plural: lambda: sum(watch.starts for watch in self._job_reflectors),
            Resource.AUGMENTATION_CLASSES.value.plural: lambda: self._class_reflector.starts,
        }

    def _job_caches(self) -> list[ObjectCache[JobRecord]]:
        return [self._everywhere] if self._everywhere is not None else list(self._jobs.values())
