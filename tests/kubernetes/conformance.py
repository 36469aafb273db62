"""What a Kubernetes API does with the programs' requests: the same for the one in memory and the real one.

A scenario is given an API and a namespace of its own that exists and is empty.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any

import pytest

from augmentation_kube import KubeApi, KubeError, Resource

Json = dict[str, Any]
Scenario = Callable[[KubeApi, str], Awaitable[None]]

SCENARIOS: list[Scenario] = []
EVENTUALLY_SECONDS = 30.0
STRANGER = "11111111-2222-4333-8444-555555555555"
"""A uid that no object has."""


def scenario(check: Scenario) -> Scenario:
    """Run this against every Kubernetes API."""
    SCENARIOS.append(check)
    return check


# Objects.


def config_map(name: str = "a", **metadata: Any) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": {"one": "1"}}


def augmentation_job(name: str = "kitchen") -> Json:
    return {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"name": name},
        "spec": {"source": {"hub": {"repoID": "lab/kitchen"}}},
    }


def role(name: str = "a", *verbs: str, **metadata: Any) -> Json:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": name, **metadata},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": [*verbs] or ["get"]}],
    }


def pod(name: str = "a", node: str = "") -> Json:
    spec: Json = {"containers": [{"name": "worker", "image": "worker"}], **({"nodeName": node} if node else {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def event(name: str, of: str, kind: str = "Warning") -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name},
        "involvedObject": {"kind": "Pod", "name": of},
        "type": kind,
        "reason": "Failed",
        "message": "no",
    }


def names(listing: Json) -> list[str]:
    return [item["metadata"]["name"] for item in listing["items"]]


async def refusal(request: Coroutine[Any, Any, Any]) -> tuple[int, str, str]:
    """Status, reason and message of the error that a request ends with."""
    with pytest.raises(KubeError) as caught:
        await request
    return caught.value.status, caught.value.reason, caught.value.message


def reported(body: Json) -> Json:
    """The status of a job; lists that are empty by default are left out."""
    return {name: value for name, value in body.get("status", {}).items() if value != []}


# Creating and reading.


@scenario
async def created_object_has_an_identity(api: KubeApi, namespace: str) -> None:
    created = await api.create(Resource.CONFIG_MAPS, config_map(), namespace)
    assert (created["apiVersion"], created["kind"], created["data"]) == ("v1", "ConfigMap", {"one": "1"})
    metadata = created["metadata"]
    assert metadata["namespace"] == namespace
    assert len(metadata["uid"]) == 36
    assert metadata["creationTimestamp"].endswith("Z")
    assert int(metadata["resourceVersion"]) > 0
    assert await api.get(Resource.CONFIG_MAPS, "a", namespace) == created


@scenario
async def name_is_taken_once(api: KubeApi, namespace: str) -> None:
    await api.create(Resource.JOBS, batch_job(), namespace)
    taken = (409, "AlreadyExists", 'jobs.batch "a" already exists')
    assert await refusal(api.create(Resource.JOBS, batch_job(), namespace)) == taken
    assert await refusal(api.create(Resource.JOBS, batch_job(), namespace, dry_run=True)) == taken


@scenario
async def missing_object_is_not_found(api: KubeApi, namespace: str) -> None:
    patch = {"metadata": {"labels": {"a": "b"}}}
    for resource, what in (
        (Resource.PODS, "pods"),
        (Resource.AUGMENTATION_JOBS, "augmentationjobs.augmentation.dev"),
        (Resource.ROLES, "roles.rbac.authorization.k8s.io"),
    ):
        missing = (404, "NotFound", f'{what} "nobody" not found')
        assert await refusal(api.get(resource, "nobody", namespace)) == missing
        assert await refusal(api.merge_patch(resource, "nobody", patch, namespace=namespace)) == missing
        await api.delete(resource, "nobody", namespace)


@scenario
async def resource_that_is_not_served_differs_from_a_missing_object(api: KubeApi, namespace: str) -> None:
    not_served = (404, "", r"404 page not found\n")
    assert await refusal(api.get(Resource.LOCAL_QUEUES, "a", namespace)) == not_served
    assert await refusal(api.list(Resource.WORKLOADS, namespace)) == not_served


@scenario
async def dry_run_keeps_nothing(api: KubeApi, namespace: str) -> None:
    tried = await api.create(Resource.AUGMENTATION_JOBS, augmentation_job(), namespace, dry_run=True)
    assert tried["metadata"]["name"] == "kitchen"
    assert (await api.list(Resource.AUGMENTATION_JOBS, namespace))["items"] == []


@scenario
async def status_is_written_by_its_subresource_alone(api: KubeApi, namespace: str) -> None:
    jobs = Resource.AUGMENTATION_JOBS
    created = await api.create(jobs, {**augmentation_job(), "status": {"message": "forged"}}, namespace)
    assert "status" not in created
    status = {"status": {"message": "queued"}}
    unchanged = await api.merge_patch(jobs, "kitchen", status, namespace=namespace)
    assert unchanged["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]
    both = {**status, "spec": {"cancel": True}}
    written = await api.merge_patch(jobs, "kitchen", both, namespace=namespace, subresource="status")
    assert reported(written) == {"message": "queued"}
    assert not written["spec"].get("cancel")
    assert await api.get(jobs, "kitchen", namespace, subresource="status") == written


@scenario
async def generation_counts_changes_of_the_spec(api: KubeApi, namespace: str) -> None:
    jobs = Resource.AUGMENTATION_JOBS
    created = await api.create(jobs, augmentation_job(), namespace)
    status = {"status": {"message": "queued"}}
    written = await api.merge_patch(jobs, "kitchen", status, namespace=namespace, subresource="status")
    labels = {"metadata": {"labels": {"a": "b"}}}
    labelled = await api.merge_patch(jobs, "kitchen", labels, namespace=namespace)
    changed = await api.merge_patch(jobs, "kitchen", {"spec": {"suspend": True}}, namespace=namespace)
    answers = (created, written, labelled, changed)
    assert [answer["metadata"]["generation"] for answer in answers] == [1, 1, 1, 2]
    versions = [int(answer["metadata"]["resourceVersion"]) for answer in answers]
    assert versions == sorted(set(versions))


# Merge patch.


@scenario
async def merge_patch_sets_and_removes_fields(api: KubeApi, namespace: str) -> None:
    await api.create(Resource.CONFIG_MAPS, config_map(), namespace)
    patch = {"data": {"one": None, "two": "2"}, "metadata": {"annotations": {"a": "b"}}}
    patched = await api.merge_patch(Resource.CONFIG_MAPS, "a", patch, namespace=namespace)
    assert (patched["data"], patched["metadata"]["annotations"]) == ({"two": "2"}, {"a": "b"})
    again = await api.merge_patch(Resource.CONFIG_MAPS, "a", patch, namespace=namespace)
    assert again["metadata"]["resourceVersion"] == patched["metadata"]["resourceVersion"]


@scenario
async def patch_of_another_object_or_an_older_version_is_refused(api: KubeApi, namespace: str) -> None:
    created = await api.create(Resource.CONFIG_MAPS, config_map(), namespace)
    uid, version = created["metadata"]["uid"], created["metadata"]["resourceVersion"]
    for metadata, answer in (({"uid": STRANGER}, (422, "Invalid")), ({"resourceVersion": "1"}, (409, "Conflict"))):
        patch = {"metadata": metadata, "data": {"one": "2"}}
        status, reason, message = await refusal(api.merge_patch(Resource.CONFIG_MAPS, "a", patch, namespace=namespace))
        assert (status, reason) == answer
        assert ("metadata.uid" in message) == ("uid" in metadata)
    patch = {"metadata": {"uid": uid, "resourceVersion": version}, "data": {"one": "2"}}
    patched = await api.merge_patch(Resource.CONFIG_MAPS, "a", patch, namespace=namespace)
    assert patched["data"] == {"one": "2"}


# Server-side apply.


async def apply_status(api: KubeApi, namespace: str, manager: str, **status: Any) -> Json:
    body = {**augmentation_job(), "status": status}
    del body["spec"]
    applied = await api.apply(
        Resource.AUGMENTATION_JOBS, "kitchen", body, field_manager=manager, namespace=namespace, subresource="status"
    )
    return reported(applied)


def started(phase: str, *events: str) -> Json:
    listed = [{"id": name, "timestamp": "2026-01-01T00:00:00Z", "status": "started"} for name in events]
    return {"name": phase, **({"events": listed} if listed else {})}


def condition(kind: str, status: str) -> Json:
    at = "2026-01-01T00:00:00Z"
    return {"type": kind, "status": status, "reason": "Tested", "message": "", "lastTransitionTime": at}


@scenario
async def apply_creates_and_changes(api: KubeApi, namespace: str) -> None:
    first = await api.apply(Resource.ROLES, "a", role("a", "get"), field_manager="operator", namespace=namespace)
    assert first["metadata"]["namespace"] == namespace
    same = await api.apply(Resource.ROLES, "a", role("a", "get"), field_manager="operator", namespace=namespace)
    assert same["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    other = await api.apply(
        Resource.ROLES, "a", role("a", "get", "patch"), field_manager="operator", namespace=namespace
    )
    assert other["rules"][0]["verbs"] == ["get", "patch"]
    assert other["metadata"]["uid"] == first["metadata"]["uid"]


@scenario
async def field_that_is_applied_no_more_is_removed(api: KubeApi, namespace: str) -> None:
    labels = {"a": "b", "c": "d"}
    await api.apply(Resource.ROLES, "a", role(labels=labels), field_manager="operator", namespace=namespace)
    await api.merge_patch(Resource.ROLES, "a", {"metadata": {"labels": {"e": "f"}}}, namespace=namespace)
    applied = await api.apply(
        Resource.ROLES, "a", role(labels={"a": "b"}), field_manager="operator", namespace=namespace
    )
    assert applied["metadata"]["labels"] == {"a": "b", "e": "f"}
    applied = await api.apply(Resource.ROLES, "a", role(), field_manager="operator", namespace=namespace)
    assert applied["metadata"]["labels"] == {"e": "f"}


@scenario
async def status_is_shared_by_its_writers(api: KubeApi, namespace: str) -> None:
    await api.create(Resource.AUGMENTATION_JOBS, augmentation_job(), namespace)
    await apply_status(api, namespace, "operator", message="resolving", phases=[started("resolve", "by-operator")])
    await apply_status(api, namespace, "worker", phases=[started("resolve", "by-worker")], source={"frames": 7})
    status = await apply_status(
        api, namespace, "operator", state="running", phases=[{**started("resolve"), "status": "completed"}]
    )
    (phase,) = status["phases"]
    assert (status["state"], status["source"]["frames"]) == ("running", 7)
    assert "message" not in status
    assert phase["status"] == "completed"
    assert [event["id"] for event in phase["events"]] == ["by-worker"]
    status = await apply_status(api, namespace, "operator", state="running")
    assert [(phase["name"], phase.get("status")) for phase in status["phases"]] == [("resolve", None)]
    status = await apply_status(api, namespace, "worker")
    assert status == {"state": "running"}


@scenario
async def item_of_a_list_is_found_by_its_key(api: KubeApi, namespace: str) -> None:
    await api.create(Resource.AUGMENTATION_JOBS, augmentation_job(), namespace)
    await apply_status(
        api, namespace, "operator", conditions=[condition("Accepted", "True"), condition("Placed", "False")]
    )
    await apply_status(api, namespace, "shard-1", shards=[{"index": 1, "state": "running"}])
    await apply_status(api, namespace, "shard-0", shards=[{"index": 0, "state": "running"}])
    status = await apply_status(api, namespace, "operator", conditions=[condition("Placed", "True")])
    assert [(entry["type"], entry["status"]) for entry in status["conditions"]] == [("Placed", "True")]
    status = await apply_status(api, namespace, "shard-1", shards=[{"index": 1, "state": "completed"}])
    states = {entry["index"]: entry["state"] for entry in status["shards"]}
    assert states == {0: "running", 1: "completed"}


@scenario
async def merged_list_keeps_the_order_of_what_is_applied(api: KubeApi, namespace: str) -> None:
    await api.create(Resource.AUGMENTATION_JOBS, augmentation_job(), namespace)
    for manager, applied, merged in (
        ("a", (3, 1), [3, 1]),
        ("b", (2, 1, 5), [3, 2, 1, 5]),
        ("c", (4,), [3, 2, 1, 5, 4]),
        ("d", (0, 5, 9, 3), [2, 1, 0, 5, 4, 9, 3]),
        ("a", (1, 3, 7), [2, 1, 0, 5, 4, 9, 3, 7]),
        ("b", (5,), [1, 0, 5, 4, 9, 3, 7]),
    ):
        status = await apply_status(api, namespace, manager, shards=[{"index": index} for index in applied])
        assert [entry["index"] for entry in status["shards"]] == merged


@scenario
async def field_is_taken_from_its_owner_and_kept(api: KubeApi, namespace: str) -> None:
    await api.create(Resource.AUGMENTATION_JOBS, augmentation_job(), namespace)
    await apply_status(api, namespace, "worker", message="from the worker", state="queued")
    await apply_status(api, namespace, "operator", message="from the operator", state="queued")
    assert await apply_status(api, namespace, "worker") == {"message": "from the operator", "state": "queued"}
    assert await apply_status(api, namespace, "operator") == {}


@scenario
async def list_without_keys_is_one_field(api: KubeApi, namespace: str) -> None:
    await api.create(Resource.AUGMENTATION_JOBS, augmentation_job(), namespace)
    await apply_status(api, namespace, "worker", source={"cameras": ["left", "right"], "frames": 7})
    status = await apply_status(api, namespace, "worker", source={"cameras": ["top"]})
    assert status == {"source": {"cameras": ["top"]}}


@scenario
async def apply_to_another_object_is_refused(api: KubeApi, namespace: str) -> None:
    def applied() -> Coroutine[Any, Any, Json]:
        body = role(labels={"a": "b"}, uid=STRANGER)
        return api.apply(Resource.ROLES, "a", body, field_manager="operator", namespace=namespace)

    assert (await refusal(applied()))[:2] == (409, "Conflict")
    await api.create(Resource.ROLES, role(), namespace)
    status, reason, message = await refusal(applied())
    assert (status, reason) == (422, "Invalid")
    assert "metadata.uid" in message


@scenario
async def status_of_a_custom_resource_is_written_whatever_uid_is_meant(api: KubeApi, namespace: str) -> None:
    def applied(**metadata: str) -> Coroutine[Any, Any, Json]:
        body = {**augmentation_job(), "metadata": {"name": "kitchen", **metadata}, "status": {"state": "queued"}}
        del body["spec"]
        options: Json = {"field_manager": "operator", "namespace": namespace, "subresource": "status"}
        return api.apply(Resource.AUGMENTATION_JOBS, "kitchen", body, **options)

    assert (await refusal(applied(uid=STRANGER)))[:2] == (404, "NotFound")
    created = await api.create(Resource.AUGMENTATION_JOBS, augmentation_job(), namespace)
    written = await applied(uid=STRANGER)
    assert (written["metadata"]["uid"], reported(written)) == (created["metadata"]["uid"], {"state": "queued"})
    assert (await refusal(applied(resourceVersion=created["metadata"]["resourceVersion"])))[:2] == (409, "Conflict")


# Deleting.


def batch_job(name: str = "a", **metadata: Any) -> Json:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "worker", "image": "worker"}]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, **metadata},
        "spec": {"suspend": True, "template": template},
    }


@scenario
async def object_is_deleted_only_as_it_was_meant(api: KubeApi, namespace: str) -> None:
    created = await api.create(Resource.CONFIG_MAPS, config_map(), namespace)
    uid, version = created["metadata"]["uid"], created["metadata"]["resourceVersion"]
    await api.merge_patch(Resource.CONFIG_MAPS, "a", {"data": {"one": "2"}}, namespace=namespace)
    await api.delete(Resource.CONFIG_MAPS, "a", namespace, uid=STRANGER)
    await api.delete(Resource.CONFIG_MAPS, "a", namespace, uid=uid, resource_version=version)
    assert (await api.get(Resource.CONFIG_MAPS, "a", namespace))["data"] == {"one": "2"}
    await api.delete(Resource.CONFIG_MAPS, "a", namespace, uid=uid)
    assert (await refusal(api.get(Resource.CONFIG_MAPS, "a", namespace)))[0] == 404


@scenario
async def finalizer_keeps_an_object(api: KubeApi, namespace: str) -> None:
    await api.create(Resource.CONFIG_MAPS, config_map(finalizers=["example.com/hold"]), namespace)
    await api.delete(Resource.CONFIG_MAPS, "a", namespace)
    held = await api.get(Resource.CONFIG_MAPS, "a", namespace)
    assert held["metadata"]["deletionTimestamp"]
    await api.merge_patch(Resource.CONFIG_MAPS, "a", {"metadata": {"finalizers": None}}, namespace=namespace)
    assert (await refusal(api.get(Resource.CONFIG_MAPS, "a", namespace)))[0] == 404


@scenario
async def pod_on_a_node_stays_until_its_kubelet_has_ended_it(api: KubeApi, namespace: str) -> None:
    for body in (pod("waits"), pod("runs", "node-a"), pod("ended", "node-a")):
        await api.create(Resource.PODS, body, namespace)
    ended = {"status": {"phase": "Succeeded"}}
    await api.merge_patch(Resource.PODS, "ended", ended, namespace=namespace, subresource="status")
    for name in ("waits", "runs", "ended"):
        await api.delete(Resource.PODS, name, namespace)
    (left,) = (await api.list(Resource.PODS, namespace))["items"]
    assert left["metadata"]["name"] == "runs"
    assert left["metadata"]["deletionTimestamp"]


@scenario
async def deletion_takes_along_what_an_object_owns(api: KubeApi, namespace: str) -> None:
    owner = await api.create(Resource.CONFIG_MAPS, config_map("owner"), namespace)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    owned = await api.create(Resource.ROLES, role("owned", ownerReferences=[reference]), namespace)
    reference = {
        "apiVersion": owned["apiVersion"],
        "kind": "Role",
        "name": "owned",
        "uid": owned["metadata"]["uid"],
    }
    await api.create(Resource.CONFIG_MAPS, config_map("owned-by-owned", ownerReferences=[reference]), namespace)
    await api.create(Resource.CONFIG_MAPS, config_map("free"), namespace)
    await api.delete(Resource.CONFIG_MAPS, "owner", namespace)
    async with asyncio.timeout(EVENTUALLY_SECONDS):
        while "owned-by-owned" in names(await api.list(Resource.CONFIG_MAPS, namespace)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert (await api.list(Resource.ROLES, namespace))["items"] == []
    assert "free" in names(await api.list(Resource.CONFIG_MAPS, namespace))


# Lists.


@scenario
async def list_has_a_version_and_its_items_in_order(api: KubeApi, namespace: str) -> None:
    for name in ("b", "c", "a"):
        created = await api.create(Resource.ROLES, role(name), namespace)
        await api.create(Resource.AUGMENTATION_JOBS, augmentation_job(name), namespace)
    listing = await api.list(Resource.ROLES, namespace)
    assert (listing["kind"], listing["apiVersion"]) == ("RoleList", "rbac.authorization.k8s.io/v1")
    assert names(listing) == ["a", "b", "c"]
    assert int(listing["metadata"]["resourceVersion"]) >= int(created["metadata"]["resourceVersion"])
    assert ["kind" in item for item in listing["items"]] == 3 * [False]
    jobs = await api.list(Resource.AUGMENTATION_JOBS, namespace)
    assert [item["kind"] for item in jobs["items"]] == 3 * ["AugmentationJob"]


@scenario
async def list_is_limited_by_labels(api: KubeApi, namespace: str) -> None:
    for name, labels in (("a", {"tier": "gpu", "team": "x"}), ("b", {"tier": "cpu"}), ("c", {})):
        await api.create(Resource.SECRETS, {"metadata": {"name": name, "labels": labels}}, namespace)
    for selector, chosen in (
        ("tier", ["a", "b"]),
        ("!tier", ["c"]),
        ("tier=gpu", ["a"]),
        ("tier==cpu", ["b"]),
        ("tier!=gpu", ["b", "c"]),
        ("tier in (gpu, cpu),team=x", ["a"]),
        ("tier notin (gpu)", ["b", "c"]),
        ("tier=none", []),
    ):
        assert names(await api.list(Resource.SECRETS, namespace, selector)) == chosen, selector


@scenario
async def list_is_limited_by_fields(api: KubeApi, namespace: str) -> None:
    for body in (event("a", "pod-1"), event("b", "pod-2"), event("c", "pod-1", "Normal")):
        body["metadata"]["namespace"] = body["involvedObject"]["namespace"] = namespace
        await api.create(Resource.EVENTS, body, namespace)
    for selector, chosen in (
        ("metadata.name=b", ["b"]),
        ("type=Warning", ["a", "b"]),
        ("type!=Normal,involvedObject.name=pod-1", ["a"]),
    ):
        assert names(await api.list(Resource.EVENTS, namespace, field_selector=selector)) == chosen, selector


@scenario
async def pages_are_of_one_version(api: KubeApi, namespace: str) -> None:
    for number in range(5):
        await api.create(Resource.SECRETS, {"metadata": {"name": f"s{number}"}}, namespace)
    pages = []
    async for page in api.pages(Resource.SECRETS, namespace, size=2):
        pages.append(page)
        await api.create(Resource.SECRETS, {"metadata": {"name": f"t{len(pages)}"}}, namespace)
    assert [names(page) for page in pages] == [["s0", "s1"], ["s2", "s3"], ["s4"]]
    assert len({page["metadata"]["resourceVersion"] for page in pages}) == 1
    assert [page["metadata"].get("remainingItemCount") for page in pages] == [3, 1, None]


# Watches.


async def watched(api: KubeApi, count: int, *arguments: Any, **options: Any) -> list[tuple[str, str, str]]:
    """The first events of a watch but for bookmarks: type, name and version."""
    events: list[tuple[str, str, str]] = []
    async with aclosing(api.watch(*arguments, **options)) as stream, asyncio.timeout(EVENTUALLY_SECONDS):
        async for each in stream:
            if each["type"] != "BOOKMARK":
                metadata = each["object"]["metadata"]
                events.append((each["type"], metadata["name"], metadata["resourceVersion"]))
            if len(events) == count:
                break
    return events


@scenario
async def watch_shows_what_was_changed_after_a_version(api: KubeApi, namespace: str) -> None:
    await api.create(Resource.CONFIG_MAPS, config_map("before"), namespace)
    version = (await api.list(Resource.CONFIG_MAPS, namespace))["metadata"]["resourceVersion"]
    created = await api.create(Resource.CONFIG_MAPS, config_map(), namespace)
    await api.create(Resource.ROLES, role(), namespace)
    patched = await api.merge_patch(Resource.CONFIG_MAPS, "a", {"data": {"one": "2"}}, namespace=namespace)
    await api.delete(Resource.CONFIG_MAPS, "a", namespace)
    opened: list[None] = []
    events = await watched(api, 3, Resource.CONFIG_MAPS, version, namespace, opened=lambda: opened.append(None))
    assert [event[:2] for event in events] == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    versions = [event[2] for event in events]
    assert versions[:2] == [created["metadata"]["resourceVersion"], patched["metadata"]["resourceVersion"]]
    assert int(versions[2]) > int(versions[1])
    assert opened == [None]
    assert await watched(api, 1, Resource.CONFIG_MAPS, versions[1], namespace) == events[2:]


@scenario
async def watch_shows_what_happens_while_it_is_open(api: KubeApi, namespace: str) -> None:
    version = (await api.list(Resource.CONFIG_MAPS, namespace))["metadata"]["resourceVersion"]
    is_open = asyncio.Event()
    watching = asyncio.create_task(watched(api, 2, Resource.CONFIG_MAPS, version, namespace, opened=is_open.set))
    await asyncio.wait_for(is_open.wait(), EVENTUALLY_SECONDS)
    for name in ("a", "b"):
        await api.create(Resource.CONFIG_MAPS, config_map(name), namespace)
    assert [event[:2] for event in await watching] == [("ADDED", "a"), ("ADDED", "b")]


@scenario
async def object_comes_and_goes_with_its_labels(api: KubeApi, namespace: str) -> None:
    secrets = Resource.SECRETS
    version = (await api.list(secrets, namespace))["metadata"]["resourceVersion"]
    await api.create(secrets, {"metadata": {"name": "a"}}, namespace)
    for value in ("x", "y", None, "x"):
        await api.merge_patch(secrets, "a", {"metadata": {"labels": {"team": value}}}, namespace=namespace)
    await api.delete(secrets, "a", namespace)
    events = await watched(api, 5, secrets, version, namespace, "team")
    assert [event[0] for event in events] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
    versions = [int(event[2]) for event in events]
    assert versions == sorted(versions)
    assert len(await watched(api, 2, secrets, version, namespace, field_selector="metadata.name=a")) == 2


@scenario
async def watch_ends_in_time(api: KubeApi, namespace: str) -> None:
    version = (await api.list(Resource.CONFIG_MAPS, namespace))["metadata"]["resourceVersion"]
    assert await watched(api, 1, Resource.CONFIG_MAPS, version, namespace, timeout_seconds=1) == []
