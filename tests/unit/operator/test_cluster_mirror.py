"""Mirrored children, classes and priorities, from lists and watches of the served namespaces."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from augmentation_api.identifiers import LABEL_JOB_UID
from augmentation_kube import Resource
from augmentation_operator.cache.cluster_mirror import ClusterMirror
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.operator.simulated_cluster import AUGMENT, UID, SimulatedCluster

Json = dict[str, Any]


@asynccontextmanager
async def followed(mirror: ClusterMirror, api: InMemoryKube) -> AsyncIterator[None]:
    following = asyncio.create_task(mirror.follow(api))
    try:
        await asyncio.wait_for(mirror.synced(), 10)
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def a_class(name: str) -> Json:
    return {"metadata": {"uid": name, "name": name}, "spec": {"image": "worker"}}


def a_priority(name: str, value: int) -> Json:
    return {"metadata": {"uid": name, "name": name}, "value": value}


def put_children(api: InMemoryKube, namespace: str) -> tuple[set[str], set[str]]:
    """The child Jobs and pods of a job in the middle of its life, by their names."""
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    names: list[set[str]] = []
    for resource, bodies in ((Resource.JOBS, cluster.jobs.values()), (Resource.PODS, cluster.pods)):
        for body in (each.to_wire() for each in bodies):
            labels = {**body["metadata"].get("labels", {}), LABEL_JOB_UID: UID}
            api.put(resource, {**body, "metadata": {**body["metadata"], "labels": labels}}, namespace)
        names.append({each["metadata"]["name"] for each in api.all(resource, namespace)})
    jobs, pods = names
    assert jobs and pods
    return jobs, pods


def requested(api: InMemoryKube) -> set[tuple[Resource, str | None, str | None]]:
    return {(call.resource, call.namespace, call.selectors[0]) for call in api.calls}


async def test_children_of_all_namespaces_come_from_one_watch_per_kind() -> None:
    api = InMemoryKube()
    jobs, pods = put_children(api, "default")
    for resource, body in (
        (Resource.PRIORITY_CLASSES, a_priority("urgent", 1000)),
        (Resource.PRIORITY_CLASSES, a_priority("low", -5)),
        (Resource.AUGMENTATION_CLASSES, a_class("a")),
        (Resource.AUGMENTATION_CLASSES, a_class("b")),
        (Resource.AUGMENTATION_CLASSES, {**a_class("bad"), "spec": {}}),
    ):
        api.put(resource, body)
    changed_jobs: list[str] = []
    changed_classes: list[None] = []
    mirror = ClusterMirror((), changed_jobs.append, lambda: changed_classes.append(None))
    async with followed(mirror, api):
        assert {each.name for each in mirror.jobs_of(UID)} == jobs
        assert {each.name for each in mirror.pods_of(UID)} == pods
        assert [type(each).__name__ for each in mirror.classes()] == 2 * ["AugmentationClass"] + ["UnreadableClass"]
        assert mirror.priorities() == {"urgent": 1000, "low": -5}
        assert not list(mirror.jobs_of("another"))
    assert set(changed_jobs) == {UID}
    assert changed_classes
    assert requested(api) == {
        (Resource.AUGMENTATION_CLASSES, None, None),
        (Resource.PRIORITY_CLASSES, None, None),
        (Resource.NAMESPACES, None, None),
        (Resource.JOBS, None, LABEL_JOB_UID),
        (Resource.PODS, None, LABEL_JOB_UID),
    }


async def test_change_of_a_child_is_seen_and_reported() -> None:
    api = InMemoryKube()
    put_children(api, "default")
    changed = asyncio.Event()
    mirror = ClusterMirror((), lambda _: changed.set(), lambda: None)
    async with followed(mirror, api):
        changed.clear()
        for body in list(api.all(Resource.PODS)):
            api.remove(Resource.PODS, body["metadata"]["name"], "default")
        await asyncio.wait_for(changed.wait(), 10)
        assert not list(mirror.pods_of(UID))


async def test_each_of_some_namespaces_has_a_watch_of_its_own() -> None:
    api = InMemoryKube()
    jobs, pods = put_children(api, "a")
    put_children(api, "elsewhere")
    mirror = ClusterMirror(("a", "b"), lambda _: None, lambda: None)
    async with followed(mirror, api):
        assert len(list(mirror.jobs_of(UID))) == len(jobs)
        assert len(list(mirror.pods_of(UID))) == len(pods)
    assert {namespace for resource, namespace, _ in requested(api) if resource == Resource.JOBS} == {"a", "b"}
