"""Caches of child Jobs, worker pods, classes, PriorityClasses and namespaces, kept current by lists and watches.

kopf watches none of these: a job causes some thirty changes of its children, and kopf's way from a change to a handler
costs more than a reconcile (docs/decisions/0020-kopf-watches-the-jobs-alone.md).
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

from augmentation_api import AugmentationClass
from augmentation_api.identifiers import LABEL_JOB_UID
from augmentation_api.readable_class import UnreadableClass, read_class
from augmentation_kube import KubeApi, Reflector, Resource
from augmentation_operator.children.job import ChildJob, read_job
from augmentation_operator.children.pod import ChildPod, read_pod

Item = TypeVar("Item")

_ALL = ""
"""The one group of the resources of the cluster."""

_log = logging.getLogger(__name__)


class _Listed(NamedTuple):
    uid: str
    group: str
    item: Any


class Mirror(Generic[Item]):
    """Objects by group, kept current by a Reflector. Looking up a group is O(1).

    An object that cannot be read is logged and left out: it must not stop the others.

    Args:
        group: the group that an object belongs to.
        read: the part of an object that is stored. KeyError and ValueError (pydantic's too): it cannot be read.
        on_change: called with each group in which an object has changed.
    """

    def __init__(
        self,
        group: Callable[[Mapping[str, Any]], str],
        read: Callable[[Mapping[str, Any]], Item],
        on_change: Callable[[str], None],
    ) -> None:
        self._group, self._read, self._on_change = group, read, on_change
        self._groups: dict[str, dict[str, Item]] = {}
        self._group_of: dict[str, str] = {}
        self._is_synced = asyncio.Event()

    async def synced(self) -> None:
        """Wait until the collection has been listed once."""
        await self._is_synced.wait()

    def of(self, group: str) -> Collection[Item]:
        """The objects of one group."""
        return self._groups.get(group, {}).values()

    def __len__(self) -> int:
        """How many objects there are."""
        return len(self._group_of)

    def keep(self, raw: Mapping[str, Any]) -> _Listed:
        """The part of a listed object that `replace` needs."""
        return _Listed(raw["metadata"]["uid"], self._group(raw), self._try_read(raw))

    def replace(self, listing: Mapping[str, Any]) -> None:
        """Replace all objects by a list of results of `keep`."""
        before, self._groups, self._group_of = self._groups, {}, {}
        for uid, group, item in listing["items"]:
            self._put(uid, group, item)
        self._is_synced.set()
        for group in before | self._groups:
            if before.get(group) != self._groups.get(group):
                self._on_change(group)

    def apply(self, event: Mapping[str, Any]) -> int:
        """Apply one watch event. Returns the resource version from which the watch can be resumed."""
        raw = event["object"]
        if event["type"] != "BOOKMARK":
            uid, group, item = self.keep(raw)
            if event["type"] == "DELETED":
                self._remove(uid)
            else:
                self._put(uid, group, item)
            self._on_change(group)
        return int(raw["metadata"]["resourceVersion"])

    def _put(self, uid: str, group: str, item: Item | None) -> None:
        self._remove(uid)
        if item is not None:
            self._group_of[uid] = group
            self._groups.setdefault(group, {})[uid] = item

    def _remove(self, uid: str) -> None:
        group = self._group_of.pop(uid, None)
        if group is not None:
            members = self._groups[group]
            del members[uid]
            if not members:
                del self._groups[group]

    def _try_read(self, raw: Mapping[str, Any]) -> Item | None:
        try:
            return self._read(raw)
        except (KeyError, ValueError) as error:
            metadata = raw["metadata"]
            name = "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
            _log.error("%s %s cannot be read and is ignored: %s", raw.get("kind", "object"), name, error)
            return None


class ClusterMirror:
    """Copies that `follow` keeps current.

    Args:
        namespaces: namespaces whose children are served, each with a watch of its own; none: all, with one watch.
        on_child_change: called with the uid of a job when one of its children has changed.
        on_class_change: called when an AugmentationClass has changed.
        on_namespace_change: called with the name of a namespace that has changed.
    """

    def __init__(
        self,
        namespaces: Iterable[str],
        on_child_change: Callable[[str], None],
        on_class_change: Callable[[], None],
        on_namespace_change: Callable[[str], None] = lambda _: None,
    ) -> None:
        served: list[str | None] = [*namespaces]
        self._jobs = {namespace: Mirror(_owner, read_job, on_child_change) for namespace in served or [None]}
        self._pods = {namespace: Mirror(_owner, read_pod, on_child_change) for namespace in served or [None]}
        self._classes = Mirror(lambda _: _ALL, _read_class, lambda _: on_class_change())
        self._priorities = Mirror(lambda _: _ALL, _name_and_value, lambda _: None)
        self._namespaces = Mirror(_name, _is_terminating, on_namespace_change)

    def jobs_of(self, uid: str) -> Iterable[ChildJob]:
        """Child Jobs of the AugmentationJob with this uid."""
        return chain.from_iterable(mirror.of(uid) for mirror in self._jobs.values())

    def pods_of(self, uid: str) -> Iterable[ChildPod]:
        """Worker pods of the AugmentationJob with this uid."""
        return chain.from_iterable(mirror.of(uid) for mirror in self._pods.values())

    def classes(self) -> Iterable[AugmentationClass | UnreadableClass]:
        """All AugmentationClasses."""
        return self._classes.of(_ALL)

    def priorities(self) -> Mapping[str, int]:
        """Values of all PriorityClasses by name."""
        return dict(self._priorities.of(_ALL))

    def is_terminating(self, namespace: str) -> bool:
        """Whether a namespace is being deleted."""
        return any(self._namespaces.of(namespace))

    async def synced(self) -> None:
        """Wait until every collection has been listed once, but for the namespaces: jobs run without them, too."""
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
        yield Reflector(api, Resource.NAMESPACES, None, self._namespaces)
        for namespace, jobs in self._jobs.items():
            yield Reflector(api, Resource.JOBS, namespace, jobs, LABEL_JOB_UID)
        for namespace, pods in self._pods.items():
            yield Reflector(api, Resource.PODS, namespace, pods, LABEL_JOB_UID)


def _owner(raw: Mapping[str, Any]) -> str:
    return str(raw["metadata"]["labels"][LABEL_JOB_UID])


def _name(raw: Mapping[str, Any]) -> str:
    return str(raw["metadata"]["name"])


def _is_terminating(raw: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in raw["metadata"]


def _read_class(raw: Mapping[str, Any]) -> AugmentationClass | UnreadableClass:
    each = read_class(raw)
    if isinstance(each, UnreadableClass):
        _log.error("AugmentationClass %s is invalid: %s", each.name, "; ".join(each.findings))
    return each


def _name_and_value(raw: Mapping[str, Any]) -> tuple[str, int]:
    return raw["metadata"]["name"], int(raw["value"])
