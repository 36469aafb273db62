"""A dialect is one module: a fifth one in a temporary folder needs no other change."""

from pathlib import Path

import httpx
import pytest

from augmentation_gateway import dialects
from augmentation_gateway.app import build_app
from augmentation_gateway.dialects import find_dialects
from augmentation_gateway.gateway import Gateway
from tests.unit.gateway.conftest import BODY
from tests.unit.gateway.job_objects import JOB_ID
from tests.unit.gateway.test_operation import answered, samples

FIFTH = """
from fastapi import APIRouter
from pydantic import BaseModel

from augmentation_gateway.dialect import Dialect, StatusOperation
from augmentation_gateway.jobs.create import create_job
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey
from augmentation_gateway.views.job_spec import to_job_spec
from augmentation_gateway.views.request import AugmentationRequest


class Run(BaseModel):
    run: str
    state: str


router = APIRouter(prefix="/fifth", tags=["fifth"])


@router.post("/runs", status_code=201, summary="Start a run")
async def start(body: AugmentationRequest, gateway: CurrentGateway, key: CurrentKey) -> Run:
    record = (await create_job(gateway, key, to_job_spec(body))).record
    return Run(run=record.uid, state=record.state)


DIALECT = Dialect(
    name="fifth",
    prefix="/fifth",
    status_path="/fifth/runs/{run}",
    status_operation=StatusOperation("Get a run", model=Run),
    encode_status=lambda job, _: Run(run=job.uid, state=job.state).model_dump_json().encode(),
    encode_problem=lambda problem: f"no: {problem.status}".encode(),
    routers=(router,),
)
"""


@pytest.fixture
async def fifth(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> httpx.AsyncClient:
    """A client of an application in whose folder of dialects there is one more file."""
    (tmp_path / "fifth.py").write_text(FIFTH)
    monkeypatch.setattr(dialects, "__path__", [*dialects.__path__, str(tmp_path)])
    transport = httpx.ASGITransport(build_app(gateway, find_dialects()))
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers={"x-api-key": "full"})


async def test_new_dialect_serves_status_and_is_counted(fifth: httpx.AsyncClient, gateway: Gateway) -> None:
    assert (await fifth.get(f"/fifth/runs/{JOB_ID.upper()}")).json() == {"run": JOB_ID, "state": "running"}
    counted = {"dialect": "fifth", "route": "/fifth/runs/{run}", "method": "GET", "status": "200"}
    assert answered(samples(gateway), **counted) == 1


async def test_new_dialect_creates_jobs(fifth: httpx.AsyncClient, gateway: Gateway) -> None:
    created = await fifth.post("/fifth/runs", json=BODY)
    assert created.status_code == 201
    assert (await fifth.get(f"/fifth/runs/{created.json()['run']}")).json()["state"] == "queued"
    counted = {"dialect": "fifth", "route": "/fifth/runs", "method": "POST", "status": "201"}
    assert answered(samples(gateway), **counted) == 1


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/fifth/runs/none", "full", 422),
        (f"/fifth/runs/{JOB_ID}", "wrong", 401),
        (f"/fifth/runs/{JOB_ID}", "other-project", 404),
        ("/fifth/nowhere", "full", 404),
    ],
)
async def test_new_dialect_has_its_own_error_shape(fifth: httpx.AsyncClient, path: str, key: str, status: int) -> None:
    answer = await fifth.get(path, headers={"x-api-key": key})
    assert (answer.status_code, answer.text) == (status, f"no: {status}")


async def test_new_dialect_is_in_openapi_document(fifth: httpx.AsyncClient) -> None:
    paths = (await fifth.get("/openapi.json")).json()["paths"]
    status = paths["/fifth/runs/{run}"]["get"]
    assert status["tags"] == ["fifth"]
    assert status["security"]
    assert [parameter["name"] for parameter in status["parameters"]] == ["run"]
    assert status["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Run")
    assert {"401", "403", "404", "422", "429", "503"} < set(status["responses"])
    assert paths["/fifth/runs"]["post"]["security"]


async def test_other_dialects_are_unchanged(fifth: httpx.AsyncClient) -> None:
    assert (await fifth.get(f"/jobs/{JOB_ID}")).json()["status"] == "running"
