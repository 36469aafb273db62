"""The gateway over HTTP, with a Kubernetes API that does what the test says."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from augmentation_gateway.app import DIALECTS
from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.dialect import Dialect
from augmentation_kube import KubeError, KubeUnavailable, Resource
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.gateway.conftest import BODY, OTHER_PROJECT, PATH, created, set_state, writes, written
from tests.unit.gateway.job_objects import JOB_ID, job_object


@pytest.mark.parametrize("path", [PATH, "/v1/key", "/api/v2/status/", f"/jobs/{JOB_ID}", "/v0.5/batch/jobs"])
@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "full"},
        {"authorization": "Bearer full"},
        {"authorization": "bearer  full "},
        {"authorization": "Token full"},
        {"authorization": "Basic x", "x-api-key": "full"},
    ],
)
async def test_key_is_accepted_in_any_scheme_on_every_route(
    http: httpx.AsyncClient, headers: dict[str, str], path: str
) -> None:
    del http.headers["x-api-key"]
    assert (await http.get(path, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": "wrong"},
        {"authorization": "Bearer wrong"},
        {"authorization": "Token wrong"},
        {"authorization": "Token"},
        {"authorization": "Basic full"},
        {"x-api-key": ""},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("POST", "/v1/augmentation"), ("POST", f"{PATH}/cancel")])
async def test_request_without_valid_key_is_401_even_with_invalid_body(
    http: httpx.AsyncClient, headers: dict[str, str], method: str, path: str
) -> None:
    del http.headers["x-api-key"]
    answer = await http.request(method, path, headers=headers, content=b"{")
    assert answer.status_code == 401
    assert isinstance(answer.json()["detail"], str)


async def test_created_job_is_201_and_readable_at_once(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    created = await http.post("/v1/augmentation", json=BODY)
    assert created.status_code == 201
    body = created.json()
    assert set(body) == {"job_id", "status", "message"}
    assert body["status"] == "queued"
    assert created.headers["location"] == f"/v1/augmentation/{body['job_id']}"
    assert written(kube)[0]["metadata"]["annotations"] == {
        "augmentation.dev/api-key-id": "full",
        "augmentation.dev/principal-type": "service",
        "augmentation.dev/principal-id": "full",
        "augmentation.dev/organisation": "",
    }
    answer = await http.get(created.headers["location"])
    assert answer.status_code == 200
    assert answer.json()["status"] == "queued"


async def test_ids_are_case_insensitive(http: httpx.AsyncClient) -> None:
    assert (await http.get(f"/v1/augmentation/{JOB_ID.upper()}")).json()["job_id"] == JOB_ID


@pytest.mark.parametrize("path", ["/v1/augmentation/not-a-uuid", "/v1/augmentation/123", f"{PATH}0"])
async def test_malformed_id_is_422(http: httpx.AsyncClient, path: str) -> None:
    for answer in (await http.get(path), await http.post(f"{path}/cancel")):
        assert answer.status_code == 422
        (problem,) = answer.json()["detail"]
        assert set(problem) == {"loc", "msg", "type"}
        assert problem["loc"] == ["path", "job_id"]
        assert "has to be a UUID" in problem["msg"]


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("full", 200),
        ("project", 200),
        ("reader", 200),
        ("other-project", 404),
        ("other-namespace", 404),
        ("writer", 403),
    ],
)
async def test_job_is_visible_to_authorized_keys_only(http: httpx.AsyncClient, key: str, status: int) -> None:
    assert (await http.get(PATH, headers={"x-api-key": key})).status_code == status


async def test_job_of_another_project_is_indistinguishable_from_missing_job(http: httpx.AsyncClient) -> None:
    other = await http.get(PATH, headers={"x-api-key": "other-project"})
    absent = await http.get(f"/v1/augmentation/{OTHER_PROJECT}")
    assert other.status_code == absent.status_code == 404
    assert other.json()["detail"].replace(JOB_ID, "") == absent.json()["detail"].replace(OTHER_PROJECT, "")


@pytest.mark.parametrize(
    ("key", "status"), [("project", 201), ("writer", 201), ("other-project", 403), ("reader", 403)]
)
async def test_only_authorized_keys_may_create_in_project(
    http: httpx.AsyncClient, kube: InMemoryKube, key: str, status: int
) -> None:
    answer = await http.post("/v1/augmentation", json=BODY, headers={"x-api-key": key})
    assert answer.status_code == status
    assert len(writes(kube)) == (status == 201)
    if status == 403:
        assert key in answer.json()["detail"]


async def test_invalid_body_is_422_with_every_error(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    answer = await http.post("/v1/augmentation", json={**BODY, "augment_copies": 21, "augment_copy": 1})
    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {
            "loc": ["body", "augment_copies"],
            "msg": "augment_copies is 21, but may be at most 20",
            "type": "less_than_equal",
        },
        {
            "loc": ["body", "augment_copy"],
            "msg": "augment_copy is not a field of this request: did you mean augment_copies?",
            "type": "extra_forbidden",
        },
    ]
    assert writes(kube) == []


@pytest.mark.parametrize(
    ("content", "content_type", "message"),
    [
        (b"", "application/json", "The body is missing"),
        (b"{", "application/json", "The body is not JSON"),
        (b"[]", "application/json", "The body is not a JSON object"),
        (b"null", "application/json", "The body is"),
        (b'{"a": 1}', "application/x-www-form-urlencoded", "Content-Type: application/json"),
    ],
)
async def test_body_that_is_no_json_object_is_422_with_fix(
    http: httpx.AsyncClient, content: bytes, content_type: str, message: str
) -> None:
    answer = await http.post("/v1/augmentation", content=content, headers={"content-type": content_type})
    assert answer.status_code == 422
    assert message in answer.json()["detail"][0]["msg"]


@pytest.mark.parametrize("content", [b"[" * 60_000, b'{"augment_copies": ' + b"9" * 5000 + b"}", b'{"name": "\xff"}'])
async def test_malicious_body_is_client_error(http: httpx.AsyncClient, content: bytes) -> None:
    answer = await http.post("/v1/augmentation", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["detail"]


@pytest.mark.parametrize("size", [64 * 1024 + 1, 10_000_000])
@pytest.mark.parametrize("announced", [True, False])
async def test_body_over_64_kib_is_413(http: httpx.AsyncClient, size: int, announced: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(0, size, 65536):
            yield b" " * 65536
        yield b" "

    content = b" " * size if announced else chunks()
    answer = await http.post("/v1/augmentation", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert "64 KiB" in answer.json()["detail"]


async def test_generative_request_requires_augmentation_class(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube
) -> None:
    body = {**BODY, "augmentation_type": "generative", "cosmos_prompt": "a kitchen"}
    refused = await http.post("/v1/augmentation", json=body)
    assert refused.status_code == 400
    assert "no AugmentationClass is the default for type generative" in refused.json()["detail"]
    cosmos: dict[str, Any] = {
        "metadata": {"name": "cosmos", "uid": "c", "resourceVersion": "5"},
        "spec": {"type": "generative"},
    }
    view.classes.apply({"type": "ADDED", "object": cosmos})
    assert (await http.post("/v1/augmentation", json=body)).status_code == 400
    cosmos = {"metadata": {**cosmos["metadata"], "resourceVersion": "6"}, "spec": {**cosmos["spec"], "default": True}}
    view.classes.apply({"type": "MODIFIED", "object": cosmos})
    assert (await http.post("/v1/augmentation", json=body)).status_code == 201
    assert written(kube)[-1]["spec"]["generative"] == {"prompt": "a kitchen"}


async def test_idempotency_key_creates_one_job_and_409_for_other_requests(
    http: httpx.AsyncClient, kube: InMemoryKube
) -> None:
    headers = {"idempotency-key": "try-1"}
    first = await http.post("/v1/augmentation", json=BODY, headers=headers)
    repeated = await http.post("/v1/augmentation", json={**BODY, "augment_copies": 3}, headers=headers)
    other = await http.post("/v1/augmentation", json={**BODY, "augment_copies": 4}, headers=headers)
    assert (first.status_code, repeated.status_code, other.status_code) == (201, 200, 409)
    assert repeated.json()["job_id"] == first.json()["job_id"]
    assert len(created(kube)) == 1
    someone_else = await http.post("/v1/augmentation", json=BODY, headers={**headers, "x-api-key": "project"})
    assert someone_else.status_code == 201


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KubeUnavailable("refused"), 503),
        (KubeError(500, "InternalError", "etcdserver: leader changed"), 503),
        (KubeError(429, "TooManyRequests", "slow down"), 503),
        (KubeError(401, "Unauthorized", "token expired"), 503),
        (KubeError(404, "NotFound", 'namespaces "robots" not found'), 503),
        (KubeError(403, "Forbidden", "exceeded quota: jobs"), 403),
        (KubeError(400, "BadRequest", "unknown field"), 400),
    ],
)
async def test_kubernetes_write_error_is_passed_on(
    http: httpx.AsyncClient, kube: InMemoryKube, error: Exception, status: int
) -> None:
    kube.fail(error)
    answer = await http.post("/v1/augmentation", json=BODY)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    assert ("retry-after" in answer.headers) == (status == 503)
    if isinstance(error, KubeError):
        assert error.message in answer.json()["detail"]


async def test_rejection_by_crd_validation_is_quoted_as_422(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    kube.fail(KubeError(422, "Invalid", "spec.augmentation: Invalid value: a rule of the future"))
    answer = await http.post("/v1/augmentation", json=BODY)
    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {
            "loc": ["body"],
            "msg": "spec.augmentation: Invalid value: a rule of the future",
            "type": "kubernetes_invalid",
        }
    ]


async def test_cancel_is_idempotent(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    for _ in range(2):
        answer = await http.post(f"{PATH.upper().replace('/V1/AUGMENTATION', '/v1/augmentation')}/cancel")
        assert answer.status_code == 200
        assert answer.json() == {"job_id": JOB_ID, "cancelled": True, "message": "The job is being cancelled."}
    assert written(kube) == [{"metadata": {"uid": JOB_ID}, "spec": {"cancel": True}}]


@pytest.mark.parametrize(
    ("state", "status"), [("queued", 200), ("running", 200), ("cancelled", 200), ("completed", 409), ("failed", 409)]
)
async def test_finished_job_cannot_be_cancelled(
    http: httpx.AsyncClient, view: ClusterView, state: str, status: int
) -> None:
    set_state(view, state)
    answer = await http.post(f"{PATH}/cancel")
    assert answer.status_code == status
    if status == 409:
        assert f"has {state} already" in answer.json()["detail"]


async def test_cancel_of_a_replaced_job_leaves_its_namesake_alone(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    kube.remove(Resource.AUGMENTATION_JOBS, "a-job", "robots")
    namesake = kube.put(Resource.AUGMENTATION_JOBS, job_object("another"), "robots")
    assert (await http.post(f"{PATH}/cancel")).status_code == 404
    assert kube.find(Resource.AUGMENTATION_JOBS, "a-job", "robots") == namesake


@pytest.mark.parametrize(
    ("key", "status"), [("project", 200), ("other-project", 404), ("other-namespace", 404), ("reader", 403)]
)
async def test_only_authorized_keys_may_cancel(
    http: httpx.AsyncClient, kube: InMemoryKube, key: str, status: int
) -> None:
    assert (await http.post(f"{PATH}/cancel", headers={"x-api-key": key})).status_code == status
    assert len(writes(kube)) == (status == 200)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KubeUnavailable("refused"), 503),
        (KubeError(404, "NotFound", "gone"), 404),
        (KubeError(409, "Conflict", "uid in precondition"), 404),
    ],
)
async def test_failed_cancel_is_reported(
    http: httpx.AsyncClient, kube: InMemoryKube, error: Exception, status: int
) -> None:
    kube.fail(error)
    assert (await http.post(f"{PATH}/cancel")).status_code == status


async def test_response_reports_data_age_while_watch_is_disconnected(http: httpx.AsyncClient) -> None:
    # The view of these tests was never connected.
    answer = await http.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["x-cache-age"].isdecimal()
    assert "x-cache-age" in (await http.get(f"/v1/augmentation/{OTHER_PROJECT}")).headers


async def test_health_and_readiness_are_reported(http: httpx.AsyncClient, view: ClusterView) -> None:
    del http.headers["x-api-key"]
    assert (await http.get("/healthz")).status_code == 200
    ready = await http.get("/readyz")
    assert ready.status_code == 200
    assert isinstance(ready.json()["cache_age_seconds"], int)


async def test_gateway_is_not_ready_before_first_list(http: httpx.AsyncClient, view: ClusterView) -> None:
    view.classes.synced = False
    assert (await http.get("/readyz")).status_code == 503
    assert (await http.get("/healthz")).status_code == 200
    answer = await http.get(f"/v1/augmentation/{OTHER_PROJECT}")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


async def test_unknown_path_is_404_and_wrong_method_is_405(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/augmentations")).status_code == 404
    assert (await http.get(f"{PATH}/other")).status_code == 404
    answer = await http.put(PATH)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, PATCH"
    assert isinstance(answer.json()["detail"], str)


async def test_internal_error_is_500_in_usual_shape(
    http: httpx.AsyncClient, kube: InMemoryKube, monkeypatch: pytest.MonkeyPatch
) -> None:
    kube.fail(RuntimeError("a bug"))
    created = await http.post("/v1/augmentation", json=BODY)
    monkeypatch.delattr("augmentation_gateway.dialects.native.status.error_of")
    response = await http.get(PATH)
    for answer in (created, response):
        assert answer.status_code == 500
        number = answer.headers["x-request-id"]
        fix = f"quote request id {number} when reporting it"
        assert answer.json() == {"detail": f"Internal server error: {fix}.", "fix": fix}


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_documentation_pages_load_no_external_files(http: httpx.AsyncClient, page: str) -> None:
    text = (await http.get(page)).text
    fetched = [link for link in re.findall(r"""(?:src|href)=["']([^"']+)""", text) if not link.startswith("data:")]
    assert fetched
    for url in fetched:
        assert url.startswith("/")
        assert not url.startswith("//")
        assert (await http.get(url)).status_code == 200
    assert "/openapi.json" in text


async def test_every_operation_has_a_name_of_its_own(http: httpx.AsyncClient) -> None:
    # Generated clients name functions after it; of two with one name they have one.
    paths = (await http.get("/openapi.json")).json()["paths"]
    names = [operation["operationId"] for operations in paths.values() for operation in operations.values()]
    assert len(names) == len(set(names))
    assert {"augmentation_create", "batch_create", "jobs_job"} < set(names)


async def test_openapi_document_lists_actual_responses(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    paths = document["paths"]
    answers = {
        (path, method): set(operation["responses"])
        for path, item in paths.items()
        for method, operation in item.items()
    }
    others = (
        *("/api/v2", "/jobs", "/v0.5", "/v1/finetune", "/v1/projects", "/v1/datasets", "/v1/instances", "/v1/models"),
        *("/v1/jobs", "/v1/credits"),
    )
    answers = {(path, method): codes for (path, method), codes in answers.items() if not path.startswith(others)}
    assert answers == {
        ("/healthz", "get"): {"200"},
        ("/readyz", "get"): {"200", "503"},
        ("/v1/augmentation", "post"): {"200", "201", "400", "401", "403", "409", "413", "422", "429", "503"},
        ("/v1/previews", "post"): {"200", "201", "400", "401", "403", "409", "413", "422", "429", "503"},
        ("/v1/key", "get"): {"200", "401", "403", "429", "503"},
        ("/v1/augmentation", "get"): {"200", "304", "401", "403", "422", "429", "503"},
        ("/v1/augmentation/{job_id}", "get"): {"200", "401", "403", "404", "422", "429", "503"},
        ("/v1/augmentation/{job_id}", "patch"): {"200", "401", "403", "404", "409", "413", "422", "429", "503"},
        ("/v1/augmentation/{job_id}", "delete"): {"204", "401", "403", "404", "409", "413", "422", "429", "503"},
        ("/v1/augmentation/{job_id}/retry", "post"): {"200", "401", "403", "404", "409", "413", "422", "429", "503"},
        ("/v1/augmentation/{job_id}/outputs", "get"): {"200", "401", "403", "404", "422", "429", "503"},
        ("/v1/augmentation/{job_id}/preview", "get"): {"302", "401", "403", "404", "422", "429", "503"},
        ("/v1/augmentation/{job_id}/picture", "get"): {"200", "401", "403", "404", "422", "429", "502", "503"},
        ("/v1/augmentation/{job_id}/resource", "get"): {"200", "401", "403", "404", "422", "429", "503"},
        ("/v1/augmentation/{job_id}/request", "get"): {"200", "401", "403", "404", "422", "429", "503"},
        ("/v1/augmentation/{job_id}/events", "get"): {"200", "204", "401", "403", "404", "422", "429", "503"},
        ("/v1/augmentation/{job_id}/cancel", "post"): {"200", "401", "403", "404", "409", "413", "422", "429", "503"},
    }
    create = paths["/v1/augmentation"]["post"]
    reference = create["responses"]["422"]["content"]["application/json"]["schema"]["$ref"]
    assert reference.endswith("/ValidationErrorResponse")
    assert "HTTPValidationError" not in document["components"]["schemas"]
    schemes = document["components"]["securitySchemes"].values()
    assert {scheme["type"] for scheme in schemes} == {"apiKey", "http"}
    request = document["components"]["schemas"]["AugmentationRequest"]
    assert request["required"] == ["project_id", "dataset_id"]
    assert request["properties"]["augment_copies"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 20,
        "default": 3,
        "title": "Augment Copies",
        "description": "Number of augmented copies per episode (when augment_dataset_mode=copy)",
    }
    status = document["components"]["schemas"]["AugmentationStatusResponse"]
    assert status["properties"]["created_at"]["anyOf"] == [{"type": "string", "format": "date-time"}, {"type": "null"}]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
async def test_documented_status_routes_are_served(http: httpx.AsyncClient, dialect: Dialect) -> None:
    paths = (await http.get("/openapi.json")).json()["paths"]
    assert dialect.status_route in paths
    path = re.sub(r"{\w+}", JOB_ID, dialect.status_route)
    assert dialect.status_uid(path) == JOB_ID
    assert dialect.status_uid(f"{path}//") is None
    assert (await http.get(path)).status_code == 200


async def test_only_writes_and_errors_are_logged_without_key(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await http.get(PATH)
    assert [record for record in caplog.records if record.name.endswith("middleware.response")] == []
    await http.post("/v1/augmentation", json=BODY)
    (record,) = (record for record in caplog.records if record.name.endswith("middleware.response"))
    fields = record.__dict__["fields"]
    assert (fields["method"], fields["status"], fields["key_id"]) == ("POST", 201, "full")
