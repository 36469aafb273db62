"""The dialect `/jobs`, checked against its documentation in every state of a job."""

from typing import Any

import httpx
import pytest

from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.views.request import AugmentationRequest
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.gateway.conftest import BODY, put, written
from tests.unit.gateway.dialects.states import (
    ALL_STATES,
    bring,
    conforms,
    integer,
    moment,
    nullable,
    number,
    object_of,
    one_of,
    text,
    thing,
    uuid,
)
from tests.unit.gateway.job_objects import AT, JOB_ID, PROJECT_ID, job_object

PATH = f"/jobs/{JOB_ID}"
FIELDS = {
    "job_id": uuid,
    "type": one_of("augmentation"),
    "status": one_of("initializing", "pending", "queued", "running", "succeeded", "failed", "canceled", "rejected"),
    "created_at": moment,
    "started_at": nullable(moment),
    "finished_at": nullable(moment),
    "created_by": object_of(
        {"principal_type": nullable(one_of("user", "service")), "user_id": nullable(text), "api_key_id": nullable(text)}
    ),
    "input": thing,
    "output": thing,
    "resources": object_of(
        {
            "dataset": object_of({"id": uuid, "version_id": nullable(uuid), "version_number": integer}),
            "type": one_of("augmentation"),
        }
    ),
    "error_message": nullable(text),
    "woodwide_runtime_version": nullable(text),
    "credits_consumed": nullable(number),
    "progress": nullable(number),
    "estimated_seconds_remaining": nullable(number),
    # Not in the document: what the vendor's client reads as well.
    "id": uuid,
    "dataset_id": uuid,
    "dataset_name": nullable(text),
}
CLIENTS_OWN = {"id", "dataset_id", "dataset_name"}
ITEM = {
    name: FIELDS[name]
    for name in (
        *("id", "type", "status", "created_at", "started_at", "finished_at", "created_by"),
        *("dataset_id", "dataset_name"),
    )
}
# The documented response, with its placeholders.
EXAMPLE: dict[str, Any] = {
    "job_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
    "type": "<string>",
    "created_at": "2023-11-07T05:31:56Z",
    "started_at": "2023-11-07T05:31:56Z",
    "finished_at": "2023-11-07T05:31:56Z",
    "created_by": {},
    "input": {},
    "output": {},
    "resources": {
        "dataset": {
            "id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
            "version_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
            "version_number": 123,
        },
        "type": "dataset_ingest",
    },
    "error_message": "<string>",
    "woodwide_runtime_version": "<string>",
    "credits_consumed": 123,
    "progress": 123,
    "estimated_seconds_remaining": 123,
}


@pytest.mark.parametrize("state", ALL_STATES)
async def test_every_field_is_as_documented(http: httpx.AsyncClient, view: ClusterView, state: str) -> None:
    bring(view, state)
    answer = await http.get(PATH)
    assert answer.status_code == 200
    body = answer.json()
    conforms(body, FIELDS)
    # The example leaves out status, which the document requires.
    assert set(body) == set(EXAMPLE) | {"status"} | CLIENTS_OWN
    assert set(body["resources"]["dataset"]) == set(EXAMPLE["resources"]["dataset"])
    assert 0 <= body["progress"] <= 100


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("just created", "initializing"),
        ("accepted", "initializing"),
        ("resolve pod not started", "pending"),
        ("resolving", "pending"),
        ("waiting in the queue", "queued"),
        ("waiting for a queue that is not there", "queued"),
        ("waiting for quota", "queued"),
        ("waiting for a node", "queued"),
        ("suspended", "queued"),
        ("preempted", "queued"),
        ("augmenting", "running"),
        ("completed", "succeeded"),
        ("failed", "rejected"),
        ("failed on the way", "failed"),
        ("hub away in resolve", "failed"),
        ("cancelled", "canceled"),
    ],
)
async def test_state_uses_terms_of_this_api(
    http: httpx.AsyncClient, view: ClusterView, state: str, status: str
) -> None:
    bring(view, state)
    body = (await http.get(PATH)).json()
    assert body["status"] == status
    assert (body["error_message"] is not None) == (status in ("failed", "rejected"))
    assert (await http.get("/jobs", params={"status": status})).json()["jobs"] == [body]
    others = [other for other in ("running", "pending") if other != status]
    for other in others:
        assert (await http.get("/jobs", params={"status": other})).json()["total"] == 0


@pytest.mark.parametrize(
    ("state", "started", "finished"),
    [
        ("augmenting", None, None),
        ("completed with all", AT[1], AT[9]),
        ("failed on the way", AT[1], AT[5]),
        ("cancelled with time", None, AT[6]),
    ],
)
async def test_start_and_end_times_are_shown(
    http: httpx.AsyncClient, view: ClusterView, state: str, started: str | None, finished: str | None
) -> None:
    bring(view, state)
    body = (await http.get(PATH)).json()
    assert (body["started_at"], body["finished_at"]) == (started, finished)


