"""The gateway over HTTP with a real API server."""

import json
import signal
import threading
import time
from itertools import count
from typing import Any

import httpx
import pytest

from augmentation_gateway.__main__ import main
from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import OTHER_PROJECT, PROJECT_ID, GatewayProcess
from tests.integration.gateway.jobs import BODY, JOBS, REVOKED_SECONDS, create, eventually, object_of, set_status

EVERYTHING = {
    **BODY,
    "name": "Everything at once",
    "augment_transforms": "occlusion,lighting,blur,noise",
    "augment_mode": "independent",
    "augment_copies_per_transform": {"noise": 2, "blur": 20},
    "augment_brightness_min": -50,
    "augment_brightness_max": 50,
    "augment_color_temp_min": 2000,
    "augment_color_temp_max": 10000,
    "noise_type": "shot",
    "blur_motion_kernel_max": 21,
    "occlusion_type": "solid",
    "occlusion_patch_width_max": 1,
    "seed": 2**53 - 1,
    "revision": "v3.0",
    "output_dataset_id": "me/result",
    "private": True,
    "parallelism": 4,
    "cameras": ["observation.images.top"],
    "episodes": "0:100,150",
}


def test_job_is_created_read_and_cancelled(http: httpx.Client, granted: ControlPlane) -> None:
    created = http.post(JOBS, json={**BODY, "name": "Pick & Place"})
    assert created.status_code == 201
    job_id = created.json()["job_id"]
    assert created.json()["status"] == "queued"

    answer = http.get(f"{JOBS}/{job_id.upper()}")
    assert answer.status_code == 200
    assert answer.json()["job_id"] == job_id
    assert answer.json()["current_phase"] == "resolve"
    assert "x-cache-age" not in answer.headers

    job = object_of(granted, job_id)
    assert job["metadata"]["name"].startswith("pick-place-")
    assert job["metadata"]["labels"] == {"augmentation.dev/project-id": PROJECT_ID}
    assert job["metadata"]["annotations"]["augmentation.dev/api-key-id"] == "full"
    assert job["spec"]["displayName"] == "Pick & Place"
    assert job["spec"]["augmentation"]["lighting"]["brightness"] == {"min": -15, "max": 15}, "the request's default"
    assert "noise" not in job["spec"]["augmentation"], "what was not asked for is not filled in"

    for _ in range(2):
        cancelled = http.post(f"{JOBS}/{job_id}/cancel")
        assert cancelled.status_code == 200
        assert cancelled.json()["cancelled"] is True
    assert object_of(granted, job_id)["spec"]["cancel"] is True


def test_created_job_is_readable_at_once(http: httpx.Client) -> None:
    for _ in range(20):
        job_id = create(http)
        assert http.get(f"{JOBS}/{job_id}").status_code == 200


def test_request_with_every_field_passes_crd_validation(http: httpx.Client, granted: ControlPlane) -> None:
    spec = object_of(granted, create(http, **EVERYTHING))["spec"]
    assert spec["augmentation"]["transforms"] == ["occlusion", "lighting", "blur", "noise"]
    assert spec["augmentation"]["copiesPerTransform"] == {"noise": 2, "blur": 20}
    assert spec["augmentation"]["seed"] == 2**53 - 1
    assert spec["output"]["hub"] == {"repoID": "me/result", "private": True}
    assert spec["source"]["hub"] == {"repoID": "lerobot/pusht", "revision": "v3.0"}


def test_job_created_with_kubectl_is_visible_with_its_status(http: httpx.Client, granted: ControlPlane) -> None:
    manifest = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"name": "by-hand", "namespace": "robots"},
        "spec": {"projectID": PROJECT_ID, "source": {"hub": {"repoID": "lerobot/pusht"}}},
    }
    resource = json.loads(granted.kubectl("create", "-f", "-", "-o", "json", manifest=manifest))
    path = f"{JOBS}/{resource['metadata']['uid']}"
    assert eventually(lambda: http.get(path).status_code == 200)

    set_status(granted, "by-hand", {"state": "running", "currentPhase": "augment", "progress": {"percent": 40}})
    assert eventually(lambda: http.get(path).json()["progress"]["percent"] == 40)
    assert http.get(path).json()["status"] == "running"

    set_status(granted, "by-hand", {"state": "completed", "output": {"datasetID": "me/result"}})
    assert eventually(lambda: http.get(path).json()["augmented_dataset_id"] == "me/result")
    refused = http.post(f"{path}/cancel")
    assert refused.status_code == 409
    assert "completed already" in refused.json()["detail"]

    granted.kubectl("delete", "augjob", "by-hand", "-n", "robots")
    assert eventually(lambda: http.get(path).status_code == 404)


