"""The GenAI dialect, checked against its documentation in every state of a job."""

import httpx
import pytest

from augmentation_gateway.cache.cluster_view import ClusterView
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.gateway.conftest import put, writes
from tests.unit.gateway.dialects.states import (
    ALL_STATES,
    bring,
    conforms,
    integer,
    moment,
    nullable,
    one_of,
    remove_by_ttl,
    text,
    uuid,
)
from tests.unit.gateway.job_objects import JOB_ID, event, job_object

PATH = f"/api/v2/genai/status/{JOB_ID}/"
FIELDS = {
    "code": one_of(0, 1),
    "created": moment,
    "description": text,
    "message": text,
    "status": one_of("INITIALIZED", "RUNNING", "COMPLETED", "ERROR", "ABORTED", "EXPIRED"),
    "statusId": uuid,
    "statusType": one_of("augmentation"),
}
# The documented response; each service fills its empty fields.
EXAMPLE = {
    "code": 0,
    "created": "2019-08-24T14:15:22Z",
    "description": "",
    "message": "",
    "status": "INITIALIZED",
    "statusId": "e900225c-0629-4e96-be6e-86a17a309645",
    "statusType": "",
}


@pytest.mark.parametrize("state", ALL_STATES)
async def test_every_field_is_as_documented(http: httpx.AsyncClient, view: ClusterView, state: str) -> None:
    bring(view, state)
    answer = await http.get(PATH, headers={"accept": "application/json"})
    assert answer.status_code == 200
    conforms(answer.json(), FIELDS)
    assert set(answer.json()) == set(EXAMPLE)
    assert answer.json()["statusId"] == JOB_ID


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("just created", "INITIALIZED"),
        ("accepted", "INITIALIZED"),
        ("waiting in the queue", "INITIALIZED"),
        ("waiting for a queue that is not there", "RUNNING"),
        ("resolving", "RUNNING"),
        ("waiting for a node", "RUNNING"),
        ("augmenting", "RUNNING"),
        ("preempted", "RUNNING"),
        ("completed", "COMPLETED"),
        ("failed", "ERROR"),
        ("failed on the way", "ERROR"),
        ("cancelled", "ABORTED"),
    ],
)
async def test_state_uses_terms_of_this_api(
    http: httpx.AsyncClient, view: ClusterView, state: str, status: str
) -> None:
    bring(view, state)
    body = (await http.get(PATH)).json()
    assert (body["status"], body["code"]) == (status, int(status == "ERROR"))


async def test_message_of_failed_job_is_its_error(http: httpx.AsyncClient, view: ClusterView) -> None:
    bring(view, "failed")
    assert (await http.get(PATH)).json()["message"] == "lerobot/pusht is not on the hub: check dataset_id"


async def test_job_removed_after_ttl_is_expired(http: httpx.AsyncClient, view: ClusterView) -> None:
    remove_by_ttl(view)
    body = (await http.get(PATH)).json()
    conforms(body, FIELDS)
    assert (body["status"], body["code"]) == ("EXPIRED", 0)
    assert (await http.get(PATH, headers={"x-api-key": "other-project"})).status_code == 404
    assert (await http.get(f"/v1/augmentation/{JOB_ID}")).status_code == 404


async def test_deleted_job_is_404(http: httpx.AsyncClient, view: ClusterView) -> None:
    bring(view, "completed with all", ttlSecondsAfterFinished=10**9)
    jobs = view.jobs_in("robots")
    assert jobs is not None
    jobs.apply(event("DELETED", job_object(version=400)))
    assert (await http.get(PATH)).status_code == 404


@pytest.mark.parametrize(
    "path", [PATH, PATH.upper().replace("/API/V2/GENAI/STATUS", "/api/v2/genai/status"), PATH.rstrip("/")]
)
async def test_id_in_any_case_and_optional_trailing_slash_are_accepted(http: httpx.AsyncClient, path: str) -> None:
    for variant in (path, path.replace("/genai/", "/")):
        assert (await http.get(variant)).json()["statusId"] == JOB_ID


