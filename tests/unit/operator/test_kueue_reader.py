"""The reader of Kueue's objects: how they are parsed and cached, and what their absence means."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from augmentation_api import PhaseName
from augmentation_kube import KubeError, Resource
from augmentation_operator.children.job import ChildJob
from augmentation_operator.queueing.kueue.reader import RECENT, KueueReader
from augmentation_operator.queueing.kueue.view import (
    Eviction,
    KueueView,
    QueueState,
    Workload,
    activate_workload,
    read_place,
    read_queue,
    read_workload,
)
from augmentation_operator.queueing.kueue.wait_reason import why_it_waits
from tests.kubernetes.in_memory import InMemoryKube

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT = "2026-01-01T00:00:00Z"
JOB = ChildJob("kitchen-augment", PhaseName.AUGMENT, "lab", uid="b14a59b2", queue_name="team-a", suspended=True)
NO_KUEUE = KubeError(404, "", "404 page not found")
PREEMPTED = "Preempted to accommodate a workload due to prioritization in the ClusterQueue"


def condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": AT}


def workload(*conditions: dict[str, str], name: str = "job-kitchen", created: str = AT, **parts: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": created, **parts.get("metadata", {})},
        "spec": {"queueName": "team-a", "active": True, **parts.get("spec", {})},
        "status": {"conditions": list(conditions), **parts.get("status", {})},
    }


WAITS = condition(
    "QuotaReserved",
    "False",
    "Pending",
    "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor l4, 1 more needed",
)


# The objects.


def test_reason_of_a_waiting_workload_omits_internal_names() -> None:
    read = read_workload([workload(WAITS)])
    assert read == Workload(
        "job-kitchen", "team-a", waits_for="insufficient unused quota for nvidia.com/gpu in flavor l4, 1 more needed"
    )


def test_workload_without_status_is_read() -> None:
    body = {"metadata": {"name": "job-kitchen"}, "spec": {}}
    assert read_workload([body]) == Workload("job-kitchen")
    assert read_workload([]) is None


def test_workload_shows_whether_it_is_active() -> None:
    body = workload(WAITS)
    for active in (False, True):
        patch = activate_workload("job-kitchen", active).body
        body["spec"] |= patch["spec"]
        kept = {name: value for name, value in patch["metadata"]["annotations"].items() if value is not None}
        body["metadata"]["annotations"] = kept
        read = read_workload([body])
        assert read is not None
        assert (read.is_active, read.is_held) == (active, not active)


def test_workload_with_quota_waits_for_admission_checks() -> None:
    checks = [{"name": "budget", "state": "Pending", "message": "asking"}, {"name": "topology", "state": "Ready"}]
    read = read_workload([workload(condition("QuotaReserved", "True"), status={"admissionChecks": checks})])
    assert read is not None
    assert read.waits_for == "admission check budget: asking"


def test_eviction_counts_until_the_next_admission() -> None:
    read = read_workload([workload(condition("Evicted", "True", "Preempted", PREEMPTED))])
    assert read is not None
    assert read.eviction == Eviction("Preempted", PREEMPTED, NOW)
    again = read_workload([workload(condition("Evicted", "False", "QuotaReserved", f"Previously: {PREEMPTED}"))])
    assert again is not None
    assert again.eviction is None


@pytest.mark.parametrize(
    ("reason", "by_kueue"),
    [("Deactivated", False), ("DeactivatedDueToRequeuingLimitExceeded", False), ("Preempted", True)],
)
def test_deactivation_is_no_preemption(reason: str, by_kueue: bool) -> None:
    read = read_workload([workload(condition("Evicted", "True", reason), spec={"active": by_kueue})])
    assert read is not None
    assert read.eviction is not None
    assert read.eviction.is_deactivation is not by_kueue
    assert read.is_active is by_kueue


def test_job_that_kueue_could_not_start_differs_from_a_finished_one() -> None:
    refused = read_workload([workload(condition("Finished", "True", "FailedToStart", "conflict for nodeSelector"))])
    ended = read_workload([workload(condition("Finished", "True", "Succeeded", "Job finished successfully"))])
    assert refused is not None
    assert ended is not None
    assert (refused.refusal, ended.refusal) == ("conflict for nodeSelector", "")


def test_unfinished_one_of_several_workloads_counts() -> None:
    over = workload(condition("Finished", "True", "OutOfSync"), name="over", created="2026-01-02T00:00:00Z")
    leaving = workload(name="leaving", metadata={"deletionTimestamp": AT})
    read = read_workload([over, workload(name="present"), leaving])
    assert read is not None
    assert read.name == "present"


def test_queue_shows_whether_it_is_active() -> None:
    assert read_queue({}) == (QueueState.OPEN, "")
    stopped = condition("Active", "False", "ClusterQueueIsInactive", "Can't submit new workloads to clusterQueue")
    assert read_queue({"status": {"conditions": [stopped]}}) == (
        QueueState.INACTIVE,
        "Can't submit new workloads to clusterQueue",
    )


def pending(*uids: str) -> dict[str, Any]:
    return {
        "items": [
            {"metadata": {"name": uid, "ownerReferences": [{"kind": "Job", "uid": uid}]}, "positionInLocalQueue": place}
            for place, uid in enumerate(uids)
        ]
    }


def test_position_is_found_by_the_uid_of_the_job() -> None:
    assert read_place(pending("other", JOB.uid, "third"), JOB.uid) == (1, 3)
    assert read_place(pending("other"), JOB.uid) == (None, 1)
    assert read_place({}, JOB.uid) == (None, 0)


# Asking for them.


class Reading:
    """A reader at a moment that a test moves, of a queue in which a Job waits.

    Args:
        errors: what the API server answers instead, by the name of the resource.
    """

    def __init__(self, **errors: KubeError) -> None:
        self.api, self.now = InMemoryKube(missing=()), NOW
        self.api.put(Resource.LOCAL_QUEUES, {"metadata": {"name": "team-a"}, "status": {}}, "lab")
        waiting = workload(WAITS, metadata={"labels": {"kueue.x-k8s.io/job-uid": JOB.uid}})
        self.api.put(Resource.WORKLOADS, waiting, "lab")
        places = pending("other", JOB.uid)
        self.api.put_subresource(Resource.VISIBLE_QUEUES, "team-a", "lab", "pendingworkloads", places)
        for name, error in errors.items():
            self.api.fail(error, resource=Resource[name])
        self.reader = KueueReader(self.api, lambda: self.now)

    @property
    def asked(self) -> list[str]:
        return [call.resource.name for call in self.api.calls]

    async def view(self, child: ChildJob | None = JOB, queue: str = "team-a") -> KueueView:
        return await self.reader.view("lab", queue, child)


async def test_waiting_job_has_a_reason_and_a_position() -> None:
    view = await Reading().view()
    assert view.state is QueueState.OPEN
    assert view.workload is not None
    assert (view.position, view.depth) == (1, 2)


async def test_answers_are_cached_for_a_limited_time() -> None:
    reading = Reading()
    await reading.view()
    await reading.view()
    assert len(reading.asked) == 3
    reading.now += RECENT
    await reading.view()
    assert len(reading.asked) == 6
    reading.reader.forget()
    await reading.view()
    assert len(reading.asked) == 9


async def test_only_the_queue_is_read_before_there_is_a_job() -> None:
    reading = Reading()
    assert await reading.view(child=None) == KueueView()
    assert reading.asked == ["LOCAL_QUEUES"]


async def test_only_the_workload_is_read_for_a_job_without_a_queue_name() -> None:
    reading = Reading()
    assert (await reading.view(queue="")).workload is not None
    assert reading.asked == ["WORKLOADS"]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (NO_KUEUE, QueueState.NOT_INSTALLED),
        (KubeError(404, "NotFound", 'localqueues.kueue.x-k8s.io "team-a" not found'), QueueState.MISSING),
        (KubeError(403, "Forbidden", "cannot get resource"), QueueState.FORBIDDEN),
    ],
)
async def test_kinds_of_absence_are_distinguished(answer: KubeError, state: QueueState) -> None:
    assert (await Reading(LOCAL_QUEUES=answer).view()).state is state
    assert (await Reading(LOCAL_QUEUES=answer).view(child=None)).state is state


async def test_job_without_a_queue_name_is_not_kueues_where_kueue_is_absent() -> None:
    view = await Reading(WORKLOADS=NO_KUEUE).view(queue="")
    assert view == KueueView(QueueState.NOT_INSTALLED)


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_positions_are_optional(status: int) -> None:
    view = await Reading(VISIBLE_QUEUES=KubeError(status, "", "no")).view()
    assert view.workload is not None
    assert (view.position, view.depth) == (None, None)


async def test_transient_error_is_raised_and_is_no_absence() -> None:
    with pytest.raises(KubeError):
        await Reading(LOCAL_QUEUES=KubeError(503, "ServiceUnavailable", "etcd is away")).view()


async def test_cache_is_bounded() -> None:
    reading = Reading()
    for number in range(2000):
        reading.now += timedelta(seconds=1)
        reading.reader._answers["queue", "lab", str(number)] = (reading.now, {})
        if number % 100 == 0:
            await reading.view()
    reading.now += RECENT
    await reading.view()
    assert len(reading.reader._answers) <= 256 + 3


@pytest.mark.parametrize("exists", [False, True])
async def test_priority_class_that_does_not_exist_is_named_while_there_is_no_workload(exists: bool) -> None:
    reading = Reading()
    if exists:
        reading.api.put(Resource.WORKLOAD_PRIORITY_CLASSES, {"metadata": {"name": "urgent"}, "value": 10}, None)
    job = replace(JOB, uid="new", workload_priority="urgent")
    view = await reading.view(job)
    assert view.missing_priority == ("" if exists else "urgent")
    waiting = why_it_waits("team-a", "lab", view)
    assert (waiting.reason == "PriorityClassNotFound") is not exists
    assert ("workloadPriorityClassName 'urgent'" in waiting.message) is not exists
