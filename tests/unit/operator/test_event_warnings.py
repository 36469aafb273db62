"""Warnings that Kubernetes has noted: asked for once for many objects."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from augmentation_kube import KubeError, Resource
from augmentation_operator.cache.event_warnings import RECENT, EventWarnings
from augmentation_operator.children.job import ChildJob, read_job
from augmentation_operator.children.pod import ChildPod, read_pod
from tests.unit.operator.simulated_cluster import RESOLVE, SimulatedCluster


def warning(name: str, message: str, at: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    return {"type": "Warning", "involvedObject": {"name": name}, "message": message, "lastTimestamp": at}


class StandInEvents:
    """Answers lists of Events of Jobs and pods, in the namespace they are asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str | None]] = []
        self.events: list[dict[str, Any]] = []
        self.refusal: KubeError | None = None
        self.seconds = 0.0
        self.takes = 0.0

    async def list(
        self, resource: Resource, namespace: str | None = None, *, field_selector: str | None = None
    ) -> dict[str, Any]:
        assert resource is Resource.EVENTS
        self.asked.append((namespace, field_selector))
        await asyncio.sleep(0)
        self.seconds += self.takes
        if self.refusal:
            raise self.refusal
        return {"items": self.events}


class Situation:
    """A reader before an API, at a time that only a test moves."""

    def __init__(self) -> None:
        self.api, self.now = StandInEvents(), datetime(2026, 1, 1, tzinfo=UTC)
        self.warnings = EventWarnings(
            self.api,  # type: ignore[arg-type]
            lambda: self.now,
            lambda: self.api.seconds,
        )

    async def of(self, *children: ChildJob | ChildPod) -> dict[str, str]:
        return {name: each.message for name, each in (await self.warnings.of(children)).items()}


@pytest.fixture
def job() -> ChildJob:
    cluster = SimulatedCluster()
    cluster.settle()
    return read_job(next(iter(cluster.jobs.values())).to_wire())


@pytest.fixture
def pod() -> ChildPod:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    return read_pod(cluster.pods[0].to_wire())


async def test_nothing_is_asked_where_nothing_is_silent() -> None:
    situation = Situation()
    assert await situation.of() == {}
    assert situation.api.asked == []


async def test_the_newest_warning_of_an_object_is_told(job: ChildJob) -> None:
    situation = Situation()
    situation.api.events = [
        warning(job.name, "exceeded quota", "2026-01-01T00:00:09Z"),
        warning(job.name, "at first", "2026-01-01T00:00:01Z"),
        warning("another", "of no interest", "2026-01-01T00:00:10Z"),
    ]
    assert await situation.of(job) == {job.name: "exceeded quota"}


async def test_many_objects_share_one_answer_for_a_moment(job: ChildJob) -> None:
    situation = Situation()
    await asyncio.gather(*(situation.of(job) for _ in range(10)))
    assert situation.api.asked == [(job.namespace, "involvedObject.kind=Job,type=Warning")]
    situation.now += RECENT - timedelta(seconds=1)
    await situation.of(job)
    assert len(situation.api.asked) == 1
    situation.api.events = [warning(job.name, "exceeded quota")]
    situation.now += timedelta(seconds=1)
    assert await situation.of(job) == {job.name: "exceeded quota"}
    assert len(situation.api.asked) == 2


async def test_an_answer_that_takes_long_is_asked_for_seldom(job: ChildJob) -> None:
    situation = Situation()
    situation.api.takes = 3.0
    await situation.of(job)
    situation.now += timedelta(seconds=29)
    await situation.of(job)
    assert len(situation.api.asked) == 1
    situation.now += timedelta(seconds=1)
    await situation.of(job)
    assert len(situation.api.asked) == 2


async def test_pods_are_asked_for_apart_from_jobs(job: ChildJob, pod: ChildPod) -> None:
    situation = Situation()
    await situation.of(job, pod)
    assert [selector for _, selector in situation.api.asked] == [
        "involvedObject.kind=Job,type=Warning",
        "involvedObject.kind=Pod,type=Warning",
    ]


async def test_a_refusal_is_told_and_not_remembered(job: ChildJob) -> None:
    situation = Situation()
    situation.api.refusal = KubeError(503, "", "try again later")
    with pytest.raises(KubeError):
        await situation.of(job)
    situation.api.refusal = None
    situation.api.events = [warning(job.name, "exceeded quota")]
    assert await situation.of(job) == {job.name: "exceeded quota"}
