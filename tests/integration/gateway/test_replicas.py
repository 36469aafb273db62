"""Two replicas with one API server: a client may send each request to either."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import GatewayProcess
from tests.integration.gateway.jobs import BODY, JOBS, create, eventually, object_of, set_status
from tests.integration.gateway.test_native import messages, name_of, with_events


@pytest.fixture(scope="module")
def other(gateway: GatewayProcess, granted: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a second replica, with the keys of the first."""
    process = GatewayProcess(tmp_path_factory.mktemp("other"), granted.kubeconfig_of("gateway"))
    process.environment["AUGMENTATION_KEYS_FILE"] = str(gateway.keys_file)
    process.start()
    try:
        process.await_ready()
        yield process.url
    finally:
        process.stop(signal.SIGTERM)


@pytest.fixture
def other_http(gateway: GatewayProcess, other: str) -> Iterator[httpx.Client]:
    """A client of the second replica; `http` is one of the first."""
    headers = {"x-api-key": gateway.keys["full"]}
    with httpx.Client(base_url=other, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def test_job_of_one_replica_is_visible_and_cancellable_at_other(http: httpx.Client, other_http: httpx.Client) -> None:
    job_id = create(http)
    eventually(lambda: other_http.get(f"{JOBS}/{job_id}").status_code == 200)
    assert other_http.post(f"{JOBS}/{job_id}/cancel").json()["cancelled"]
    eventually(lambda: http.get(f"{JOBS}/{job_id}/resource").json()["spec"].get("cancel"))


def test_request_sent_to_both_replicas_creates_one_job(
    http: httpx.Client, other_http: httpx.Client, granted: ControlPlane
) -> None:
    headers = {"idempotency-key": "to both"}
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(client.post, JOBS, json=BODY, headers=headers) for client in 4 * (http, other_http)]
        answers = [future.result() for future in sent]
    assert sorted(answer.status_code for answer in answers) == 7 * [200] + [201]
    (job_id,) = {answer.json()["job_id"] for answer in answers}
    assert object_of(granted, job_id)


def test_stream_of_one_replica_resumes_at_other(
    http: httpx.Client, other_http: httpx.Client, granted: ControlPlane
) -> None:
    job_id = create(http)
    set_status(granted, name_of(granted, job_id), with_events("running", "one"))
    text = ""
    with http.stream("GET", f"{JOBS}/{job_id}/events") as answer:
        for chunk in answer.iter_text():
            text += chunk
            if '"one"' in text and '"running"' in text:
                break
    *_, (_, bookmark, _) = messages(text)
    set_status(granted, name_of(granted, job_id), with_events("completed", "one", "two"))
    eventually(lambda: other_http.get(f"{JOBS}/{job_id}").json()["status"] == "completed")
    resumed = messages(other_http.get(f"{JOBS}/{job_id}/events", headers={"last-event-id": bookmark}).text)
    assert [data.get("id", data.get("status")) for _, _, data in resumed] == ["two", "completed"]
