"""The whole application in this process, with a Kubernetes API that does what the test says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
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
from augmentation_kube import KubeApi, KubeError, Resource
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


class FakeKube:
    """Keeps what is written; fails on demand."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.writes: list[Mapping[str, Any]] = []
        self.tried: list[Mapping[str, Any]] = []
        self.error: Exception | None = None

    async def create(
        self,
        resource: Resource,
        body: Mapping[str, Any],
        namespace: str | None = None,
        *,
        dry_run: bool = False,
        **_: object,
    ) -> dict[str, Any]:
        (self.tried if dry_run else self.writes).append(body)
        if self.error is not None:
            raise self.error
        if dry_run:
            return dict(body)
        name = body["metadata"]["name"]
        if name in self.objects:
            raise KubeError(409, "AlreadyExists", f"{name} exists")
        number = len(self.objects) + 1
        uid = f"00000000-0000-4000-8000-{number:012}"
        metadata = {**body["metadata"], "uid": uid, "resourceVersion": str(1000 + number)}
        self.objects[name] = {**body, "metadata": {**metadata, "creationTimestamp": "2026-11-20T10:00:00Z"}}
        return json.loads(json.dumps(self.objects[name]))  # type: ignore[no-any-return]

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> dict[str, Any]:
        return json.loads(json.dumps(self.objects[name]))  # type: ignore[no-any-return]

    async def delete(
        self, resource: Resource, name: str, namespace: str | None = None, *, uid: str | None = None
    ) -> None:
        self.writes.append({"delete": name, "uid": uid})
        if self.error is not None:
            raise self.error

    async def merge_patch(self, resource: Resource, name: str, body: Mapping[str, Any], **_: object) -> dict[str, Any]:
        self.writes.append(body)
        if self.error is not None:
            raise self.error
        return job_object(version=500, name=name, spec=dict(body["spec"]))


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube()


@pytest.fixture
def view(kube: FakeKube) -> ClusterView:
    view = ClusterView(cast(KubeApi, kube))
    view.classes.replace(listing(version=1))
    jobs = view.jobs_in("robots")
    assert jobs is not None
    jobs.replace(listing(job_object(status={"state": "running"}), version=200))
    return view


@pytest.fixture
def gateway(kube: FakeKube, view: ClusterView, tmp_path: Path) -> Gateway:
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
    gateway = Gateway(cast(KubeApi, kube), view, keys, Streams(heartbeat_seconds=0.05))
    add_gauges(gateway)
    return gateway


class CurrentGateway:
    """The gateway of the test that runs: the application before it takes a fifth of a second to build, once."""

    gateway: Gateway

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gateway, name)


@pytest.fixture(scope="session")
def application() -> tuple[ASGIApp, CurrentGateway]:
    """The whole application, and where it looks for its gateway."""
    current = CurrentGateway()
    return build_app(cast(Gateway, current)), current


@pytest.fixture
async def http(gateway: Gateway, application: tuple[ASGIApp, CurrentGateway]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application; it sends the key "full" unless told otherwise."""
    app, current = application
    current.gateway = gateway
    # What the application raises is to be answered by it, as a real server would make sure.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers={"x-api-key": "full"}) as client:
        yield client


def set_state(view: ClusterView, state: str, **spec: object) -> None:
    """Bring the one job into a state."""
    jobs = view.jobs_in("robots")
    assert jobs is not None
    jobs.insert(job_object(version=300, status={"state": state}, spec=spec))


def put(view: ClusterView, *objects: dict[str, Any]) -> None:
    """Put jobs into the cache, as a watch would."""
    jobs = view.jobs_in("robots")
    assert jobs is not None
    for raw in objects:
        jobs.apply(event("MODIFIED", raw))
