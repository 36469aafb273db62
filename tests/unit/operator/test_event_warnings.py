"""Warning Events, listed once for many objects."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from augmentation_kube import KubeError, Resource
from augmentation_operator.cache.event_warnings import RECENT, EventWarnings
from augmentation_operator.children.job import ChildJob, read_job
from augmentation_operator.children.pod import ChildPod, read_pod
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.operator.simulated_cluster import RESOLVE, SimulatedCluster


class Situation:
    """A reader of an API, with a clock that the test advances."""

    def __init__(self) -> None:
        self.api, self.now = InMemoryKube(), datetime(2026, 1, 1, tzinfo=UTC)
        self.answer_takes = 0.0
        self._seconds = 0.0
        self.warnings = EventWarnings(self.api, lambda: self.now, self._timer)

    def _timer(self) -> float:
        self._seconds += self.answer_takes
        return self._seconds

    @property
    def asked(self) -> list[tuple[str | None, str | None]]:
        """Namespace and field selector of each list that was asked for."""
        return [(call.namespace, call.selectors[1]) for call in self.api.calls]

    def note(self, child: ChildJob | ChildPod, message: str, second: int = 0, name: str = "") -> None:
        """Create a warning Event of an object, or of another one of that kind."""
        event = {
            "metadata": {"name": f"{name or child.name}.{message.replace(' ', '-')}"},
            "type": "Warning",
            "involvedObject": {"kind": "Job" if isinstance(child, ChildJob) else "Pod", "name": name or child.name},
            "message": message,
            "lastTimestamp": f"2026-01-01T00:00:{second:02}Z",
        }
        self.api.put(Resource.EVENTS, event, child.namespace)

    async def of(self, *children: ChildJob | ChildPod) -> dict[str, str]:
        return await self.warnings.of(children)


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


async def test_no_events_are_listed_without_stuck_children() -> None:
    situation = Situation()
    assert await situation.of() == {}
    assert situation.asked == []


async def test_newest_warning_of_an_object_is_returned(job: ChildJob) -> None:
    situation = Situation()
    situation.note(job, "exceeded quota", 9)
    situation.note(job, "at first", 1)
    situation.note(job, "of no interest", 10, name="another")
    assert await situation.of(job) == {job.name: "exceeded quota"}


async def test_objects_of_a_namespace_share_one_list(job: ChildJob) -> None:
    situation = Situation()
    await asyncio.gather(*(situation.of(job) for _ in range(10)))
    assert situation.asked == [(job.namespace, "involvedObject.kind=Job,type=Warning")]
    situation.now += RECENT - timedelta(seconds=1)
    await situation.of(job)
    assert len(situation.asked) == 1
    situation.note(job, "exceeded quota")
    situation.now += timedelta(seconds=1)
    assert await situation.of(job) == {job.name: "exceeded quota"}
    assert len(situation.asked) == 2


async def test_slow_list_is_repeated_less_often(job: ChildJob) -> None:
    situation = Situation()
    situation.answer_takes = 3.0
    await situation.of(job)
    situation.now += timedelta(seconds=29)
    await situation.of(job)
    assert len(situation.asked) == 1
    situation.now += timedelta(seconds=1)
    await situation.of(job)
    assert len(situation.asked) == 2


async def test_events_of_pods_and_jobs_are_listed_separately(job: ChildJob, pod: ChildPod) -> None:
    situation = Situation()
    await situation.of(job, pod)
    assert [selector for _, selector in situation.asked] == [
        "involvedObject.kind=Job,type=Warning",
        "involvedObject.kind=Pod,type=Warning",
    ]


async def test_error_is_raised_and_not_cached(job: ChildJob) -> None:
    situation = Situation()
    situation.api.fail(KubeError(503, "", "try again later"))
    with pytest.raises(KubeError):
        await situation.of(job)
    situation.api.recover()
    situation.note(job, "exceeded quota")
    assert await situation.of(job) == {job.name: "exceeded quota"}
