"""The controller: the order of its calls, its fresh reads, and its answers to errors of the API server."""

import copy
import logging
from datetime import timedelta
from typing import Any

import pytest

from augmentation_api.identifiers import FIELD_MANAGER_OPERATOR
from augmentation_kube import KubeError, Resource
from augmentation_operator.controller.executor import TERMINATION_SEEN_AFTER
from augmentation_operator.controller.expectations import DELIVERED_WITHIN
from augmentation_operator.queueing.built_in import Place
from tests.kubernetes.in_memory import Call
from tests.unit.operator.simulated_cluster import AUGMENT, NAME, PUBLISH, RESOLVE, UID, SimulatedCluster, make_class
from tests.unit.operator.simulated_jobs import NAMESPACE

Json = dict[str, Any]

REQUESTS_OF_THE_SIDE = (Resource.EVENTS, Resource.WORKLOADS, Resource.LOCAL_QUEUES)
"""What a reconcile asks of these is not in `requests`."""


class Situation:
    """An operator that runs while things happen in its cluster, and what it has asked of the API server."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster, self.kube = cluster, cluster.kube
        self.operator = cluster.operator()
        self.kube.calls.clear()

    @property
    def _calls(self) -> list[Call]:
        return [call for call in self.kube.calls if call.field_manager in (None, FIELD_MANAGER_OPERATOR)]

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Verb and name of all requests so far; of what is created the kind, of a status the state."""
        return [_described(call) for call in self._calls if call.resource not in REQUESTS_OF_THE_SIDE]

    @property
    def statuses(self) -> list[Json]:
        """The statuses that were written."""
        return [call.body["status"] for call in self._calls if call.verb == "apply" and call.subresource]

    @property
    def events(self) -> list[Json]:
        """The Events that were created."""
        creates = (call for call in self._calls if call.verb == "create")
        return [dict(call.body) for call in creates if call.resource is Resource.EVENTS]

    def refuse(self, kind: str, error: KubeError) -> None:
        """Let the API server refuse to create objects of a kind."""
        self.kube.fail(error, "create", Resource.of(kind))

    def write(self, **parts: Any) -> None:
        """Somebody writes parts of the resource, valid or not, and the watch shows it."""
        self.kube.put(Resource.AUGMENTATION_JOBS, {**self.cluster.body, **parts}, NAMESPACE)
        self.operator.catch_up()

    def begin_deletion(self, **parts: Any) -> None:
        """The resource is deleted, and a finalizer keeps it."""
        held = {**self.cluster.body["metadata"], "finalizers": ["example.com/hold"]}
        self.write(metadata=held, **parts)
        self.kube.delete_now(Resource.AUGMENTATION_JOBS, NAME, NAMESPACE)
        self.operator.catch_up()

    def watches_catch_up(self) -> None:
        self.operator.catch_up()

    async def reconcile(self) -> timedelta | None:
        return await self.operator.controller.reconcile(UID)


def _described(call: Call) -> tuple[str, str]:
    if call.subresource == "status":
        return "status", str(call.body["status"].get("state"))
    if call.verb in ("create", "apply"):
        return call.verb, str(call.body["kind"])
    if call.verb == "list":
        return call.verb, call.resource.name
    uid, _ = call.preconditions
    return call.verb, f"{call.name} {uid}" if uid else call.name


async def test_children_are_created_in_order_and_status_is_written_last() -> None:
    situation = Situation(SimulatedCluster())
    await situation.reconcile()
    assert situation.requests == [
        ("create", "ServiceAccount"),
        ("create", "Role"),
        ("create", "RoleBinding"),
        ("create", "ConfigMap"),
        ("create", "Job"),
        ("status", "queued"),
    ]


async def test_child_that_already_exists_is_no_error() -> None:
    situation = Situation(SimulatedCluster())
    situation.refuse("Job", KubeError(409, "AlreadyExists", "jobs.batch already exists"))
    await situation.reconcile()
    assert situation.requests[-1] == ("status", "queued")


async def test_created_children_are_not_created_again_before_the_watch_delivers_them() -> None:
    situation = Situation(SimulatedCluster())
    await situation.reconcile()
    requests = list(situation.requests)
    assert await situation.reconcile() == DELIVERED_WITHIN
    assert situation.requests == requests
    situation.cluster.pass_time(DELIVERED_WITHIN.total_seconds())
    await situation.reconcile()
    assert ("create", "Job") in situation.requests[len(requests) :]


