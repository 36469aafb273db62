"""Keys in a Secret of a real API server, readable by its name alone: changes are in force within seconds."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import KEYS_SECRET, GatewayProcess
from tests.integration.gateway.jobs import JOBS, REVOKED_SECONDS, create, eventually, object_of, set_status


class SecretGateway(GatewayProcess):
    """A gateway whose keys are in a Secret; the file is where they are made."""

    plane: ControlPlane

    def publish(self) -> None:
        """Bring the file into the Secret, as an administrator does."""
        self.publish_bytes(self.keys_file.read_bytes())

    def publish_bytes(self, content: bytes) -> None:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": KEYS_SECRET, "namespace": "robots"},
            "data": {"keys.json": base64.b64encode(content).decode()},
        }
        self.plane.kubectl("apply", "-f", "-", manifest=secret)

    def answer(self, key: str = "full") -> int:
        with self.client(key) as client:
            return client.get(JOBS).status_code


@pytest.fixture
def gateway(granted: ControlPlane, tmp_path: Path) -> Iterator[SecretGateway]:
    """A gateway with the key "full", in a Secret."""
    process = SecretGateway(tmp_path, granted.kubeconfig_of("gateway"))
    process.plane = granted
    process.environment["AUGMENTATION_KEYS_SECRET"] = f"robots/{KEYS_SECRET}"
    process.create_key("full", "--namespace", "robots")
    process.publish()
    process.start()
    try:
        process.await_ready()
        yield process
    finally:
        process.stop()
        granted.kubectl("delete", "secret", KEYS_SECRET, "-n", "robots", "--ignore-not-found")


def test_deleted_secret_is_401_within_seconds_and_new_one_takes_effect(
    gateway: SecretGateway, granted: ControlPlane
) -> None:
    assert gateway.answer() == 200
    granted.kubectl("delete", "secret", KEYS_SECRET, "-n", "robots")
    assert eventually(lambda: gateway.answer() == 401, seconds=REVOKED_SECONDS)
    gateway.publish()
    assert eventually(lambda: gateway.answer() == 200, seconds=REVOKED_SECONDS)


def test_invalid_secret_leaves_keys_in_force(gateway: SecretGateway) -> None:
    gateway.publish_bytes(b"{")
    assert eventually(lambda: "cannot be read" in gateway.log, seconds=REVOKED_SECONDS)
    assert gateway.answer() == 200


def test_gateway_may_read_one_secret_only(granted: ControlPlane) -> None:
    kubeconfig = json.loads(granted.kubeconfig_of("gateway").read_text())
    cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
    url = f"{cluster['server']}/api/v1/namespaces/robots/secrets"
    with httpx.Client(
        verify=False, headers={"Authorization": f"Bearer {user['token']}"}, timeout=60, trust_env=False
    ) as http:
        assert http.get(url, params={"fieldSelector": f"metadata.name={KEYS_SECRET}"}).status_code == 200
        for query in ({}, {"fieldSelector": "metadata.name=hub-token"}):
            assert http.get(url, params=query).status_code == 403


def test_expired_key_ends_its_stream_and_is_401(gateway: SecretGateway) -> None:
    with gateway.client() as http:
        job_id = create(http)
    gateway.create_key("short", "--namespace", "robots", "--expires", "1m")
    document = json.loads(gateway.keys_file.read_text())
    with gateway.client("short") as client:
        for seconds in (8, 30, 90):
            end = datetime.now(UTC) + timedelta(seconds=seconds)
            document["keys"][-1]["expires_at"] = end.isoformat()
            gateway.publish_bytes(json.dumps(document).encode())
            eventually(lambda end=end: gateway.answer("short") == 200 or datetime.now(UTC) > end, seconds)  # type: ignore[misc]
            with client.stream("GET", f"{JOBS}/{job_id}/events") as stream:
                list(stream.iter_lines())
            if stream.status_code == 200:
                break  # else this machine is so busy that the key had expired before
        assert stream.status_code == 200
        assert end <= datetime.now(UTC) < end + timedelta(seconds=REVOKED_SECONDS)
        answer = client.get(JOBS)
        assert answer.status_code == 401
        assert "expired" in answer.json()["detail"]


@pytest.mark.parametrize("busy", [False, True])
def test_revoked_key_ends_its_stream_within_seconds(gateway: SecretGateway, granted: ControlPlane, busy: bool) -> None:
    with gateway.client() as http:
        job_id = create(http)
    name = object_of(granted, job_id)["metadata"]["name"]
    gateway.create_key("listener", "--namespace", "robots")
    gateway.publish()
    assert eventually(lambda: gateway.answer("listener") == 200)
    done = threading.Event()

    def work() -> None:
        for number in count():
            set_status(granted, name, {"state": "running", "progress": {"percent": number % 100}})
            if done.wait(0.2):
                return

    working = threading.Thread(target=work)
    if busy:
        working.start()
    try:
        with gateway.client("listener") as client, client.stream("GET", f"{JOBS}/{job_id}/events") as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("event: status"))
            gateway.revoke_key("listener")
            gateway.publish()
            revoked = time.monotonic()
            # The end of the stream, and a clean one: a broken connection would raise.
            for _ in lines:
                assert time.monotonic() - revoked < REVOKED_SECONDS
        assert gateway.answer("listener") == 401
        assert gateway.answer() == 200
    finally:
        done.set()
        if busy:
            working.join()