@pytest.mark.parametrize(("state", "credits_consumed"), [("running", None), ("completed", 1.25), ("failed", 1.25)])
async def test_usage_is_reported_once_final(
    http: httpx.AsyncClient, view: ClusterView, state: str, credits_consumed: float | None
) -> None:
    put(view, job_object(version=300, status={"state": state, "usage": {"acceleratorSeconds": 60, "price": 1.25}}))
    assert (await http.get(PATH)).json()["credits_consumed"] == credits_consumed
    put(view, job_object(version=301, status={"state": state, "usage": {"acceleratorSeconds": 60}}))
    assert (await http.get(PATH)).json()["credits_consumed"] is None


async def test_output_is_shown_once_published(http: httpx.AsyncClient, view: ClusterView) -> None:
    bring(view, "augmenting")
    assert (await http.get(PATH)).json()["output"] == {}
    put(view, job_object(version=400, status=ALL_STATES["completed with all"]))
    assert (await http.get(PATH)).json()["output"] == {
        "dataset_id": "me/pusht_augmented_2489e9ad",
        "revision": "abc",
        "episodes": 24,
        "frames": 1368,
    }


async def test_dataset_id_is_stable_across_jobs_and_differs_per_hub(http: httpx.AsyncClient, view: ClusterView) -> None:
    async def dataset() -> dict[str, Any]:
        resource: dict[str, Any] = (await http.get(PATH)).json()["resources"]["dataset"]
        return resource

    bring(view, "just created")
    before = await dataset()
    assert before["version_id"] is None
    put(view, job_object(version=400, status=ALL_STATES["completed with all"]))
    after = await dataset()
    assert after["id"] == before["id"]
    assert after["version_id"] is not None
    view.classes.apply(
        {
            "type": "ADDED",
            "object": {
                "metadata": {"name": "cpu", "uid": "c", "resourceVersion": "7"},
                "spec": {"default": True, "hub": {"endpoint": "https://hub.example/"}},
            },
        }
    )
    assert (await dataset())["id"] not in (before["id"], None)


async def test_dataset_on_volume_has_id(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, job_object(version=300, spec={"source": {"volume": {"claimName": "data", "path": "a/b"}}}))
    body = (await http.get(PATH)).json()
    conforms(body, FIELDS)
    assert "dataset_id" not in body["input"]


async def test_creator_is_shown(http: httpx.AsyncClient, view: ClusterView) -> None:
    assert (await http.get(PATH)).json()["created_by"] == {
        "principal_type": None,
        "user_id": None,
        "api_key_id": None,
    }
    job_id = (await http.post("/v1/augmentation", json=BODY)).json()["job_id"]
    assert (await http.get(f"/jobs/{job_id}")).json()["created_by"] == {
        "principal_type": "service",
        "user_id": "full",
        "api_key_id": "full",
    }


async def test_input_is_request(http: httpx.AsyncClient) -> None:
    request = {
        **BODY,
        "name": "All of it",
        "augment_transforms": "noise,lighting",
        "augment_brightness_min": -20,
        "noise_type": "shot",
        "augment_copies": 4,
        "seed": 5,
        "cameras": ["top"],
        "episodes": "0:3",
        "output_dataset_id": "me/out",
        "private": True,
        "revision": "v3.0",
    }
    job_id = (await http.post("/v1/augmentation", json=request)).json()["job_id"]
    fields = (await http.get(f"/jobs/{job_id}")).json()["input"]
    assert {name: fields[name] for name in request} == request
    AugmentationRequest.model_validate(fields)
    assert fields["project_id"] == PROJECT_ID


def put_five(view: ClusterView) -> None:
    """Five jobs in all, each an hour older than the one before it."""
    for hour in range(4):
        raw = job_object(f"00000000-0000-4000-8000-{hour:012}", 300 + hour, name=f"j{hour}")
        raw["metadata"]["creationTimestamp"] = f"2026-11-20T0{hour}:00:00Z"
        put(view, raw)


async def test_list_is_read_by_cursor_and_by_offset(http: httpx.AsyncClient, view: ClusterView) -> None:
    put_five(view)
    everything = (await http.get("/jobs")).json()
    assert (len(everything["jobs"]), everything["total"], everything["next_cursor"]) == (5, 5, None)
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while len(items) < 5:
        page = (await http.get("/jobs", params={"limit": 2, **cursor})).json()
        assert page["items"] == [{name: job[name] for name in ITEM} for job in page["jobs"]]
        items += page["items"]
        cursor = {"cursor": page["next_cursor"]}
    assert page["next_cursor"] is None
    assert items == everything["items"]
    for item in items:
        conforms(item, ITEM)
    from_offset = (await http.get("/jobs", params={"limit": 2, "offset": 2})).json()
    assert from_offset["items"] == items[2:4]
    assert (await http.get("/jobs", params={"limit": 2, "cursor": from_offset["next_cursor"]})).json()["items"] == [
        items[4]
    ]


