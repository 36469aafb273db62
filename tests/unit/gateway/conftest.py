"""The whole application in this process, with a Kubernetes API that does what the test says."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.types import ASGIApp

from augmentation_gateway.app import build_app
from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.credentials.keys import digest_of
from augmentation_gateway.credentials.keys_file import KeysFile
from augmentation_gateway.gateway import Gateway, add_gauges
from augmentation_gateway.limits.streams import Streams
from augmentation_kube import Resource
from tests.kubernetes.in_memory import Call, InMemoryKube
from tests.unit.gateway.job_objects import JOB_ID, PROJECT_ID, event, job_object, listing

OTHER_PROJECT = "11111111-2222-4333-8444-555555555555"
BODY = {"project_id": PROJECT_ID, "dataset_id": "lerobot/pusht"}
KEYS: dict[str, dict[str, object]] = {
    "full": {},
    "project": {"projects": [PROJECT_ID]},
    "other-project": {"projects": [OTHER_PROJECT]},
    "other-namespace": {"namespace": "elsewhere"},
    "reader": {"rights": ["read"]},
    "writer": {"rights": ["write"]},
}
PATH = f"/v1/augmentation/{JOB_ID}"


@pytest.fixture
def kube() -> InMemoryKube:
    """The API server, with the one job that `view` has read."""
    kube = InMemoryKube(lambda: datetime(2026, 11, 20, 10, tzinfo=UTC), first_version=400)
    kube.put(Resource.AUGMENTATION_JOBS, job_object(status={"state": "running"}), "robots")
    return kube


def written(kube: InMemoryKube) -> list[Mapping[str, Any]]:
    """Bodies of all write requests; deletions have none."""
    return [call.body for call in writes(kube) if call.verb != "delete"]


def writes(kube: InMemoryKube) -> list[Call]:
    """All write requests."""
    return [call for call in kube.calls if call.verb not in ("get", "list", "watch") and not call.dry_run]


def created(kube: InMemoryKube) -> list[Mapping[str, Any]]:
    """All jobs except the one that `view` has read."""
    return [body for body in kube.all(Resource.AUGMENTATION_JOBS) if body["metadata"]["uid"] != JOB_ID]


@pytest.fixture
def view(kube: InMemoryKube) -> ClusterView:
    view = ClusterView(kube)
    view.classes.replace(listing(version=1))
    jobs = view.jobs_in("robots")
    assert jobs is not None
    jobs.replace(listing(job_object(status={"state": "running"}), version=200))
    return view


@pytest.fixture
def gateway(kube: InMemoryKube, view: ClusterView, tmp_path: Path) -> Gateway:
    """The gateway behind `http`, with the keys of KEYS."""
    entries = [
        {
            "id": name,
            "sha256": digest_of(name),
            "principal": {"type": "service", "id": name},
            "namespace": "robots",
            "projects": ["*"],
            **fields,
        }
        for name, fields in KEYS.items()
    ]
    (tmp_path / "keys.json").write_text(json.dumps({"keys": entries}))
    keys = KeysFile(tmp_path / "keys.json")
    keys.refresh()
    gateway = Gateway(kube, view, keys, Streams(heartbeat_seconds=0.05))
    add_gauges(gateway)
    return gateway


class CurrentGateway:
    """The gateway of the running test, behind an application that is built once as that takes a fifth of a second."""

    gateway: Gateway

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gateway, name)


@pytest.fixture(scope="session")
def application() -> tuple[ASGIApp, CurrentGateway]:
    """The whole application and its gateway reference."""
    current = CurrentGateway()
    return build_app(cast(Gateway, current)), current


@pytest.fixture
async def http(gateway: Gateway, application: tuple[ASGIApp, CurrentGateway]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application; it sends the key "full" by default."""
    app, current = application
    current.gateway = gateway
    # Exceptions become responses, as in a real server.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers={"x-api-key": "full"}) as client:
        yield client


def set_state(view: ClusterView, state: str, **spec: object) -> None:
    """Bring the one job into a state."""
    jobs = view.jobs_in("robots")
    assert jobs is not None
    jobs.insert(job_object(version=300, status={"state": state}, spec=spec))


def put(view: ClusterView, *objects: dict[str, Any]) -> None:
    """Add jobs to the cache, as a watch would."""
    jobs = view.jobs_in("robots")
    assert jobs is not None
    for raw in objects:
        jobs.apply(event("MODIFIED", raw))