def test_equal_requests_with_idempotency_key_create_one_job(http: httpx.Client) -> None:
    headers = {"idempotency-key": "once"}
    answers = [http.post(JOBS, json=BODY, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert http.post(JOBS, json={**BODY, "augment_copies": 1}, headers=headers).status_code == 409


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"augment_copy": 1}, "augment_copy is not a field of this request: did you mean augment_copies?"),
        ({"augment_copies": 21}, "augment_copies is 21, but may be at most 20"),
        (
            {"augment_contrast_min": 5, "augment_contrast_max": -5},
            "augment_contrast_min is 5, which is greater than augment_contrast_max, -5: swap them or widen the range",
        ),
    ],
)
def test_invalid_request_is_422_and_creates_nothing(
    http: httpx.Client, granted: ControlPlane, fields: dict[str, Any], message: str
) -> None:
    before = granted.kubectl("get", "augjob", "-A", "-o", "name")
    answer = http.post(JOBS, json={**BODY, **fields})
    assert answer.status_code == 422
    assert [problem["msg"] for problem in answer.json()["detail"]] == [message]
    assert granted.kubectl("get", "augjob", "-A", "-o", "name") == before


def test_generative_request_is_400_without_augmentation_class(http: httpx.Client, granted: ControlPlane) -> None:
    body = {**BODY, "augmentation_type": "generative", "cosmos_prompt": "a kitchen at night"}
    assert http.post(JOBS, json=body).status_code == 400
    manifest = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationClass",
        "metadata": {"name": "cosmos"},
        "spec": {"type": "generative", "default": True, "image": "cosmos:1"},
    }
    granted.kubectl("create", "-f", "-", manifest=manifest)
    try:
        assert eventually(lambda: http.post(JOBS, json=body).status_code == 201)
    finally:
        granted.kubectl("delete", "augclass", "cosmos")
    assert eventually(lambda: http.post(JOBS, json=body).status_code == 400)


def test_key_sees_its_own_namespace_and_projects_only(http: httpx.Client, gateway: GatewayProcess) -> None:
    path = f"{JOBS}/{create(http)}"
    for key in ("other-project", "elsewhere"):
        with gateway.client(key) as other:
            assert other.get(path).status_code == 404
            assert other.post(f"{path}/cancel").status_code == 404
    with gateway.client("elsewhere") as other:
        theirs = create(other)
        assert other.get(f"{JOBS}/{theirs}").status_code == 200
    assert http.get(f"{JOBS}/{theirs}").status_code == 404
    with gateway.client("other-project") as other:
        assert other.post(JOBS, json=BODY).status_code == 403
        assert other.post(JOBS, json={**BODY, "project_id": OTHER_PROJECT}).status_code == 201
    with gateway.client("no-such-namespace") as other:
        answer = other.post(JOBS, json=BODY)
        assert answer.status_code == 503
        assert 'namespaces "missing" not found' in answer.json()["detail"]


def test_invalid_key_is_401(http: httpx.Client) -> None:
    for headers in ({"x-api-key": "aug_wrong"}, {"x-api-key": "", "authorization": "Bearer aug_wrong"}):
        answer = http.post(JOBS, json=BODY, headers=headers)
        assert answer.status_code == 401
        assert "key" in answer.json()["detail"]


def test_created_and_revoked_keys_take_effect_at_runtime(gateway: GatewayProcess) -> None:
    gateway.create_key("late", "--namespace", "robots")
    with gateway.client("late") as client:
        assert eventually(lambda: client.post(JOBS, json=BODY).status_code == 201)
        assert main(["keys", "revoke", "late", "--file", str(gateway.keys_file)]) == 0
        assert eventually(lambda: client.get(JOBS).status_code == 401)


def test_revoked_key_ends_its_stream_of_busy_job(
    http: httpx.Client, gateway: GatewayProcess, granted: ControlPlane
) -> None:
    job_id = create(http)
    name = object_of(granted, job_id)["metadata"]["name"]
    gateway.create_key("listener", "--namespace", "robots")
    busy = threading.Event()

    def work() -> None:
        for number in count():
            set_status(granted, name, {"state": "running", "progress": {"percent": number % 100}})
            if busy.wait(0.2):
                return

    working = threading.Thread(target=work)
    working.start()
    try:
        with gateway.client("listener") as client:
            assert eventually(lambda: client.get(JOBS).status_code == 200)
            with client.stream("GET", f"{JOBS}/{job_id}/events") as stream:
                lines = stream.iter_lines()
                assert next(line for line in lines if line.startswith("event: status"))
                gateway.revoke_key("listener")
                revoked = time.monotonic()
                # The end of the stream, and a clean one: a broken connection would raise.
                received = []
                for line in lines:
                    received.append(line)
                    assert time.monotonic() - revoked < REVOKED_SECONDS
                assert received
            assert client.get(JOBS).status_code == 401
    finally:
        busy.set()
        working.join()


