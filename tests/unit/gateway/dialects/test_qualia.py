"""The paths of qualia's packages: each answer is computed from what the key may see, and nothing else."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.dialects.qualia import datasets
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.gateway.conftest import OTHER_PROJECT, created, put, writes
from tests.unit.gateway.dialects.states import ALL_STATES, bring
from tests.unit.gateway.job_objects import AT, JOB_ID, PROJECT_ID, condition, job_object, listing

OTHER_ID = "00000000-0000-4000-8000-000000000001"
READ = {"state": "completed", "source": {"revision": "abc", "format": "LeRobot v3.0", "cameras": ["top", "wrist"]}}
KEYS = "/v1/datasets/lerobot/pusht/image-keys"


def put_jobs(view: ClusterView, number: int, **spec: Any) -> list[str]:
    """Jobs of the other project, a minute after one another."""
    uids = [f"00000000-0000-4000-8000-{index + 1:012}" for index in range(number)]
    for index, uid in enumerate(uids):
        fields = {"projectID": OTHER_PROJECT, "displayName": f"Job {index}", **spec}
        raw = job_object(uid, 300 + index, name=f"j{index}", spec=fields)
        raw["metadata"]["creationTimestamp"] = AT[index + 1]
        put(view, raw)
    return uids


async def every_page(http: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        body = (await http.get(path, params={**query, **cursor})).json()
        items += body["items"]
        if not body["page_info"]["has_next"]:
            assert body["page_info"] == {"has_next": False, "end_cursor": None, "total_count": len(items)}
            return items
        cursor = {"cursor": body["page_info"]["end_cursor"]}


async def reader(kube: InMemoryKube) -> dict[str, Any]:
    """The job that was created to read a dataset."""
    for _ in range(500):
        if found := created(kube):
            break
        await asyncio.sleep(0.01)
    (job,) = found
    return dict(job)


@pytest.mark.parametrize("sort", ["newest", "oldest", "updated", "name"])
async def test_pages_have_every_job_once_in_order(http: httpx.AsyncClient, view: ClusterView, sort: str) -> None:
    uids = [JOB_ID, *put_jobs(view, 4)]
    jobs = await every_page(http, "/v1/jobs/list", sort=sort, limit=2)
    assert sorted(job["job_id"] for job in jobs) == sorted(uids)
    texts = [job["job_desc"].lower() if sort == "name" else job["created_at"] for job in jobs]
    assert texts == sorted(texts, reverse=sort in ("newest", "updated"))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"cursor": "eA"}, "is no cursor"),
        ({"cursor": "WyJuYW1lIiwiYSIsImIiXQ"}, "another sort"),
        ({"limit": 101}, "at most 100"),
        ({"sort": "size"}, "has to be"),
        ({"serch": "x"}, "serch is not a field of this request"),
    ],
)
async def test_invalid_query_says_what_to_change(http: httpx.AsyncClient, query: dict[str, Any], sentence: str) -> None:
    answer = await http.get("/v1/jobs/list", params=query)
    assert answer.status_code == 422
    assert sentence in answer.json()["detail"][0]["msg"]


async def test_query_of_a_later_release_of_the_client_is_no_error(http: httpx.AsyncClient) -> None:
    query = {"workspace": "w", "search": "no such"}
    assert (await http.get("/v1/jobs/list", params=query)).status_code == 422
    answer = await http.get("/v1/jobs/list", params=query, headers={"user-agent": "qualia-python/0.9.0"})
    assert answer.json()["items"] == []


@pytest.mark.parametrize("path", ["/v1/jobs/list", "/v1/projects/list", "/v1/datasets/list"])
async def test_key_sees_only_what_is_of_its_jobs(http: httpx.AsyncClient, view: ClusterView, path: str) -> None:
    put_jobs(view, 1, source={"hub": {"repoID": "secret/one"}})
    seen = {}
    for key in ("full", "project", "other-project", "other-namespace"):
        http.headers["x-api-key"] = key
        seen[key] = (await http.get(path)).text
    hidden = {"/v1/jobs/list": OTHER_ID, "/v1/projects/list": OTHER_PROJECT, "/v1/datasets/list": "secret/one"}[path]
    assert [key for key, text in seen.items() if hidden in text] == ["full", "other-project"]
    assert (await http.get(path, headers={"x-api-key": "writer"})).status_code == 403
    assert (await http.get(path, headers={"x-api-key": "wrong"})).status_code == 401


async def test_projects_count_their_jobs(http: httpx.AsyncClient, view: ClusterView) -> None:
    put_jobs(view, 3)
    body = (await http.get("/v1/projects/list", params={"sort": "oldest"})).json()
    assert [project["project_id"] for project in body["items"]] == [PROJECT_ID, OTHER_PROJECT]
    assert body["items"][1]["description"] == "3 jobs, 3 of them not finished"
    assert body["items"][1]["created_at"] == AT[1]
    (project,) = (await http.get("/v1/projects", headers={"x-api-key": "other-project"})).json()["data"]
    assert [job["name"] for job in project["jobs"]] == ["Job 2", "Job 1", "Job 0"]


async def test_project_of_a_key_is_listed_without_jobs(http: httpx.AsyncClient) -> None:
    (project,) = (await http.get("/v1/projects/list", headers={"x-api-key": "other-project"})).json()["items"]
    assert (project["project_id"], project["description"]) == (OTHER_PROJECT, "0 jobs")


async def test_project_has_the_same_id_for_the_same_name(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    answers = [await http.post("/v1/projects", json={"name": name}) for name in ("a", "a", "b")]
    assert [answer.status_code for answer in answers] == [201] * 3
    ids = [answer.json()["project_id"] for answer in answers]
    assert ids[0] == ids[1] != ids[2]
    assert writes(kube) == [], "there is nothing to keep"


@pytest.mark.parametrize(
    ("method", "path", "key", "status", "sentence"),
    [
        ("POST", "/v1/projects", "project", 409, f"use project {PROJECT_ID}"),
        ("POST", "/v1/projects", "reader", 403, "no write right"),
        ("DELETE", f"/v1/projects/{PROJECT_ID}", "full", 409, "has 1 job, and is there as long"),
        ("DELETE", f"/v1/projects/{PROJECT_ID}", "other-project", 404, "There is no project"),
        ("DELETE", f"/v1/projects/{OTHER_PROJECT}", "other-project", 409, "have the administrator"),
        ("POST", "/v1/finetune", "full", 404, "There is no training here"),
        ("GET", "/v1/finetune/hyperparams/defaults", "full", 404, "use client.augmentation.create"),
        ("GET", f"/v1/finetune/{OTHER_ID}", "full", 404, "There is no augmentation job"),
        ("GET", "/v1/datasets/uploads", "full", 404, "Not Found"),
    ],
)
async def test_what_cannot_be_offered_is_said(
    http: httpx.AsyncClient, method: str, path: str, key: str, status: int, sentence: str
) -> None:
    body = {"name": "mine"} if method == "POST" else None
    answer = await http.request(method, path, headers={"x-api-key": key}, json=body)
    assert answer.status_code == status
    assert sentence in answer.json()["detail"]


async def test_datasets_are_inputs_and_outputs(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, job_object(version=300, status={**READ, "output": {"datasetID": "me/out", "revision": "r"}}))
    body = (await http.get("/v1/datasets/list", params={"sort": "name"})).json()
    assert [(item["path"], item["subtype"]) for item in body["items"]] == [
        ("lerobot/pusht", "lerobot_v3"),
        ("me/out", "lerobot_v3"),
    ]
    assert [item["jobs"][0]["direction"] for item in body["items"]] == ["input", "output"]
    in_jobs = (await http.get(f"/jobs/{JOB_ID}")).json()["resources"]["dataset"]["id"]
    assert body["items"][0]["artifact_id"] == in_jobs
    for query, paths in (
        ({"flow": "output"}, ["me/out"]),
        ({"search": "PUSHT"}, ["lerobot/pusht"]),
        ({"dataset_type": "lerobot_v2_1"}, []),
        ({"job_id": OTHER_ID}, []),
        ({"project_id": OTHER_PROJECT}, []),
    ):
        page = (await http.get("/v1/datasets/list", params=query)).json()
        assert [item["path"] for item in page["items"]] == paths


async def test_cameras_are_those_that_the_newest_job_has_found(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube
) -> None:
    put(view, job_object(version=300, status=READ))
    older = job_object(OTHER_ID, 301, name="older", status={"source": {"revision": "x", "cameras": ["old"]}})
    older["metadata"]["creationTimestamp"] = "2026-11-01T10:00:00Z"
    put(view, older)
    of_a_folder = job_object(
        "00000000-0000-4000-8000-000000000009",
        302,
        name="folder",
        status={"source": {"revision": "x", "cameras": ["inner"]}},
    )
    of_a_folder["metadata"]["creationTimestamp"] = "2026-12-01T10:00:00Z"
    of_a_folder["spec"]["source"]["hub"]["path"] = "inner"
    put(view, of_a_folder)
    assert (await http.get(KEYS)).json() == {"dataset_id": "lerobot/pusht", "image_keys": ["top", "wrist"]}
    assert writes(kube) == []


async def test_cameras_of_an_unread_dataset_are_read_by_one_job(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube
) -> None:
    asked = [asyncio.create_task(http.get(KEYS, headers={"x-api-key": "project"})) for _ in range(2)]
    job = await reader(kube)
    assert job["spec"]["preview"] == {}
    assert (job["spec"]["projectID"], job["spec"]["source"]) == (PROJECT_ID, {"hub": {"repoID": "lerobot/pusht"}})
    assert (job["spec"]["ttlSecondsAfterFinished"], job["spec"]["pendingDeadlineSeconds"]) == (600, 600)
    read = {**job, "metadata": {**job["metadata"], "resourceVersion": "900"}, "status": {**READ, "state": "running"}}
    put(view, read)
    for answer in await asyncio.gather(*asked):
        assert answer.json()["image_keys"] == ["top", "wrist"]
    assert len(created(kube)) == 1
    assert (await http.get("/v1/jobs/list")).json()["page_info"]["total_count"] == 1, "it is in no list"


@pytest.mark.parametrize(("reason", "status"), [("SourceNotFound", 404), ("SourceInvalid", 400)])
async def test_why_cameras_cannot_be_read_is_said(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube, reason: str, status: int
) -> None:
    asked = asyncio.create_task(http.get(KEYS))
    job = await reader(kube)
    failed = condition("Failed", "True", reason, "lerobot/pusht is damaged: upload it again")
    ended = {"state": "failed", "conditions": [failed]}
    put(view, {**job, "metadata": {**job["metadata"], "resourceVersion": "900"}, "status": ended})
    answer = await asked
    assert (answer.status_code, answer.json()["detail"]) == (status, "lerobot/pusht is damaged: upload it again")


async def test_cameras_that_are_not_read_in_time_are_503(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "WAIT_SECONDS", 0.01)
    answer = await http.get(KEYS)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "is being read by job" in answer.json()["detail"]


async def test_reading_key_creates_no_job_for_cameras(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    answer = await http.get(KEYS, headers={"x-api-key": "reader"})
    assert answer.status_code == 409
    assert "may not create one" in answer.json()["detail"]
    assert writes(kube) == []


async def test_instances_are_placements_of_default_classes(http: httpx.AsyncClient, view: ClusterView) -> None:
    limits = {"rdma/hca": 1, "nvidia.com/gpu": 2}
    placements = [{"name": "gpu", "resources": {"limits": limits}, "pricePerHour": 0.1}, {"name": "cpu"}]
    specs: dict[str, dict[str, Any]] = {
        "standard": {"default": True, "image": "i", "placements": placements, "scratchSize": "5e9"},
        "special": {"image": "i"},
        "broken": {"default": True, "image": "i", "placements": [{"name": "UPPER CASE"}]},
    }
    view.classes.replace(
        listing(
            *({"metadata": {"name": n, "uid": n, "resourceVersion": "5"}, "spec": s} for n, s in specs.items()),
            version=9,
        )
    )
    data = (await http.get("/v1/instances")).json()["data"]
    assert [instance["id"] for instance in data] == ["standard.gpu", "standard.cpu"]
    assert (data[0]["credits_per_hour"], data[0]["price_per_hour"], data[1]["price_per_hour"]) == (1, 0.1, None)
    assert data[0]["gpu_description"] == "2 of nvidia.com/gpu"
    assert data[0]["specs"] == {
        **{"vcpus": 1, "memory_gib": 1, "storage_gib": 5},
        **{"gpu_count": 2, "gpu_type": "nvidia.com/gpu"},
    }


async def test_credits_used_are_those_of_the_jobs_that_the_key_sees(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, job_object(version=300, status={**READ, "usage": {"price": 1.25}}))
    assert (await http.get("/v1/credits")).json()["used"] == 1.25
    assert (await http.get("/v1/credits", headers={"x-api-key": "other-project"})).json()["used"] == 0


@pytest.mark.parametrize("state", ALL_STATES)
async def test_every_state_is_a_finetune_status(http: httpx.AsyncClient, view: ClusterView, state: str) -> None:
    bring(view, state)
    body = (await http.get(f"/v1/finetune/{JOB_ID}")).json()
    native = (await http.get(f"/v1/augmentation/{JOB_ID}")).json()
    for name in ("status", "current_phase", "phases", "instance_type"):
        assert body[name] == native[name]
    assert (body["ops"], body["current_op"]) == (body["phases"], body["current_phase"])
    assert UUID(body["project_id"]) == UUID(PROJECT_ID)