@pytest.mark.parametrize("wrong", [{"cursor": "x"}, {"status": "running"}, {"offset": "1"}])
async def test_cursor_of_another_list_is_422(http: httpx.AsyncClient, view: ClusterView, wrong: dict[str, str]) -> None:
    put_five(view)
    cursor = (await http.get("/jobs", params={"limit": 1})).json()["next_cursor"]
    assert (await http.get("/jobs", params={"limit": 1, "cursor": cursor})).status_code == 200
    assert (await http.get("/jobs", params={"limit": 1, "cursor": cursor, **wrong})).status_code == 422


async def test_list_is_filtered_as_the_client_asks(http: httpx.AsyncClient, view: ClusterView) -> None:
    bring(view, "completed with all")

    async def total(**filters: str) -> int:
        answer = await http.get("/jobs", params=filters)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["total"])

    version = (await http.get(PATH)).json()["resources"]["dataset"]["version_id"]
    assert await total(type="augmentation", dataset_version_id=version.upper()) == 1
    assert await total(dataset_version_id="dsv_A8K2P9QX") == 0
    for filters in (
        {"type": "train"},
        {"status": "waiting_for_upload"},
        {"model_id": "mdl_A8K2P9QX"},
        {"model_version_id": "mdlv_A8K2P9QX"},
    ):
        assert await total(**filters) == 0


async def test_unknown_parameter_is_an_error_unless_the_client_is_the_vendors(
    http: httpx.AsyncClient, view: ClusterView
) -> None:
    bring(view, "augmenting")
    query = {"sort_by": "é&", "status": "succeeded"}
    answer = await http.get("/jobs", params=query)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "sort_by"]
    for agent in ("WoodWide/Python 0.9.0", "AsyncWoodWide/Python 1.0.0"):
        answer = await http.get("/jobs", params=query, headers={"user-agent": agent})
        assert (answer.status_code, answer.json()["total"]) == (200, 0)
        # What is known is still checked.
        answer = await http.get("/jobs", params={"status": "done", "x": "1"}, headers={"user-agent": agent})
        assert answer.status_code == 422


async def test_results_are_empty_until_there_are_some(http: httpx.AsyncClient, view: ClusterView) -> None:
    nothing = {
        "job_type": "augmentation",
        "dataset_ingest_results": None,
        "summary": None,
        "row_paginatable": False,
    }
    put(view, job_object(version=300, status=ALL_STATES["augmenting"]))
    assert (await http.get(f"{PATH}/results")).json() == nothing
    put(view, job_object(version=301, status=ALL_STATES["completed with all"]))
    body = (await http.get(f"{PATH}/results")).json()
    # Its class, which alone names the hub, is not there.
    assert body["dataset_ingest_results"] == {**(await http.get(PATH)).json()["output"], "url": None}
    assert body["summary"] == {"total_row_count": 1368}
    cpu = {"metadata": {"name": "cpu", "uid": "c", "resourceVersion": "7"}}
    hub = {"default": True, "hub": {"endpoint": "https://hub.example/"}}
    view.classes.apply({"type": "ADDED", "object": {**cpu, "spec": hub}})
    body = (await http.get(f"{PATH}/results")).json()
    assert body["dataset_ingest_results"]["url"] == "https://hub.example/datasets/me/pusht_augmented_2489e9ad"
    assert (await http.get(f"{PATH}/results", headers={"x-api-key": "other-project"})).status_code == 404


async def test_retry_returns_job(http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube) -> None:
    bring(view, "failed")
    answer = await http.post(f"{PATH}/retry")
    assert answer.status_code == 200
    conforms(answer.json(), FIELDS)
    assert written(kube) == [{"metadata": {"uid": JOB_ID}, "spec": {"attempt": 1}}]
    put(view, job_object(version=600, status={"state": "running"}))
    refused = await http.post(f"{PATH}/retry")
    # Wood Wide's client repeats a 409 otherwise.
    assert (refused.status_code, refused.headers["x-should-retry"]) == (409, "false")


async def test_cancel_returns_job(http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube) -> None:
    answer = await http.post(f"{PATH}/cancel")
    assert answer.status_code == 200
    conforms(answer.json(), FIELDS)
    assert written(kube) == [{"metadata": {"uid": JOB_ID}, "spec": {"cancel": True}}]
    put(view, job_object(version=600, status={"state": "completed"}))
    assert (await http.post(f"{PATH}/cancel")).status_code == 409


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        (PATH.upper().replace("/JOBS", "/jobs"), "full", 200),
        ("/jobs/42", "full", 422),
        (PATH, "other-project", 404),
        (PATH, "other-namespace", 404),
        (PATH, "wrong", 401),
    ],
)
async def test_job_id_is_checked_and_key_is_required(http: httpx.AsyncClient, path: str, key: str, status: int) -> None:
    answer = await http.get(path, headers={"x-api-key": key})
    assert answer.status_code == status
    assert "detail" in answer.json() or status == 200
