"""Jobs as the gateway's tests create and update them."""

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import PROJECT_ID

JOBS = "/v1/augmentation"
REVOKED_SECONDS = 60.0
"""Within which a revoked key ends what it opened: a few seconds, on a machine that may be busy."""
BODY = {"project_id": PROJECT_ID, "dataset_id": "lerobot/pusht"}

Value = TypeVar("Value")


def eventually(look: Callable[[], Value], seconds: float = 60.0) -> Value:
    """Wait for a true value of `look` and return it."""
    deadline = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)
    return value


def object_of(plane: ControlPlane, job_id: str, namespace: str = "robots") -> dict[str, Any]:
    """The AugmentationJob with this id."""
    items = json.loads(plane.kubectl("get", "augjob", "-n", namespace, "-o", "json"))["items"]
    (job,) = (item for item in items if item["metadata"]["uid"] == job_id)
    return dict(job)


def set_status(plane: ControlPlane, name: str, status: dict[str, Any]) -> None:
    """Write a status, as the operator would."""
    patch = json.dumps({"status": status})
    plane.kubectl("patch", "augjob", name, "-n", "robots", "--subresource=status", "--type=merge", "-p", patch)


def create(http: httpx.Client, **fields: Any) -> str:
    """POST a job and return its id."""
    answer = http.post(JOBS, json={**BODY, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["job_id"])