async def test_unchanged_status_is_not_written() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    situation = Situation(cluster)
    await situation.reconcile()
    assert situation.requests == []


async def test_terminal_status_is_written_before_children_are_deleted() -> None:
    # The other way round a kill in between leaves a job that finds its child missing and makes it again.
    cluster = SimulatedCluster(activeDeadlineSeconds=60)
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.settle()
    cluster.pass_time(60)
    situation = Situation(cluster)
    await situation.reconcile()
    assert situation.requests[-2:] == [("status", "failed"), ("delete", cluster.job_name(RESOLVE))]


async def test_cancel_is_confirmed_with_a_fresh_read_when_watches_lag() -> None:
    cluster = SimulatedCluster()
    situation = Situation(cluster)
    cluster.settle()
    cluster.start_pod(RESOLVE)  # not delivered by the watches yet
    cluster.change(cancel=True)
    situation.operator.catch_up(Resource.AUGMENTATION_JOBS)
    await situation.reconcile()
    assert ("status", "cancelled") not in situation.requests
    assert ("delete", cluster.job_name(RESOLVE)) in situation.requests


async def test_worker_report_not_yet_delivered_is_not_treated_as_missing() -> None:
    cluster = SimulatedCluster()
    cluster.reach(PUBLISH)
    cluster.start_pod(PUBLISH)
    cluster.settle()
    situation = Situation(cluster)
    cluster.report_output()
    cluster.succeed_pod(PUBLISH)
    cluster.pass_time(600)
    situation.operator.catch_up(Resource.JOBS, Resource.PODS)  # the resources' watch hangs
    await situation.reconcile()
    assert cluster.status.state == "completed"