def test_deleted_keys_file_revokes_all_and_invalid_one_keeps_previous(
    http: httpx.Client, gateway: GatewayProcess
) -> None:
    whole = gateway.keys_file.read_bytes()
    try:
        gateway.keys_file.write_text("{")
        assert eventually(lambda: gateway.metric("augmentation_gateway_keys_broken") == 1)
        assert http.get(JOBS).status_code == 200
        gateway.keys_file.unlink()
        assert eventually(lambda: http.get(JOBS).status_code == 401)
    finally:
        gateway.keys_file.write_bytes(whole)
        assert eventually(lambda: http.get(JOBS).status_code == 200)


def test_metrics_count_requests_and_cache_age(http: httpx.Client, gateway: GatewayProcess) -> None:
    counted = 'augmentation_gateway_requests_total{dialect="native",method="GET",route="/v1/augmentation/{job_id}"'
    job_id = create(http)
    http.get(f"{JOBS}/{job_id}")
    before = gateway.metric(counted + ',status="200"')
    http.get(f"{JOBS}/{job_id}")
    assert gateway.metric(counted + ',status="200"') == before + 1
    assert gateway.metric("augmentation_gateway_cache_age_seconds") == 0
    assert gateway.metric('augmentation_gateway_objects{resource="augmentationjobs"}') > 0
    assert gateway.metric('augmentation_gateway_watch_starts{resource="augmentationjobs"}') >= 1


@pytest.mark.parametrize("abruptly", [False, True])
def test_reads_succeed_and_writes_are_503_while_api_server_is_unavailable(
    http: httpx.Client, gateway: GatewayProcess, granted: ControlPlane, abruptly: bool
) -> None:
    job_id = create(http)
    granted.stop_api_server(abruptly=abruptly)
    try:
        aged = eventually(lambda: http.get(f"{JOBS}/{job_id}").headers.get("x-cache-age"))
        assert aged.isdecimal()
        read = http.get(f"{JOBS}/{job_id}")
        assert (read.status_code, read.json()["status"]) == (200, "queued")
        assert http.get("/readyz").status_code == 200
        assert gateway.metric("augmentation_gateway_cache_age_seconds") > 0
        assert http.get(JOBS).headers["x-cache-age"].isdecimal()
        for answer in (http.post(JOBS, json=BODY), http.post(f"{JOBS}/{job_id}/cancel")):
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "Kubernetes API" in answer.json()["detail"]
    finally:
        granted.start_api_server()
    # The watch goes on: what happens now is seen, and what is seen is current.
    eventually(lambda: "x-cache-age" not in http.get(f"{JOBS}/{job_id}").headers)
    set_status(granted, object_of(granted, job_id)["metadata"]["name"], {"state": "running"})
    eventually(lambda: http.get(f"{JOBS}/{job_id}").json()["status"] == "running")
    create(http)


def test_restarted_gateway_lists_every_job(http: httpx.Client, gateway: GatewayProcess, granted: ControlPlane) -> None:
    job_id = create(http)
    gateway.stop(signal.SIGKILL)
    gateway.start()
    gateway.await_ready()
    assert http.get(f"{JOBS}/{job_id}").json()["status"] == "queued"


def test_gateway_becomes_ready_when_api_server_starts(gateway: GatewayProcess, granted: ControlPlane) -> None:
    assert gateway.stop() == 0, "an orderly stop"
    granted.stop_api_server()
    try:
        gateway.start()
        with gateway.client() as http:
            eventually(lambda: _status(http, "/healthz") == 200)
            assert _status(http, "/readyz") == 503
            assert _status(http, f"{JOBS}/{PROJECT_ID}") == 503
    finally:
        granted.start_api_server()
        gateway.await_ready()


def test_log_contains_no_key(gateway: GatewayProcess, http: httpx.Client) -> None:
    http.get(f"{JOBS}/{gateway.keys['full']}")
    http.post(JOBS, json={"dataset_id": gateway.keys["full"]})
    create(http)
    log = gateway.log
    assert all(json.loads(line)["message"] for line in log.splitlines())
    assert not [name for name, key in gateway.keys.items() if key in log]


def _status(http: httpx.Client, path: str) -> int:
    try:
        return http.get(path).status_code
    except httpx.TransportError:
        return 0
