"""The controller: the order of its calls, its fresh reads, and its answers to errors of the API server."""

import copy
import dataclasses
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from augmentation_api import AugmentationClass
from augmentation_kube import KubeError, Resource
from augmentation_operator.cache.job_store import JobStore
from augmentation_operator.children.job import ChildJob, read_job
from augmentation_operator.children.pod import ChildPod, read_pod
from augmentation_operator.controller.controller import Controller
from augmentation_operator.controller.expectations import DELIVERED_WITHIN
from augmentation_operator.controller.metrics import Metrics
from augmentation_operator.controller.worker_isolation import WorkerIsolation
from augmentation_operator.queueing.built_in import Place, SlotQueues
from tests.unit.operator.simulated_cluster import AUGMENT, NAME, PUBLISH, RESOLVE, UID, SimulatedCluster, make_class


class StandInApi:
    """Answers the controller's requests from a simulated cluster, and records them in order.

    Attributes:
        refusals: the error to answer with, by kind.
    """

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self.requests: list[tuple[str, str]] = []
        self.statuses: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.refusals: dict[str, KubeError] = {}
        self.version = 1

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> dict[str, Any]:
        self.requests.append(("get", name))
        return self.body()

    async def list(
        self, resource: Resource, namespace: str | None = None, label_selector: str | None = None
    ) -> dict[str, Any]:
        if resource == Resource.WORKLOADS:
            raise KubeError(404, "", "404 page not found")  # the answer of a cluster without Kueue
        assert (namespace, label_selector) == ("default", f"augmentation.dev/job-uid={UID}")
        self.requests.append(("list", resource.name))
        items = self.cluster.jobs.values() if resource == Resource.JOBS else self.cluster.pods
        return {"items": [item.to_wire() for item in items]}

    async def create(self, resource: Resource, body: Mapping[str, Any], namespace: str | None = None) -> dict[str, Any]:
        return self._record("create", body)

    async def apply(
        self,
        resource: Resource,
        name: str,
        body: Mapping[str, Any],
        *,
        field_manager: str,
        namespace: str | None = None,
        subresource: str | None = None,
    ) -> dict[str, Any]:
        if subresource != "status":
            return self._record("apply", body)
        if "status" in self.refusals:
            raise self.refusals["status"]
        self.requests.append(("status", str(body["status"].get("state"))))
        self.statuses.append(copy.deepcopy(dict(body["status"])))
        self.cluster.operators_status = self.statuses[-1]
        self.version += 1
        return self.body()

    async def merge_patch(self, resource: Resource, name: str, body: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        self.requests.append(("patch", name))
        return {}

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> None:
        assert uid is None or resource_version == str(self.version)
        self.requests.append(("delete", f"{name} {uid}" if uid else name))

    def _record(self, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if body["kind"] == "Event":  # reasons of beside the rest
            self.events.append(dict(body))
            if "Event" in self.refusals:
                raise self.refusals["Event"]
            return dict(body)
        self.requests.append((verb, body["kind"]))
        if body["kind"] in self.refusals:
            raise self.refusals[body["kind"]]
        return dict(body)

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = self.cluster.job.model_dump(mode="json", by_alias=True, exclude_none=True)
        body["metadata"]["resourceVersion"] = str(self.version)
        return body


class LastSeen:
    """The cached children: those of a simulated cluster at the last call of `look`."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self.foreign_jobs: list[ChildJob] = []
        self.foreign_pods: list[ChildPod] = []
        self.look()

    def look(self) -> None:
        self.jobs = [read_job(job.to_wire()) for job in self.cluster.jobs.values()]
        self.pods = [read_pod(pod.to_wire()) for pod in self.cluster.pods]

    def jobs_of(self, uid: str) -> Iterable[ChildJob]:
        return [*self.jobs, *self.foreign_jobs]

    def pods_of(self, uid: str) -> Iterable[ChildPod]:
        return [*self.pods, *self.foreign_pods]

    def classes(self) -> Iterable[AugmentationClass]:
        return self.cluster.classes


class Situation:
    """A controller of a simulated cluster, with caches that are updated only by `watches_catch_up`."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster, self.api, self.children = cluster, StandInApi(cluster), LastSeen(cluster)
        self.jobs, self.priorities = JobStore(), dict[str, int]()
        self.slots = SlotQueues(lambda: dict(self.priorities), wake=lambda uid: None)
        self.controller = Controller(
            self.api,  # type: ignore[arg-type]
            self.jobs,
            self.children,
            self.slots,
            isolation=WorkerIsolation(self.api, None, self.clock),  # type: ignore[arg-type]
            metrics=Metrics(),
            clock=self.clock,
        )
        self.controller.observe(self.api.body())

    def clock(self) -> datetime:
        return self.cluster.now

    def watches_catch_up(self) -> None:
        self.api.version += 1
        self.controller.observe(self.api.body())
        self.children.look()

    async def reconcile(self) -> timedelta | None:
        return await self.controller.reconcile(UID)


async def test_children_are_created_in_order_and_status_is_written_last() -> None:
    situation = Situation(SimulatedCluster())
    await situation.reconcile()
    assert situation.api.requests == [
        ("create", "ServiceAccount"),
        ("create", "Role"),
        ("create", "RoleBinding"),
        ("create", "Job"),
        ("status", "queued"),
    ]


async def test_child_that_already_exists_is_no_error() -> None:
    situation = Situation(SimulatedCluster())
    situation.api.refusals["Job"] = KubeError(409, "AlreadyExists", "jobs.batch already exists")
    await situation.reconcile()
    assert situation.api.requests[-1] == ("status", "queued")


async def test_created_children_are_not_created_again_before_the_watch_delivers_them() -> None:
    situation = Situation(SimulatedCluster())
    await situation.reconcile()
    requests = list(situation.api.requests)
    assert await situation.reconcile() == DELIVERED_WITHIN
    assert situation.api.requests == requests
    situation.cluster.pass_time(DELIVERED_WITHIN.total_seconds())
    await situation.reconcile()
    assert ("create", "Job") in situation.api.requests[len(requests) :]


async def test_unchanged_status_is_not_written() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    situation = Situation(cluster)
    await situation.reconcile()
    assert situation.api.requests == []


async def test_terminal_status_is_written_before_children_are_deleted() -> None:
    # The other way round a kill in between leaves a job that finds its child missing and makes it again.
    cluster = SimulatedCluster(activeDeadlineSeconds=60)
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.settle()
    cluster.pass_time(60)
    situation = Situation(cluster)
    await situation.reconcile()
    assert situation.api.requests[-2:] == [("status", "failed"), ("delete", cluster.job_name(RESOLVE))]


async def test_cancel_is_confirmed_with_a_fresh_read_when_watches_lag() -> None:
    cluster = SimulatedCluster()
    situation = Situation(cluster)
    cluster.settle()
    cluster.start_pod(RESOLVE)  # not delivered by the watches yet
    cluster.change(cancel=True)
    situation.api.version += 1
    situation.controller.observe(situation.api.body())
    await situation.reconcile()
    assert ("status", "cancelled") not in situation.api.requests
    assert ("delete", cluster.job_name(RESOLVE)) in situation.api.requests


async def test_worker_report_not_yet_delivered_is_not_treated_as_missing() -> None:
    cluster = SimulatedCluster()
    cluster.reach(PUBLISH)
    cluster.start_pod(PUBLISH)
    cluster.settle()
    situation = Situation(cluster)
    cluster.report_output()
    cluster.succeed_pod(PUBLISH)
    cluster.pass_time(600)
    situation.children.look()  # the Jobs' watch is up to date, the resources' watch hangs
    await situation.reconcile()
    assert cluster.status.state == "completed"


async def test_confirmed_end_is_written() -> None:
    cluster = SimulatedCluster(cancel=True)
    situation = Situation(cluster)
    await situation.reconcile()
    assert situation.api.requests == [
        ("get", NAME),
        ("list", "JOBS"),
        ("list", "PODS"),
        ("status", "cancelled"),
    ]


async def test_irrevocable_end_needs_no_fresh_read() -> None:
    cluster = SimulatedCluster()
    cluster.reach(PUBLISH)
    cluster.start_pod(PUBLISH)
    cluster.settle()
    cluster.report_output()
    cluster.succeed_pod(PUBLISH)
    situation = Situation(cluster)
    await situation.reconcile()
    assert situation.api.requests == [("get", "node-a"), ("status", "completed")]


async def test_end_is_confirmed_while_the_end_of_a_pod_is_not_delivered() -> None:
    cluster = SimulatedCluster()
    cluster.reach(PUBLISH)
    cluster.start_pod(PUBLISH)
    cluster.settle()
    situation = Situation(cluster)
    pods = list(situation.children.pods_of(UID))
    cluster.report_output()
    cluster.succeed_pod(PUBLISH)
    situation.watches_catch_up()
    situation.children.pods_of = lambda uid: pods  # type: ignore[method-assign]
    await situation.reconcile()
    read_anew = [("get", NAME), ("list", "JOBS"), ("list", "PODS")]
    assert situation.api.requests == [("get", "node-a"), *read_anew, ("status", "completed")]


async def test_finished_job_is_left_alone_unless_it_has_a_time_to_live() -> None:
    cluster = SimulatedCluster()
    cluster.complete()
    situation = Situation(cluster)
    assert await situation.reconcile() is None
    assert situation.api.requests == []
    cluster.change(ttlSecondsAfterFinished=60)
    situation.watches_catch_up()
    assert await situation.reconcile() == timedelta(seconds=60)


async def test_time_to_live_deletes_the_resource_of_that_uid_only() -> None:
    cluster = SimulatedCluster(ttlSecondsAfterFinished=60)
    cluster.complete()
    situation = Situation(cluster)
    cluster.pass_time(60)
    await situation.reconcile()
    assert situation.api.requests[-1] == ("delete", f"{NAME} {UID}")


async def test_prolonged_time_to_live_is_respected() -> None:
    cluster = SimulatedCluster(ttlSecondsAfterFinished=60)
    cluster.complete()
    situation = Situation(cluster)
    cluster.pass_time(60)
    cluster.change(ttlSecondsAfterFinished=3600)  # not delivered by the watch yet
    again = await situation.reconcile()
    assert not [name for verb, name in situation.api.requests if verb == "delete"]
    assert again == timedelta(seconds=3540)


async def test_new_attempt_is_not_begun_on_stale_state() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.change(cancel=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    cluster.retry()
    situation = Situation(cluster)
    situation.children.pods = []
    cluster.pods[-1].status_phase = "Running"  # not delivered by the watches
    await situation.reconcile()
    assert ("list", "PODS") in situation.api.requests
    assert cluster.status.state == "cancelled"


async def test_replaced_resource_is_left_alone() -> None:
    cluster = SimulatedCluster(cancel=True)
    situation = Situation(cluster)
    body = situation.api.body()
    body["metadata"]["uid"] = "99999999-aaaa-4bbb-8ccc-ddddeeeeffff"
    situation.api.body = lambda: body  # type: ignore[method-assign]
    await situation.reconcile()
    assert situation.api.requests == [("get", NAME)]


async def test_rejected_resources_are_reported_in_the_status_and_retried() -> None:
    situation = Situation(SimulatedCluster())
    situation.api.refusals["Job"] = KubeError(422, "Invalid", "spec.template.spec.nodeSelector: Invalid value")
    with pytest.raises(KubeError):
        await situation.reconcile()
    status = situation.api.statuses[-1]
    (placed,) = (entry for entry in status["conditions"] if entry["type"] == "Placed")
    assert (placed["status"], placed["reason"]) == ("False", "Refused")
    assert status["message"] == (
        "the API server rejected the job's resources: spec.template.spec.nodeSelector: Invalid value"
    )


async def test_rejection_is_written_once() -> None:
    situation = Situation(SimulatedCluster())
    situation.api.refusals["Job"] = KubeError(422, "Invalid", "spec.template.spec.nodeSelector: Invalid value")
    for _ in range(3):
        with pytest.raises(KubeError):
            await situation.reconcile()
        situation.cluster.pass_time(10)
    assert len(situation.api.statuses) == 1


async def test_past_rejection_leaves_no_trace_once_the_pod_runs() -> None:
    cluster = SimulatedCluster()
    situation = Situation(cluster)
    situation.api.refusals["Job"] = KubeError(422, "Invalid", "no")
    with pytest.raises(KubeError):
        await situation.reconcile()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.settle()
    assert "refuses" not in (cluster.status.message or "")
    assert cluster.status.condition("Placed").status == "True"  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_transient_error_is_not_a_rejection(status: int) -> None:
    situation = Situation(SimulatedCluster())
    situation.api.refusals["Role"] = KubeError(status, "", "try again later")
    with pytest.raises(KubeError):
        await situation.reconcile()
    assert situation.api.statuses == []


async def test_labelled_objects_of_another_namespace_are_not_children() -> None:
    # Anybody who can make Jobs somewhere could otherwise end somebody else's job.
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    situation = Situation(cluster)
    await situation.reconcile()
    forged = cluster.job_of(AUGMENT).to_wire()
    forged["metadata"] = {**forged["metadata"], "namespace": "elsewhere"}
    forged["status"] = {
        "conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    }
    pod = cluster.pods[-1].to_wire()
    pod["metadata"] = {**pod["metadata"], "namespace": "elsewhere", "name": "forged"}
    pod["status"] = {"containerStatuses": [{"state": {"waiting": {"reason": "InvalidImageName"}}}]}
    situation.children.foreign_jobs = [read_job(forged)]
    situation.children.foreign_pods = [read_pod(pod)]
    await situation.reconcile()
    assert cluster.status.state == "running"


async def test_copy_of_a_child_under_another_name_is_no_child() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    situation = Situation(cluster)
    copied = cluster.job_of(AUGMENT).to_wire()
    copied["metadata"] = {**copied["metadata"], "name": "debugging"}
    copied["status"] = {
        "conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    }
    situation.children.foreign_jobs = [read_job(copied)]
    await situation.reconcile()
    assert cluster.status.state == "running"


async def test_spec_rejected_by_the_models_fails_with_field_and_fix() -> None:
    situation = Situation(SimulatedCluster())
    body = situation.api.body()
    body["spec"]["augmentation"] = {"episodes": "5:3"}
    situation.api.version += 1
    body["metadata"]["resourceVersion"] = "7"
    situation.controller.observe(body)
    await situation.reconcile()
    (status,) = situation.api.statuses
    assert status["state"] == "failed"
    assert "spec.augmentation.episodes" in status["message"]
    assert "write first:last with first < last" in status["message"]
    assert status["conditions"][0]["reason"] == "SpecInvalid"


@pytest.mark.parametrize(("asked", "message"), [("cancel", "cancelling"), ("suspend", "suspended")])
async def test_job_with_an_unreadable_spec_can_still_be_stopped(asked: str, message: str) -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    situation = Situation(cluster)
    body = situation.api.body()
    body["spec"] |= {"fromANewerVersion": 1, asked: True}
    body["metadata"]["resourceVersion"] = "7"
    situation.controller.observe(body)
    await situation.reconcile()
    assert situation.api.requests == [("status", "running"), ("delete", cluster.job_name(AUGMENT))]
    (status,) = situation.api.statuses
    assert status["message"].startswith(message)
    assert len(status["phases"]) == 4


async def test_job_with_an_unreadable_status_continues_and_can_be_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    situation = Situation(cluster)
    body = situation.api.body()
    augment = next(phase for phase in body["status"]["phases"] if phase["name"] == "augment")
    augment["events"].append({"id": "augmentation-worker-shard-0-000001", "timestamp": "2020-01-01T00:00:00+99:99"})
    body["status"]["source"] |= {"episodes": 4 * 10**18}
    body["spec"]["cancel"] = True
    body["metadata"]["resourceVersion"] = "7"
    situation.controller.observe(body)
    for _ in range(3):
        await situation.reconcile()
    assert ("delete", cluster.job_name(AUGMENT)) in situation.api.requests
    assert caplog.text.count("cannot be read") == 1
    assert "status.source.episodes" in caplog.text


async def test_pods_are_stopped_even_if_the_status_cannot_be_written() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.change(cancel=True)
    situation = Situation(cluster)
    situation.api.refusals["status"] = KubeError(500, "", "etcdserver: request is too large")
    with pytest.raises(KubeError):
        await situation.reconcile()
    assert situation.api.requests[-1] == ("delete", cluster.job_name(AUGMENT))


async def test_unreadable_resource_is_left_as_it_is_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    situation = Situation(cluster)
    body = situation.api.body()
    body["spec"]["fromANewerVersion"] = 1
    body["metadata"]["resourceVersion"] = "7"
    situation.controller.observe(body)
    with caplog.at_level(logging.ERROR):
        await situation.reconcile()
    assert situation.api.requests == []
    assert "spec.fromANewerVersion" in caplog.text


async def test_older_version_is_ignored() -> None:
    cluster = SimulatedCluster()
    situation = Situation(cluster)
    old = situation.api.body()
    cluster.settle()
    situation.watches_catch_up()
    situation.controller.observe(old)
    await situation.reconcile()
    assert situation.api.requests == []


async def test_deleted_resource_is_not_reconciled() -> None:
    situation = Situation(SimulatedCluster())
    situation.controller.forget(UID)
    assert await situation.reconcile() is None
    assert situation.api.requests == []


async def test_resource_being_deleted_is_not_reconciled() -> None:
    situation = Situation(SimulatedCluster())
    body = situation.api.body()
    body["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": "7"}
    situation.controller.observe(body)
    assert await situation.reconcile() is None
    assert situation.api.requests == []


@pytest.mark.parametrize("change", [{}, {"spec": {"source": "of a later version"}}])
async def test_running_children_of_a_resource_being_deleted_are_stopped(change: dict[str, Any]) -> None:
    """Somebody's finalizer may keep the resource, and so its children, for as long as they like."""
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    situation = Situation(cluster)
    body = situation.api.body() | change
    body["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": "7"}
    situation.controller.observe(body)
    situation.api.requests.clear()
    assert await situation.reconcile() is None
    assert situation.api.requests == [("delete", f"{NAME}-0f1e2d3c-augment")]


async def test_priority_class_created_later_counts_for_a_job_that_already_waits() -> None:
    limited = make_class(limits={"maxJobsPerNamespace": 1})
    cluster = SimulatedCluster(priorityClassName="urgent", classes=(limited,))
    cluster.place = Place(has_slot=False, position=1, depth=2, limit=1)
    cluster.reach(AUGMENT)
    situation = Situation(cluster)
    for uid, has_slot, queued_at in (
        ("holder", True, "2025-01-01T00:00:00Z"),
        ("first", False, "2025-01-02T00:00:00Z"),
    ):
        body = copy.deepcopy(situation.api.body())
        body["metadata"] |= {"uid": uid, "name": uid}
        body["spec"].pop("priorityClassName")
        body["status"]["queuedAt"] = queued_at
        for condition in body["status"]["conditions"]:
            if condition["type"] == "Admitted":
                condition["status"] = str(has_slot)
        situation.controller.observe(body)
    situation.priorities["urgent"] = 100
    await situation.reconcile()
    assert situation.api.statuses[-1]["queue"]["position"] == 0


async def test_slot_is_not_granted_twice_while_the_labels_of_a_node_are_read() -> None:
    cluster = SimulatedCluster(classes=(make_class(limits={"maxJobsPerNamespace": 1}),))
    cluster.place = Place(has_slot=True, position=0, depth=1, limit=1)
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.change(suspend=True)
    cluster.place = None
    cluster.settle()
    cluster.change(suspend=False)
    situation = Situation(cluster)
    situation.children.pods[-1] = dataclasses.replace(situation.children.pods[-1], node="unknown")
    other = copy.deepcopy(situation.api.body())
    other["metadata"] |= {"uid": "other", "name": "other"}
    read = situation.api.get

    async def grant_to_other_meanwhile(resource: Resource, name: str, namespace: str | None = None) -> dict[str, Any]:
        situation.controller.observe(other)
        situation.slots.grant("other")
        return await read(resource, name, namespace)

    situation.api.get = grant_to_other_meanwhile  # type: ignore[method-assign]
    await situation.reconcile()
    assert ("get", "unknown") in situation.api.requests
    admitted = [entry for entry in situation.api.statuses[-1]["conditions"] if entry["type"] == "Admitted"]
    assert [entry["status"] for entry in admitted] == ["False"]


async def test_finished_jobs_are_not_among_the_unfinished() -> None:
    cluster = SimulatedCluster()
    situation = Situation(cluster)
    assert situation.jobs.unfinished() == [UID]
    cluster.complete()
    situation.watches_catch_up()
    assert situation.jobs.unfinished() == []


def running(cluster: SimulatedCluster) -> Situation:
    """A controller over a job of which one shard runs, all of it written."""
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    return Situation(cluster)


async def report(situation: Situation, done: int) -> timedelta | None:
    """A shard reports progress, and the operator reconciles."""
    situation.cluster.report_shard(0, state="running", frames={"total": 1500, "done": done})
    situation.watches_catch_up()
    return await situation.reconcile()


async def test_progress_alone_is_deferred_by_seconds_and_then_written() -> None:
    situation = running(SimulatedCluster())
    await report(situation, 100)
    for done in (200, 300):
        situation.cluster.pass_time(1)
        again = await report(situation, done)
    assert len(situation.api.statuses) == 1
    assert again is not None
    assert again <= timedelta(seconds=3)
    situation.cluster.pass_time(again.total_seconds())
    await situation.reconcile()
    assert situation.api.statuses[-1]["progress"]["frames"]["done"] == 300


async def test_changes_other_than_progress_are_written_at_once() -> None:
    situation = running(SimulatedCluster())
    await report(situation, 100)
    situation.cluster.change(suspend=True)
    situation.watches_catch_up()
    await situation.reconcile()
    assert len(situation.api.statuses) == 2


async def test_each_event_is_created_once() -> None:
    situation = Situation(SimulatedCluster())
    await situation.reconcile()
    situation.watches_catch_up()
    await situation.reconcile()
    reasons = [(event["type"], event["reason"]) for event in situation.api.events]
    assert reasons == [("Normal", "ResolveStarted"), ("Normal", "ClassSelected")]
    assert situation.api.events[0]["involvedObject"]["uid"] == UID


async def test_failure_to_create_an_event_fails_nothing() -> None:
    situation = Situation(SimulatedCluster())
    situation.api.refusals["Event"] = KubeError(403, "Forbidden", "no")
    await situation.reconcile()
    assert situation.api.requests[-1] == ("status", "queued")


async def test_unavailable_webhook_is_reported_in_the_status_and_retried() -> None:
    situation = Situation(SimulatedCluster())
    down = 'Internal error occurred: failed calling webhook "mjob.kb.io": connection refused'
    situation.api.refusals["Job"] = KubeError(500, "InternalError", down)
    with pytest.raises(KubeError):
        await situation.reconcile()
    assert situation.api.statuses[-1]["message"] == f"the API server rejected the job's resources: {down}"