async def test_confirmed_end_is_written() -> None:
    cluster = SimulatedCluster(cancel=True)
    situation = Situation(cluster)
    await situation.reconcile()
    assert situation.requests == [
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
    assert situation.requests == [("get", "node-a"), ("status", "completed")]


async def test_end_is_confirmed_while_the_end_of_a_pod_is_not_delivered() -> None:
    cluster = SimulatedCluster()
    cluster.reach(PUBLISH)
    cluster.start_pod(PUBLISH)
    cluster.settle()
    situation = Situation(cluster)
    cluster.report_output()
    cluster.succeed_pod(PUBLISH)
    situation.operator.catch_up(Resource.AUGMENTATION_JOBS, Resource.JOBS)
    await situation.reconcile()
    fresh_reads = [("get", NAME), ("list", "JOBS"), ("list", "PODS")]
    assert situation.requests == [("get", "node-a"), *fresh_reads, ("status", "completed")]


async def test_finished_job_is_left_alone_unless_it_has_a_time_to_live() -> None:
    cluster = SimulatedCluster()
    cluster.complete()
    situation = Situation(cluster)
    assert await situation.reconcile() is None
    assert situation.requests == []
    cluster.change(ttlSecondsAfterFinished=60)
    situation.watches_catch_up()
    assert await situation.reconcile() == timedelta(seconds=60)


async def test_time_to_live_deletes_the_resource_of_that_uid_only() -> None:
    cluster = SimulatedCluster(ttlSecondsAfterFinished=60)
    cluster.complete()
    situation = Situation(cluster)
    cluster.pass_time(60)
    await situation.reconcile()
    assert situation.requests[-1] == ("delete", f"{NAME} {UID}")


async def test_prolonged_time_to_live_is_respected() -> None:
    cluster = SimulatedCluster(ttlSecondsAfterFinished=60)
    cluster.complete()
    situation = Situation(cluster)
    cluster.pass_time(60)
    cluster.change(ttlSecondsAfterFinished=3600)  # not delivered by the watch yet
    again = await situation.reconcile()
    assert not [name for verb, name in situation.requests if verb == "delete"]
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
    cluster.copy_pod(cluster.pods[-1], "lingering").change("Running")  # not delivered by the watches
    await situation.reconcile()
    assert ("list", "PODS") in situation.requests
    assert cluster.status.state == "cancelled"


async def test_replaced_resource_is_left_alone() -> None:
    cluster = SimulatedCluster(cancel=True)
    situation = Situation(cluster)
    body = cluster.body
    situation.kube.remove(Resource.AUGMENTATION_JOBS, NAME, NAMESPACE)
    replacement = {"name": NAME, "uid": "99999999-aaaa-4bbb-8ccc-ddddeeeeffff"}
    situation.kube.put(Resource.AUGMENTATION_JOBS, {**body, "metadata": replacement}, NAMESPACE)
    await situation.reconcile()
    assert situation.requests == [("get", NAME)]


async def test_new_job_of_the_same_name_does_not_inherit_a_status() -> None:
    cluster = SimulatedCluster()
    situation = Situation(cluster)
    situation.kube.remove(Resource.AUGMENTATION_JOBS, NAME, NAMESPACE)
    replacement = SimulatedCluster(existing=cluster, uid="99999999-aaaa-4bbb-8ccc-ddddeeeeffff")
    assert await situation.reconcile() is None
    assert situation.requests[-3:] == [("status", "queued"), ("status", "None"), ("get", NAME)]
    assert replacement.status.state is None
    assert UID not in situation.operator.jobs


async def test_rejected_resources_are_reported_in_the_status_and_retried() -> None:
    situation = Situation(SimulatedCluster())
    situation.refuse("Job", KubeError(422, "Invalid", "spec.template.spec.nodeSelector: Invalid value"))
    with pytest.raises(KubeError):
        await situation.reconcile()
    status = situation.statuses[-1]
    (placed,) = (entry for entry in status["conditions"] if entry["type"] == "Placed")
    assert (placed["status"], placed["reason"]) == ("False", "Refused")
    assert status["message"] == (
        "the API server rejected the job's resources: spec.template.spec.nodeSelector: Invalid value"
    )


@pytest.mark.parametrize("kind", ["Job", "Event"])
async def test_namespace_that_is_being_deleted_is_no_rejection(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """The API server knows of a namespace's deletion before the operator's watch does."""
    situation = Situation(SimulatedCluster())
    message = "events is forbidden: unable to create new content in namespace team because it is being terminated"
    situation.refuse(kind, KubeError(403, "Forbidden", message, namespace_terminates=True))
    requeue_after = await situation.reconcile()
    assert "forbidden" not in caplog.text
    assert not any("forbidden" in str(status) for status in situation.statuses)
    if kind == "Job":
        assert requeue_after == TERMINATION_SEEN_AFTER


async def test_rejection_is_written_once() -> None:
    situation = Situation(SimulatedCluster())
    situation.refuse("Job", KubeError(422, "Invalid", "spec.template.spec.nodeSelector: Invalid value"))
    for _ in range(3):
        with pytest.raises(KubeError):
            await situation.reconcile()
        situation.cluster.pass_time(10)
    assert len(situation.statuses) == 1


async def test_past_rejection_leaves_no_trace_once_the_pod_runs() -> None:
    cluster = SimulatedCluster()
    situation = Situation(cluster)
    situation.refuse("Job", KubeError(422, "Invalid", "no"))
    with pytest.raises(KubeError):
        await situation.reconcile()
    situation.kube.recover()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.settle()
    assert "refuses" not in (cluster.status.message or "")
    assert cluster.status.condition("Placed").status == "True"  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_transient_error_is_not_a_rejection(status: int) -> None:
    situation = Situation(SimulatedCluster())
    situation.refuse("Role", KubeError(status, "", "try again later"))
    with pytest.raises(KubeError):
        await situation.reconcile()
    assert situation.statuses == []


async def test_labelled_objects_of_another_namespace_are_not_children() -> None:
    # Anybody who can make Jobs somewhere could otherwise end somebody else's job.
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    situation = Situation(cluster)
    await situation.reconcile()
    job = cluster.job_of(AUGMENT).to_wire()
    forged = {**job, "metadata": {"name": job["metadata"]["name"], "labels": job["metadata"]["labels"]}}
    failed = [{"type": "Failed", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    situation.kube.put(Resource.JOBS, {**forged, "status": {"conditions": failed}}, "elsewhere")
    pod = cluster.pods[-1].to_wire()
    metadata = {"name": "forged", "labels": pod["metadata"]["labels"]}
    waiting = {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "InvalidImageName"}}}]}
    situation.kube.put(Resource.PODS, {**pod, "metadata": metadata, "status": waiting}, "elsewhere")
    situation.watches_catch_up()
    await situation.reconcile()
    assert cluster.status.state == "running"


