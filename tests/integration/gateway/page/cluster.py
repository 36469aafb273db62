"""Jobs in chosen states, written to the API server as the operator and the workers write them."""

import ssl
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import PROJECT_ID, GatewayProcess
from tests.integration.gateway.jobs import JOBS, eventually

NAMESPACE = "page"
API = f"/apis/augmentation.dev/v1alpha1/namespaces/{NAMESPACE}/augmentationjobs"
Json = dict[str, Any]


def ago(seconds: float) -> str:
    """A time, as Kubernetes writes it."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Jobs:
    """The jobs of the page's namespace."""

    def __init__(self, plane: ControlPlane, gateway: GatewayProcess) -> None:
        self.gateway = gateway
        self._api = httpx.Client(
            base_url=plane.url,
            headers={"Authorization": f"Bearer {plane.token}"},
            verify=ssl.create_default_context(cafile=str(plane.folder / "certificates" / "apiserver.crt")),
            timeout=60,
            trust_env=False,
        )

    def await_keys(self) -> None:
        """Wait until the gateway has read its keys."""
        with self.gateway.client("page") as http:
            eventually(lambda: http.get(JOBS).status_code == 200)

    def make(self, name: str, spec: Mapping[str, Any] | None = None, status: Mapping[str, Any] | None = None) -> str:
        """Create a job with a status, wait until the gateway shows it, and return its id."""
        body = {
            "apiVersion": "augmentation.dev/v1alpha1",
            "kind": "AugmentationJob",
            "metadata": {"name": name},
            "spec": {"projectID": PROJECT_ID, "source": {"hub": {"repoID": "lerobot/pusht"}}, **(spec or {})},
        }
        answer = self._api.post(API, json=body)
        assert answer.status_code == 201, answer.text
        uid = str(answer.json()["metadata"]["uid"])
        if status is not None:
            self.set_status(name, status)
        with self.gateway.client("page") as http:
            state = str((status or {}).get("state", "queued"))
            eventually(lambda: http.get(f"{JOBS}/{uid}").json().get("status") == state)
        return uid

    def make_many(self, count: int, prefix: str) -> None:
        """Create many jobs and wait for the last one."""
        for number in range(count):
            body = {
                "apiVersion": "augmentation.dev/v1alpha1",
                "kind": "AugmentationJob",
                "metadata": {"name": f"{prefix}-{number:04}"},
                "spec": {"source": {"hub": {"repoID": f"lab/many-{number % 7}"}}},
            }
            answer = self._api.post(API, json=body)
            assert answer.status_code == 201, answer.text
        with self.gateway.client("page") as http:
            eventually(lambda: http.get(JOBS, params={"name": prefix}).json()["total"] == count, seconds=60)

    def await_next_second(self) -> None:
        """Wait until a job that is created is newer than all others: Kubernetes counts whole seconds."""
        newest = max(datetime.fromisoformat(item["metadata"]["creationTimestamp"]) for item in self.items())
        time.sleep(max(0.0, (newest + timedelta(seconds=1) - datetime.now(UTC)).total_seconds()))

    def set_status(self, name: str, status: Mapping[str, Any]) -> None:
        """Merge a status into that of a job."""
        done = self._api.patch(
            f"{API}/{name}/status",
            json={"status": status},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert done.status_code == 200, done.text

    def named(self, name: str) -> Json:
        """A job as it is."""
        return dict(self._api.get(f"{API}/{name}").json())

    def items(self) -> Sequence[Json]:
        """All jobs."""
        return list(self._api.get(API).json()["items"])

    def clear(self) -> None:
        """Delete all jobs, and wait until the gateway shows none."""
        self._api.delete(API)
        with self.gateway.client("page") as http:
            eventually(lambda: http.get(JOBS).json()["total"] == 0)
