"""Lists, retry, delete, streams and interrupted requests, over HTTP with a real API server."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import GatewayProcess
from tests.integration.gateway.jobs import BODY, JOBS, create, eventually, object_of, set_status

PICTURE = "https://hub.example/datasets/me/result/resolve/abc/meta/augmentation.png"


def name_of(plane: ControlPlane, job_id: str) -> str:
    return str(object_of(plane, job_id)["metadata"]["name"])


def status_of(http: httpx.Client, job_id: str) -> str:
    return str(http.get(f"{JOBS}/{job_id}").json()["status"])


def with_events(state: str, *names: str) -> dict[str, Any]:
    events = [
        {"id": name, "status": "progress", "timestamp": f"2026-11-20T10:00:{second:02}Z"}
        for second, name in enumerate(names)
    ]
    return {"state": state, "currentPhase": "augment", "phases": [{"name": "augment", "events": events}]}


def messages(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(event, id, data) of each message in a stream."""
    parsed = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            parsed.append((fields["event"], fields["id"], json.loads(fields["data"])))
    return parsed


def test_next_list_has_created_and_lacks_deleted_job(http: httpx.Client, granted: ControlPlane) -> None:
    job_ids = [create(http, name=f"listed {number}") for number in range(3)]
    page = http.get(JOBS, params={"name": "LISTED", "sort": "name"}).json()
    assert [job["job_id"] for job in page["jobs"]] == job_ids
    assert http.delete(f"{JOBS}/{job_ids[0]}").status_code == 409
    set_status(granted, name_of(granted, job_ids[0]), {"state": "failed"})
    eventually(lambda: status_of(http, job_ids[0]) == "failed")
    assert http.delete(f"{JOBS}/{job_ids[0]}").status_code == 204
    assert http.get(f"{JOBS}/{job_ids[0]}").status_code == 404
    assert http.get(JOBS, params={"name": "listed"}).json()["total"] == 2
    assert job_ids[0] not in granted.kubectl("get", "augjob", "-n", "robots", "-o", "jsonpath={.items[*].metadata.uid}")


def test_retry_increments_attempt_once(http: httpx.Client, granted: ControlPlane) -> None:
    job_id = create(http)
    assert http.post(f"{JOBS}/{job_id}/retry").status_code == 409
    set_status(granted, name_of(granted, job_id), {"state": "failed", "observedGeneration": 1})
    eventually(lambda: status_of(http, job_id) == "failed")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: http.post(f"{JOBS}/{job_id}/retry"), range(4)))
    assert [(answer.status_code, answer.json()["attempt"]) for answer in answers] == [(200, 1)] * 4
    assert object_of(granted, job_id)["spec"]["attempt"] == 1


def test_cancelled_job_can_be_retried(http: httpx.Client, granted: ControlPlane) -> None:
    job_id = create(http)
    assert http.post(f"{JOBS}/{job_id}/cancel").status_code == 200
    set_status(granted, name_of(granted, job_id), {"state": "cancelled"})
    eventually(lambda: status_of(http, job_id) == "cancelled")
    assert http.post(f"{JOBS}/{job_id}/retry").json()["attempt"] == 1
    assert object_of(granted, job_id)["spec"]["cancel"] is False


@pytest.fixture
def hub_class(granted: ControlPlane) -> Iterator[str]:
    """A class that names the hub; its name."""
    manifest = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationClass",
        "metadata": {"name": "native-hub"},
        "spec": {"type": "deterministic", "image": "none", "hub": {"publicEndpoint": "https://hub.example"}},
    }
    granted.kubectl("apply", "-f", "-", manifest=manifest)
    yield "native-hub"
    granted.kubectl("delete", "augmentationclass", "native-hub")


def test_outputs_and_preview_link_to_hub_of_class(http: httpx.Client, granted: ControlPlane, hub_class: str) -> None:
    job_id = create(http)
    assert http.get(f"{JOBS}/{job_id}/preview").status_code == 404
    output = {"datasetID": "me/result", "revision": "abc", "url": "https://elsewhere.example/datasets/me/result"}
    status = {"state": "completed", "output": output, "className": hub_class}
    set_status(granted, name_of(granted, job_id), status)
    eventually(lambda: status_of(http, job_id) == "completed")
    assert http.get(f"{JOBS}/{job_id}/preview").headers["location"] == PICTURE
    assert PICTURE in [file["url"] for file in http.get(f"{JOBS}/{job_id}/outputs").json()["files"]]