async def test_copy_of_a_child_under_another_name_is_no_child() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    situation = Situation(cluster)
    job = cluster.job_of(AUGMENT).to_wire()
    failed = [{"type": "Failed", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    copied = {"name": "debugging", "labels": job["metadata"]["labels"]}
    situation.kube.put(Resource.JOBS, {**job, "metadata": copied, "status": {"conditions": failed}}, NAMESPACE)
    situation.watches_catch_up()
    await situation.reconcile()
    assert cluster.status.state == "running"


@pytest.mark.parametrize(
    ("field", "value", "fix"),
    [
        ("episodes", "5:3", "write first:last with first < last"),
        ("where", "success = true", "write == to compare (at character 9: = true)"),
    ],
)
async def test_spec_rejected_by_the_models_fails_with_field_and_fix(field: str, value: str, fix: str) -> None:
    situation = Situation(SimulatedCluster())
    situation.write(spec={**situation.cluster.spec, "augmentation": {field: value}})
    await situation.reconcile()
    (status,) = situation.statuses
    assert status["state"] == "failed"
    assert f"spec.augmentation.{field}" in status["message"]
    assert status["message"].endswith(fix)
    assert not [request for request in situation.requests if request[0] not in ("list", "status")]
    assert status["conditions"][0]["reason"] == "SpecInvalid"


@pytest.mark.parametrize(("asked", "message"), [("cancel", "cancelling"), ("suspend", "suspended")])
async def test_job_with_an_unreadable_spec_can_still_be_stopped(asked: str, message: str) -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    situation = Situation(cluster)
    child = cluster.job_name(AUGMENT)
    situation.write(spec={**cluster.spec, "fromANewerVersion": 1, asked: True})
    await situation.reconcile()
    assert situation.requests == [("status", "running"), ("delete", child)]
    (status,) = situation.statuses
    assert status["message"].startswith(message)
    assert len(status["phases"]) == 4


async def test_job_with_an_unreadable_status_continues_and_can_be_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    situation = Situation(cluster)
    cluster.report_event(AUGMENT, timestamp="2020-01-01T00:00:00+99:99")
    cluster.report_source(episodes=4 * 10**18)
    cluster.change(cancel=True)
    situation.watches_catch_up()
    for _ in range(3):
        await situation.reconcile()
    assert ("delete", cluster.job_name(AUGMENT)) in situation.requests
    assert caplog.text.count("cannot be read") == 1
    assert "status.source.episodes" in caplog.text


async def test_pods_are_stopped_even_if_the_status_cannot_be_written() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.change(cancel=True)
    situation = Situation(cluster)
    situation.kube.fail(KubeError(500, "", "etcdserver: request is too large"), "apply", Resource.AUGMENTATION_JOBS)
    with pytest.raises(KubeError):
        await situation.reconcile()
    assert situation.requests[-1] == ("delete", cluster.job_name(AUGMENT))


async def test_unreadable_resource_is_left_as_it_is_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    situation = Situation(cluster)
    situation.write(spec={**cluster.spec, "fromANewerVersion": 1})
    with caplog.at_level(logging.ERROR):
        await situation.reconcile()
    assert situation.requests == []
    assert "spec.fromANewerVersion" in caplog.text


async def test_older_version_is_ignored() -> None:
    cluster = SimulatedCluster()
    situation = Situation(cluster)
    old = cluster.body
    cluster.settle()
    situation.watches_catch_up()
    situation.operator.controller.observe(old)
    situation.kube.calls.clear()
    await situation.reconcile()
    assert situation.requests == []


async def test_deleted_resource_is_not_reconciled() -> None:
    situation = Situation(SimulatedCluster())
    situation.kube.remove(Resource.AUGMENTATION_JOBS, NAME, NAMESPACE)
    situation.watches_catch_up()
    assert await situation.reconcile() is None
    assert situation.requests == []


async def test_resource_being_deleted_is_not_reconciled() -> None:
    situation = Situation(SimulatedCluster())
    situation.begin_deletion()
    assert await situation.reconcile() is None
    assert situation.requests == []


@pytest.mark.parametrize("change", [{}, {"spec": {"source": "of a later version"}}])
async def test_running_children_of_a_resource_being_deleted_are_stopped(change: dict[str, Any]) -> None:
    """Somebody's finalizer may keep the resource, and so its children, for as long as they like."""
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    situation = Situation(cluster)
    situation.begin_deletion(**change)
    assert await situation.reconcile() is None
    assert situation.requests == [("delete", f"{NAME}-0f1e2d3c-augment")]


async def test_priority_class_created_later_counts_for_a_job_that_already_waits() -> None:
    limited = make_class(limits={"maxJobsPerNamespace": 1})
    cluster = SimulatedCluster(priorityClassName="urgent", classes=(limited,))
    cluster.place = Place(has_slot=False, position=1, depth=2, limit=1)
    cluster.reach(AUGMENT)
    cluster.place = None
    cluster.classes = (limited,)
    situation = Situation(cluster)
    for uid, has_slot, queued_at in (
        ("holder", True, "2025-01-01T00:00:00Z"),
        ("first", False, "2025-01-02T00:00:00Z"),
    ):
        body = copy.deepcopy(cluster.body)
        body["metadata"] = {"uid": uid, "name": uid}
        body["spec"].pop("priorityClassName")
        body["status"]["queuedAt"] = queued_at
        for condition in body["status"]["conditions"]:
            if condition["type"] == "Admitted":
                condition["status"] = str(has_slot)
        situation.kube.put(Resource.AUGMENTATION_JOBS, body, NAMESPACE)
    situation.kube.put(Resource.PRIORITY_CLASSES, {"metadata": {"name": "urgent"}, "value": 100})
    situation.watches_catch_up()
    await situation.reconcile()
    assert situation.statuses[-1]["queue"]["position"] == 0


async def test_slot_is_not_granted_twice_while_the_labels_of_a_node_are_read() -> None:
    cluster = SimulatedCluster(classes=(make_class(limits={"maxJobsPerNamespace": 1}),))
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.change(suspend=True)
    cluster.settle()
    cluster.change(suspend=False)
    cluster.pods[-1].change(node="unknown")
    situation = Situation(cluster)
    other = copy.deepcopy(cluster.body)
    other["metadata"] |= {"uid": "other", "name": "other"}
    read = situation.kube.get

    async def grant_to_other_meanwhile(resource: Resource, name: str, *place: str | None, **options: Any) -> Json:
        situation.operator.controller.observe(other)
        situation.operator.slots.grant("other")
        return await read(resource, name, *place, **options)

    situation.kube.get = grant_to_other_meanwhile  # type: ignore[method-assign]
    await situation.reconcile()
    assert ("get", "unknown") in situation.requests
    admitted = [entry for entry in situation.statuses[-1]["conditions"] if entry["type"] == "Admitted"]
    assert [entry["status"] for entry in admitted] == ["False"]


async def test_finished_jobs_are_not_among_the_unfinished() -> None:
    cluster = SimulatedCluster()
    situation = Situation(cluster)
    assert situation.operator.jobs.unfinished() == [UID]
    cluster.complete()
    situation.watches_catch_up()
    assert situation.operator.jobs.unfinished() == []


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
    assert len(situation.statuses) == 1
    assert again is not None
    assert again <= timedelta(seconds=3)
    situation.cluster.pass_time(again.total_seconds())
    await situation.reconcile()
    assert situation.statuses[-1]["progress"]["frames"]["done"] == 300


async def test_changes_other_than_progress_are_written_at_once() -> None:
    situation = running(SimulatedCluster())
    await report(situation, 100)
    situation.cluster.change(suspend=True)
    situation.watches_catch_up()
    await situation.reconcile()
    assert len(situation.statuses) == 2


async def test_each_event_is_created_once() -> None:
    situation = Situation(SimulatedCluster())
    await situation.reconcile()
    situation.watches_catch_up()
    await situation.reconcile()
    reasons = [(event["type"], event["reason"]) for event in situation.events]
    assert reasons == [("Normal", "ResolveStarted")]
    assert situation.events[0]["involvedObject"]["uid"] == UID


async def test_failure_to_create_an_event_fails_nothing() -> None:
    situation = Situation(SimulatedCluster())
    situation.refuse("Event", KubeError(403, "Forbidden", "no"))
    await situation.reconcile()
    assert situation.requests[-1] == ("status", "queued")


async def test_unavailable_webhook_is_reported_in_the_status_and_retried() -> None:
    situation = Situation(SimulatedCluster())
    down = 'Internal error occurred: failed calling webhook "mjob.kb.io": connection refused'
    situation.refuse("Job", KubeError(500, "InternalError", down))
    with pytest.raises(KubeError):
        await situation.reconcile()
    assert situation.statuses[-1]["message"] == f"the API server rejected the job's resources: {down}"
