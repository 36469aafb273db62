"""What the operator sees of children and classes, from the lists and watches of the namespaces that it serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from augmentation_api.identifiers import LABEL_JOB_UID
from augmentation_kube import Resource
from augmentation_operator.cache.cluster_mirror import ClusterMirror
from tests.unit.operator.simulated_cluster import AUGMENT, UID, SimulatedCluster

Json = dict[str, Any]
OF_ALL = None


class StandInApi:
    """Answers lists from what it was given by resource and namespace, and keeps watches open in silence."""

    def __init__(self, objects: dict[tuple[Resource, str | None], list[Json]]) -> None:
        self._objects = objects
        self.asked: set[tuple[Resource, str | None, str | None]] = set()

    async def pages(
        self, resource: Resource, namespace: str | None = None, label_selector: str | None = None, **_: object
    ) -> AsyncGenerator[Json, None]:
        self.asked.add((resource, namespace, label_selector))
        yield {"metadata": {"resourceVersion": "1"}, "items": self._objects.get((resource, namespace), [])}

    async def watch(
        self,
        resource: Resource,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str | None = None,
        *,
        opened: Callable[[], None] | None = None,
        **_: object,
    ) -> AsyncGenerator[Json, None]:
        await asyncio.Event().wait()
        yield {}


@asynccontextmanager
async def followed(mirror: ClusterMirror, api: StandInApi) -> AsyncIterator[None]:
    following = asyncio.create_task(mirror.follow(api))  # type: ignore[arg-type]
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


def child(body: Json, number: int = 0) -> Json:
    metadata = {"uid": f"child-{number}", "resourceVersion": "1", **body["metadata"]}
    return {**body, "metadata": {**metadata, "labels": {**metadata.get("labels", {}), LABEL_JOB_UID: UID}}}


def children() -> tuple[list[Json], list[Json]]:
    """Child Jobs and pods of a job that is in the middle of its life."""
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    jobs = [child(job.to_wire(), number) for number, job in enumerate(cluster.jobs.values())]
    pods = [child(pod.to_wire(), number) for number, pod in enumerate(cluster.pods)]
    assert jobs and pods
    return jobs, pods


async def test_children_of_all_namespaces_come_from_one_watch_of_each_kind() -> None:
    jobs, pods = children()
    told: list[str] = []
    api = StandInApi(
        {
            (Resource.JOBS, OF_ALL): jobs,
            (Resource.PODS, OF_ALL): pods,
            (Resource.PRIORITY_CLASSES, OF_ALL): [a_priority("urgent", 1000), a_priority("low", -5)],
            (Resource.AUGMENTATION_CLASSES, OF_ALL): [a_class("a"), a_class("b"), {**a_class("bad"), "spec": {}}],
        }
    )
    classes_changed: list[None] = []
    mirror = ClusterMirror((), told.append, lambda: classes_changed.append(None))
    async with followed(mirror, api):
        assert {each.name for each in mirror.jobs_of(UID)} == {each["metadata"]["name"] for each in jobs}
        assert {each.name for each in mirror.pods_of(UID)} == {each["metadata"]["name"] for each in pods}
        assert [each.metadata.name for each in mirror.classes()] == ["a", "b"]
        assert mirror.priorities() == {"urgent": 1000, "low": -5}
        assert not list(mirror.jobs_of("another"))
    assert set(told) == {UID}
    assert classes_changed
    assert api.asked == {
        (Resource.AUGMENTATION_CLASSES, None, None),
        (Resource.PRIORITY_CLASSES, None, None),
        (Resource.JOBS, None, LABEL_JOB_UID),
        (Resource.PODS, None, LABEL_JOB_UID),
    }


async def test_of_some_namespaces_each_is_watched_by_itself() -> None:
    jobs, pods = children()
    api = StandInApi({(Resource.JOBS, "a"): jobs, (Resource.PODS, "a"): pods, (Resource.JOBS, "elsewhere"): jobs})
    mirror = ClusterMirror(("a", "b"), lambda _: None, lambda: None)
    async with followed(mirror, api):
        assert len(list(mirror.jobs_of(UID))) == len(jobs)
        assert len(list(mirror.pods_of(UID))) == len(pods)
    assert {namespace for resource, namespace, _ in api.asked if resource == Resource.JOBS} == {"a", "b"}