async def test_completed_job_is_303_to_its_result_at_the_path_of_async_tasks(
    http: httpx.AsyncClient, view: ClusterView
) -> None:
    path = PATH.replace("/genai/", "/")
    put(view, job_object(version=200, status=ALL_STATES["augmenting"]))
    assert (await http.get(path)).status_code == 200
    bring(view, "completed")
    for asked in (path, path.rstrip("/")):
        answer = await http.get(asked)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{http.base_url}{PATH}"
        # For a client that follows nothing.
        assert answer.json() == (await http.get(PATH)).json()
    assert (await http.get(path, headers={"x-api-key": "other-project"})).status_code == 404
    remove_by_ttl(view)
    assert ((await http.get(path)).status_code, (await http.get(path)).json()["status"]) == (200, "EXPIRED")


async def test_links_are_https_behind_a_proxy_that_ended_tls(http: httpx.AsyncClient, view: ClusterView) -> None:
    bring(view, "completed")
    headers = {"host": "augment.example.com", "x-forwarded-proto": "https, http"}
    answer = await http.get(f"/api/v2/status/{JOB_ID}/", headers=headers)
    assert answer.headers["location"] == f"https://augment.example.com{PATH}"
    put(view, job_object("00000000-0000-4000-8000-000000000001", 300, name="another"))
    page = (await http.get("/api/v2/status/", params={"limit": 1}, headers=headers)).json()
    assert page["next"] == "https://augment.example.com/api/v2/status/?offset=1&limit=1"
    answer = await http.get(f"/api/v2/status/{JOB_ID}/", headers={**headers, "x-forwarded-proto": "javascript"})
    assert answer.headers["location"] == f"http://augment.example.com{PATH}"


async def test_version_is_the_one_that_clients_expect(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/v2/version/")
    assert answer.json() == {"major": 2, "minor": 49, "versionString": "2.49.0"}
    assert (await http.get("/api/v2/version/", headers={"x-api-key": "wrong"})).status_code == 401


async def test_limit_of_zero_is_all_that_a_page_may_have(http: httpx.AsyncClient) -> None:
    # As the documentation's own example asks.
    page = (await http.get("/api/v2/status/", params={"offset": 0, "limit": 0})).json()
    assert (page["count"], page["next"], page["previous"]) == (1, None, None)


async def test_malformed_id_is_422_in_documented_shape(http: httpx.AsyncClient) -> None:
    for path in ("/api/v2/genai/status/42/", "/api/v2/status/42/"):
        answer = await http.get(path)
        assert answer.status_code == 422
        (problem,) = answer.json()["detail"]
        assert set(problem) == {"loc", "msg", "type"}
        assert problem["loc"] == ["path", "statusId"]


@pytest.mark.parametrize(("key", "status"), [("other-project", 404), ("other-namespace", 404), ("wrong", 401)])
async def test_job_is_hidden_from_unauthorized_keys(http: httpx.AsyncClient, key: str, status: int) -> None:
    answer = await http.get(PATH, headers={"x-api-key": key})
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


async def test_list_is_paged_by_offset_with_links(http: httpx.AsyncClient, view: ClusterView) -> None:
    for number in range(4):
        raw = job_object(f"00000000-0000-4000-8000-{number:012}", 300 + number, name=f"j{number}")
        raw["metadata"]["creationTimestamp"] = f"2026-11-20T09:0{number}:00Z"
        put(view, raw)
    first = (await http.get("/api/v2/status/", params={"limit": 2})).json()
    conforms(first, {"count": integer, "next": nullable(text), "previous": nullable(text), "data": bool})
    assert first["data"][0]["statusId"] == JOB_ID
    assert (first["count"], first["previous"]) == (2, None)
    second = (await http.get(first["next"])).json()
    third = (await http.get(second["next"])).json()
    assert (third["count"], third["next"]) == (1, None)
    assert (await http.get(third["previous"])).json() == second
    ids = [entry["statusId"] for page in (first, second, third) for entry in page["data"]]
    assert len(set(ids)) == 5
    for status in first["data"]:
        conforms(status, FIELDS)


@pytest.mark.parametrize("state", ["running", "completed"])
async def test_delete_removes_job_in_any_state(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube, state: str
) -> None:
    put(view, job_object(version=300, status={"state": state}))
    answer = await http.delete(f"/api/v2/status/{JOB_ID}/")
    assert answer.status_code == 204
    assert [(call.verb, call.name, call.preconditions) for call in writes(kube)] == [
        ("delete", "a-job", (JOB_ID, None))
    ]
    assert (await http.get(PATH)).status_code == 404
