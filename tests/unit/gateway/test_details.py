"""Details of a job: resource, request, preview, dry run, and the request's key."""

from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from augmentation_api.spec import CredentialsSecretRef
from augmentation_api.status import OutputStatus
from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.credentials.keys import KeyRing
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.preview import MOST_BYTES, fetch_preview, preview_url
from augmentation_gateway.problem import Problem
from augmentation_kube import KubeError, KubeUnavailable
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.gateway.conftest import BODY, OTHER_PROJECT, PATH, put, writes, written
from tests.unit.gateway.job_objects import PROJECT_ID, job_object

TRY = "/v1/augmentation?dry_run=true"
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


async def test_key_info_shows_rights_and_not_key(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/key", headers={"x-api-key": "reader"})
    assert answer.json() == {
        "id": "reader",
        "principal": {"type": "service", "id": "reader"},
        "organisation": "",
        "namespace": "robots",
        "projects": ["*"],
        "expires_at": None,
        "rights": ["read"],
    }
    assert (await http.get("/v1/key", headers={"x-api-key": "wrong"})).status_code == 401


async def test_hub_token_of_key_is_used_for_its_jobs(
    http: httpx.AsyncClient, gateway: Gateway, kube: InMemoryKube
) -> None:
    key = gateway.keys.ring.find(b"project")
    assert key is not None
    gateway.keys.ring = KeyRing([key.model_copy(update={"credentials_secret_ref": CredentialsSecretRef(name="hub-a")})])
    headers = {"x-api-key": "project"}
    repeated = {**headers, "idempotency-key": "x"}
    assert (await http.post("/v1/augmentation", json=BODY, headers=headers)).status_code == 201
    assert (await http.post("/v0.5/batch/jobs", json={"parameters": BODY}, headers=headers)).status_code < 300
    assert (await http.post("/v1/augmentation", json=BODY, headers=repeated)).status_code == 201
    assert [write["spec"]["credentialsSecretRef"] for write in written(kube)] == 3 * [{"name": "hub-a", "key": "token"}]
    tried = await http.post(TRY, json=BODY, headers=headers)
    assert tried.json()["manifest"]["spec"]["credentialsSecretRef"]["name"] == "hub-a"


async def test_resource_equals_kubectl_output(http: httpx.AsyncClient, view: ClusterView) -> None:
    raw = job_object(version=300, status={"state": "running", "shards": [{"index": 0, "state": "running"}]})
    raw["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "arms"}
    put(view, raw)
    resource = (await http.get(f"{PATH}/resource")).json()
    assert (resource["apiVersion"], resource["kind"]) == ("augmentation.dev/v1alpha1", "AugmentationJob")
    assert resource["metadata"]["annotations"] == {"team": "arms"}
    assert resource["spec"] == raw["spec"]
    assert resource["status"]["shards"] == [{"index": 0, "state": "running"}]


async def test_resource_has_no_class_of_the_cluster_in_it(http: httpx.AsyncClient, view: ClusterView) -> None:
    snapshot = {"generation": 1, "spec": {"image": "registry.internal/worker"}}
    put(view, job_object(version=300, status={"state": "running", "className": "gpu", "classSnapshot": snapshot}))
    status = (await http.get(f"{PATH}/resource")).json()["status"]
    assert status == {"state": "running", "className": "gpu"}


async def test_request_of_kubectl_job_can_be_posted(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    request = (await http.get(f"{PATH}/request")).json()
    assert request["dataset_id"] == "lerobot/pusht"
    assert (await http.post("/v1/augmentation", json=request)).status_code == 201


@pytest.mark.parametrize("what", ["resource", "request", "picture"])
@pytest.mark.parametrize(("key", "status"), [("other-project", 404), ("other-namespace", 404), ("writer", 403)])
async def test_details_require_read_right(http: httpx.AsyncClient, what: str, key: str, status: int) -> None:
    assert (await http.get(f"{PATH}/{what}", headers={"x-api-key": key})).status_code == status


async def test_dry_run_returns_manifest_and_creates_nothing(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    answer = await http.post(TRY, json={**BODY, "name": "Pick & Place", "augment_copies": 2})
    assert answer.status_code == 200
    manifest = answer.json()["manifest"]
    assert manifest["metadata"] == {
        "name": "pick-place",
        "namespace": "robots",
        "labels": {"augmentation.dev/project-id": PROJECT_ID},
    }
    assert manifest["spec"]["augmentation"]["copies"] == 2
    assert len([call for call in kube.calls if call.dry_run]) == 1, "the API server was asked too"
    assert writes(kube) == []


@pytest.mark.parametrize("mistyped", ["dryrun=true", "dryRun=All", "dry-run=true"])
async def test_a_mistyped_dry_run_creates_nothing(http: httpx.AsyncClient, kube: InMemoryKube, mistyped: str) -> None:
    answer = await http.post(f"/v1/augmentation?{mistyped}", json=BODY)
    assert answer.status_code == 422
    assert "did you mean dry_run?" in answer.text
    assert writes(kube) == []


async def test_dry_run_reports_same_errors_as_request(http: httpx.AsyncClient) -> None:
    wrong = {**BODY, "dataset_id": "pusht", "augment_copies": 99}
    assert (await http.post(TRY, json=wrong)).json() == (await http.post("/v1/augmentation", json=wrong)).json()


@pytest.mark.parametrize(
    ("key", "error", "status"),
    [
        ("reader", None, 403),
        ("full", KubeError(403, "Forbidden", "exceeded quota: jobs"), 403),
        ("full", KubeUnavailable("refused"), 503),
    ],
)
async def test_dry_run_fails_if_request_would_fail(
    http: httpx.AsyncClient, kube: InMemoryKube, key: str, error: Exception | None, status: int
) -> None:
    kube.fail(error) if error else None
    assert (await http.post(TRY, json=BODY, headers={"x-api-key": key})).status_code == status


async def test_dry_run_of_another_project_is_403(http: httpx.AsyncClient) -> None:
    answer = await http.post(TRY, json={**BODY, "project_id": OTHER_PROJECT}, headers={"x-api-key": "project"})
    assert answer.status_code == 403


async def test_unpublished_job_has_no_preview(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{PATH}/picture")
    assert answer.status_code == 404
    assert "no preview yet" in answer.json()["detail"]


def result(**fields: Any) -> OutputStatus:
    output = {"datasetID": "me/result", "revision": "abc", "url": "https://hub.example/datasets/me/result"} | fields
    return OutputStatus.model_validate(output)


def test_preview_is_fetched_from_hub_of_class_only() -> None:
    address = preview_url(result(url="http://169.254.169.254/datasets/me/result"), "http://hub:8080/")
    assert address == "http://hub:8080/datasets/me/result/resolve/abc/meta/augmentation.png"


@pytest.mark.parametrize("fields", [{"url": None}, {"datasetID": "../../admin"}, {"datasetID": "a/b/c"}])
def test_invalid_dataset_id_has_no_preview(fields: dict[str, Any]) -> None:
    assert preview_url(result(**fields), "http://hub:8080") is None


async def fetched(status: int = 200, body: bytes = PNG) -> bytes:
    """Response of the preview route for this response of the hub."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    hub = web.Application()
    hub.router.add_get("/picture", answer)
    async with TestServer(hub) as server:
        return await fetch_preview(str(server.make_url("/picture")))


async def test_preview_is_passed_through_unchanged() -> None:
    assert await fetched() == PNG


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ({"status": 401}, 404, "private"),
        ({"status": 404}, 404, "deleted"),
        ({"status": 500}, 502, "answered 500"),
        ({"body": b"<html>"}, 502, "no PNG"),
        ({"body": PNG + bytes(MOST_BYTES)}, 502, "8 MiB"),
    ],
)
async def test_unavailable_preview_reports_reason(answer: dict[str, Any], status: int, words: str) -> None:
    with pytest.raises(Problem) as refused:
        await fetched(**answer)
    assert refused.value.status == status
    assert words in refused.value.detail


async def test_unreachable_hub_is_502() -> None:
    with pytest.raises(Problem) as refused:
        await fetch_preview("http://127.0.0.1:9/picture")
    assert refused.value.status == 502
