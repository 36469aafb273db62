"""Clients keep reading, following and creating jobs through an outage of the API server of one minute."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import GatewayProcess
from tests.integration.gateway.jobs import BODY, JOBS, create, eventually, object_of, set_status

AWAY_SECONDS = 60.0


class Follower:
    """Follows a job's events as an EventSource does, and remembers the reported statuses."""

    def __init__(self, gateway: GatewayProcess, job_id: str) -> None:
        self.statuses: list[str] = []
        self.heartbeats = 0
        self._gateway, self._path = gateway, f"{JOBS}/{job_id}/events"
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self) -> None:
        with self._gateway.client() as http, http.stream("GET", self._path, timeout=180) as answer:
            assert answer.status_code == 200
            for line in answer.iter_lines():
                self.heartbeats += line.startswith(":")
                if line.startswith("data: ") and "status" in (data := json.loads(line[6:])):
                    self.statuses.append(data["status"])


@contextmanager
def away(plane: ControlPlane) -> Iterator[None]:
    plane.stop_api_server(abruptly=True)
    try:
        yield
    finally:
        plane.start_api_server()


def test_one_minute_outage_loses_and_duplicates_nothing(
    gateway: GatewayProcess, http: httpx.Client, granted: ControlPlane
) -> None:
    job_id = create(http, name="before")
    follower = Follower(gateway, job_id)
    eventually(lambda: follower.statuses)
    answers, ages = Counter[int](), []
    with away(granted):
        began = time.monotonic()
        eventually(lambda: "x-cache-age" in http.get(f"{JOBS}/{job_id}").headers)
        while time.monotonic() - began < AWAY_SECONDS:
            read = http.get(f"{JOBS}/{job_id}")
            assert (read.status_code, read.json()["status"]) == (200, "queued")
            ages.append(int(read.headers["x-cache-age"]))
            for number in range(3):
                key = {"Idempotency-Key": f"asked for while it is away, {number}"}
                answers[http.post(JOBS, json={**BODY, "name": f"away-{number}"}, headers=key).status_code] += 1
            time.sleep(1)
    assert set(answers) == {503}, answers
    assert ages == sorted(ages), "what is shown grows older"
    assert ages[-1] >= AWAY_SECONDS - 10

    # Each client repeats its request until it is served, and then sends it again.
    job_ids = {}
    for number in range(3):
        key = {"Idempotency-Key": f"asked for while it is away, {number}"}

        def ask(number: int = number, key: dict[str, str] = key) -> str | None:
            answer = http.post(JOBS, json={**BODY, "name": f"away-{number}"}, headers=key)
            return str(answer.json()["job_id"]) if answer.is_success else None

        job_ids[number] = eventually(ask)
        assert ask() == job_ids[number]
    everywhere = json.loads(granted.kubectl("get", "augjob", "-n", "robots", "-o", "json"))["items"]
    names = Counter(item["spec"].get("displayName") for item in everywhere)
    assert [names[f"away-{number}"] for number in range(3)] == [1, 1, 1]

    # What was known is known, is current again, and the stream that was open all the time goes on.
    eventually(lambda: "x-cache-age" not in http.get(f"{JOBS}/{job_id}").headers)
    for state in ("running", "completed"):
        set_status(granted, object_of(granted, job_id)["metadata"]["name"], {"state": state})
        eventually(lambda state=state: http.get(f"{JOBS}/{job_id}").json()["status"] == state)  # type: ignore[misc]
    follower.thread.join(60)
    assert not follower.thread.is_alive(), "the stream ends with the job"
    assert follower.statuses[0] == "queued" and follower.statuses[-1] == "completed"
    assert follower.heartbeats > 0