def test_stream_sends_events_and_ends_with_job(http: httpx.Client, granted: ControlPlane) -> None:
    job_id = create(http)
    name = name_of(granted, job_id)
    chunks: list[str] = []
    started = threading.Event()

    def listen() -> int:
        with http.stream("GET", f"{JOBS}/{job_id}/events") as answer:
            for chunk in answer.iter_text():
                chunks.append(chunk)
                if "event: status" in chunk:
                    started.set()
            return answer.status_code

    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(listen)
        assert started.wait(60)
        set_status(granted, name, with_events("running", "one"))
        set_status(granted, name, with_events("running", "one", "two"))
        set_status(granted, name, with_events("completed", "one", "two", "three"))
        assert listening.result(timeout=60) == 200
    received = messages("".join(chunks))
    assert [data["id"] for kind, _, data in received if kind == "phase"] == ["one", "two", "three"]
    assert received[0][2]["status"] == "queued"
    assert received[-1][2]["status"] == "completed"

    after_two = next(bookmark for kind, bookmark, data in received if data.get("id") == "two")
    resumed = messages(http.get(f"{JOBS}/{job_id}/events", headers={"last-event-id": after_two}).text)
    assert [data.get("id", data.get("status")) for _, _, data in resumed] == ["three", "completed"]
    assert http.get(f"{JOBS}/{job_id}/events", headers={"last-event-id": received[-1][1]}).status_code == 204


def test_streams_resume_at_successor_of_stopped_gateway(
    http: httpx.Client, gateway: GatewayProcess, granted: ControlPlane
) -> None:
    job_id = create(http)
    set_status(granted, name_of(granted, job_id), with_events("running", "one"))
    started = threading.Event()

    def listen() -> str:
        text = ""
        with http.stream("GET", f"{JOBS}/{job_id}/events") as answer:
            for chunk in answer.iter_text():
                text += chunk
                if '"one"' in text and "event: status" in text:
                    started.set()
        return text

    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(listen)
        assert started.wait(60)
        assert gateway.stop() == 0
        text = listening.result(timeout=60)
    gateway.start()
    gateway.await_ready()
    set_status(granted, name_of(granted, job_id), with_events("completed", "one", "two"))
    eventually(lambda: status_of(http, job_id) == "completed")
    *_, (_, bookmark, _) = messages(text)
    resumed = messages(http.get(f"{JOBS}/{job_id}/events", headers={"last-event-id": bookmark}).text)
    assert [data.get("id", data.get("status")) for _, _, data in resumed] == ["two", "completed"]


def test_post_repeated_after_kill_creates_one_job(
    http: httpx.Client, gateway: GatewayProcess, granted: ControlPlane
) -> None:
    request = {"json": {**BODY, "name": "killed"}, "headers": {"idempotency-key": "killed mid-POST"}}

    def post() -> int:
        try:
            return http.post(JOBS, **request).status_code  # type: ignore[arg-type]
        except httpx.TransportError:
            return 0

    with ThreadPoolExecutor(1) as pool:
        with granted.api_server_paused():
            posting = pool.submit(post)
            # Time enough for the gateway to have sent its own request on; the outcome is the same if it has not.
            time.sleep(1)
            assert not posting.done()
            gateway.stop(signal.SIGKILL)
            assert posting.result(timeout=60) == 0, "the client got no answer"
        gateway.start()
        gateway.await_ready()
    answer = http.post(JOBS, **request)  # type: ignore[arg-type]
    assert answer.status_code in (200, 201), answer.text
    jobs = http.get(JOBS, params={"name": "killed"}).json()["jobs"]
    assert [job["job_id"] for job in jobs] == [answer.json()["job_id"]]
    assert http.post(JOBS, **request).status_code == 200  # type: ignore[arg-type]
