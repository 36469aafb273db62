"""Vendors' own clients in front of a gateway: one started here, or one that runs already, such as the demo's."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from augmentation_api.vocabulary import State
from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import GatewayProcess
from tests.integration.gateway.jobs import JOBS, create, eventually, object_of, set_status
from tests.integration.gateway.sdks.vendor_client import VendorClient

COMPLETION_SECONDS = 300.0
ENV_URL = "SDKS_GATEWAY_URL"
ENV_KEY = "SDKS_API_KEY"
"""A gateway that runs already; `make sdks GATEWAY_URL=... API_KEY=...` sets them."""


@dataclass
class Service:
    """The gateway that the clients talk to.

    Attributes:
        url: its base URL.
        key: an API key that may read and write.
        plane: its API server, where these tests started it: they then write statuses as the operator would. None: a
            deployment with an operator of its own.
    """

    url: str
    key: str
    plane: ControlPlane | None
    _created: list[str] = field(default_factory=list)

    def http(self) -> httpx.Client:
        """A plain client, for what a vendor's client does not do."""
        return httpx.Client(base_url=self.url, headers={"x-api-key": self.key}, timeout=30, trust_env=False)

    def new_job(self, **fields: Any) -> str:
        """Create a job by the native API. Returns its id."""
        with self.http() as http:
            self._created.append(create(http, **fields))
        return self._created[-1]

    def delete_jobs(self) -> None:
        """Stop and delete the jobs that were created here, where others remain."""
        with self.http() as http:
            for job_id in self._created if self.plane is None else ():
                http.delete(f"/api/v2/status/{job_id}/")

    def set_status(self, job_id: str, status: dict[str, Any]) -> None:
        """Write a job's status as the operator would; the gateway shows it afterwards. Skips where one runs."""
        if self.plane is None:
            pytest.skip("writes the statuses of jobs, which the operator of this deployment does itself")
        set_status(self.plane, object_of(self.plane, job_id)["metadata"]["name"], status)
        with self.http() as http:
            eventually(lambda: http.get(f"{JOBS}/{job_id}").json()["status"] == status["state"])

    def job_in(self, state: str, status: dict[str, Any], **fields: Any) -> str:
        """A job in this state. Here it gets this status.

        On a running deployment it is the newest one there is, or with `fields` a new one, which can only complete.
        """
        if self.plane is not None:
            job_id = self.new_job(**fields)
            self.set_status(job_id, status)
            return job_id
        if not fields:
            return str(self._newest(state)["job_id"])
        if state != State.COMPLETED:
            pytest.skip(f"a job of this deployment cannot be made to end as {state}")
        job_id = self.new_job(**fields)
        eventually(lambda: self.shown(job_id)["status"] == state, COMPLETION_SECONDS)
        return job_id

    def shown(self, job_id: str) -> dict[str, Any]:
        """A job as the native API shows it."""
        with self.http() as http:
            return dict(http.get(f"{JOBS}/{job_id}").json())

    @cached_property
    def dataset_id(self) -> str:
        """A dataset that can be augmented: on a running deployment, that of the newest completed job."""
        return "lerobot/pusht" if self.plane is not None else str(self._newest(State.COMPLETED)["dataset_id"])

    def _newest(self, state: str) -> dict[str, Any]:
        with self.http() as http:
            jobs = http.get(JOBS, params={"status": state, "limit": 1}).json()["jobs"]
        if not jobs:
            pytest.skip(f"this deployment has no {state} job")
        return dict(jobs[0])


@pytest.fixture(scope="session")
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """The gateway named by the environment; without one, a process in front of a real API server."""
    url, key = os.environ.get(ENV_URL), os.environ.get(ENV_KEY)
    if url and key:
        running = Service(url.rstrip("/"), key, None)
        yield running
        running.delete_jobs()
        return
    gateway: GatewayProcess = request.getfixturevalue("gateway")
    yield Service(gateway.url, gateway.keys["full"], request.getfixturevalue("granted"))


@pytest.fixture(scope="module")
def start_client(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., VendorClient]]:
    """Start a vendor's client, for the whole file: an import may take a second."""
    started: list[VendorClient] = []

    def start(vendor: str, key: str | None = None) -> VendorClient:
        log: Path = tmp_path_factory.mktemp(vendor) / "client.log"
        started.append(VendorClient(vendor, service.url, key or service.key, log))
        return started[-1]

    yield start
    for client in started:
        client.close()
