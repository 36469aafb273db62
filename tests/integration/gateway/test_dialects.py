"""One job in four REST dialects, over HTTP with a real API server."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from augmentation_gateway.views.job_id import batch_id
from augmentation_gateway.views.job_spec import to_job_spec
from augmentation_gateway.views.request import AugmentationRequest
from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import GatewayProcess
from tests.integration.gateway.jobs import BODY, JOBS, create, eventually, object_of, set_status
from tests.integration.gateway.test_gateway import EVERYTHING


def paths(job_id: str) -> dict[str, str]:
    """Where each dialect shows a job, under an id in its own form and in capitals."""
    return {
        "native": f"{JOBS}/{job_id.upper()}",
        "genai": f"/api/v2/genai/status/{job_id.upper()}/",
        "jobs": f"/jobs/{job_id.upper()}",
        "batch": f"/v0.5/batch/jobs/{batch_id(job_id).upper()}",
    }


def states(http: httpx.Client, job_id: str) -> list[str]:
    """The job's state in each dialect; the status code where it has none."""
    answers = [http.get(path) for path in paths(job_id).values()]
    return [answer.json()["status"] if answer.is_success else str(answer.status_code) for answer in answers]


def test_job_created_with_kubectl_is_in_every_dialect_until_deleted(http: httpx.Client, granted: ControlPlane) -> None:
    manifest = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"name": "in-all", "namespace": "robots"},
        "spec": {"source": {"hub": {"repoID": "lerobot/pusht"}}, "ttlSecondsAfterFinished": 60},
    }
    resource = json.loads(granted.kubectl("create", "-f", "-", "-o", "json", manifest=manifest))
    job_id = resource["metadata"]["uid"]
    eventually(lambda: states(http, job_id) == ["queued", "INITIALIZED", "initializing", "PENDING"])
    lists = {
        JOBS: "jobs",
        "/api/v2/status/": "data",
        "/jobs": "jobs",
        "/v0.5/batch/jobs": "jobs",
    }
    for path, field in lists.items():
        assert job_id in str(http.get(path).json()[field]) or batch_id(job_id) in str(http.get(path).json()[field])

    set_status(granted, "in-all", {"state": "running", "currentPhase": "augment"})
    eventually(lambda: states(http, job_id) == ["running", "RUNNING", "running", "RUNNING"])
    long_ago = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    set_status(granted, "in-all", {"state": "completed", "currentPhase": "publish", "completedAt": long_ago})
    eventually(lambda: states(http, job_id) == ["completed", "COMPLETED", "succeeded", "COMPLETED"])
    granted.kubectl("delete", "augjob", "in-all", "-n", "robots")
    eventually(lambda: states(http, job_id) == ["404", "EXPIRED", "404", "404"])


def test_job_created_in_one_dialect_is_visible_in_others_at_once(http: httpx.Client) -> None:
    native = create(http)
    assert states(http, native) == ["queued", "INITIALIZED", "initializing", "PENDING"]
    batch = http.post("/v0.5/batch/jobs", json={"name": "from batch", "parameters": BODY})
    assert batch.status_code == 201, batch.text
    page = http.get(JOBS, params={"name": "from batch"}).json()
    assert [batch_id(job["job_id"]) for job in page["jobs"]] == [batch.json()["id"]]


def test_cancel_in_one_dialect_applies_to_all(http: httpx.Client, granted: ControlPlane) -> None:
    for path in ("jobs/{uuid}", "v0.5/batch/jobs/{short}"):
        job_id = create(http)
        answer = http.post(f"/{path.format(uuid=job_id, short=batch_id(job_id))}/cancel")
        assert answer.status_code == 200, answer.text
        assert object_of(granted, job_id)["spec"]["cancel"] is True


def test_returned_input_creates_same_job(http: httpx.Client) -> None:
    request: dict[str, Any]
    for request in (BODY, EVERYTHING, {**BODY, "augment_transforms": "gamma,jpeg,shadow,hueSaturation"}):
        job_id = create(http, **request)
        returned = http.get(f"/jobs/{job_id}").json()["input"]
        assert {name: returned.get(name) for name in request} == request
        spec = to_job_spec(AugmentationRequest.model_validate(returned))
        assert spec == to_job_spec(AugmentationRequest.model_validate(request))
        assert http.get(f"/v0.5/batch/jobs/{batch_id(job_id)}").json()["parameters"] == returned


def test_key_of_another_namespace_sees_job_in_no_dialect(http: httpx.Client, gateway: GatewayProcess) -> None:
    job_id = create(http)
    for key in ("elsewhere", "other-project"):
        with gateway.client(key) as other:
            assert states(other, job_id) == ["404"] * 4
