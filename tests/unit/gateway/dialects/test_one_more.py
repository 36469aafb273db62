"""A dialect is one value: a fifth needs nothing changed elsewhere."""

from __future__ import annotations

import httpx
from fastapi import APIRouter

from augmentation_gateway.app import DIALECTS, build_app
from augmentation_gateway.dialects.dialect import Dialect
from augmentation_gateway.dialects.native.routes import parse_id
from augmentation_gateway.gateway import Gateway
from tests.unit.gateway.job_objects import JOB_ID


async def test_a_fifth_dialect_is_one_value(gateway: Gateway) -> None:
    fifth = Dialect(
        name="fifth",
        prefix="/fifth",
        status_route="/fifth/{id}",
        status_id=lambda path: path.removeprefix("/fifth/") or None,
        parse_id=parse_id,
        encode_status=lambda job, _: f"{job.uid} is {job.state}".encode(),
        encode_problem=lambda problem: f"no: {problem.status}".encode(),
        router=lambda _: APIRouter(),
    )
    app = build_app(gateway, (*DIALECTS, fifth))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers={"x-api-key": "full"}) as http:
        assert (await http.get(f"/fifth/{JOB_ID}")).text == f"{JOB_ID} is running"
        assert (await http.get("/fifth/none")).text == "no: 422"
        assert (await http.get(f"/fifth/{JOB_ID}", headers={"x-api-key": "wrong"})).text == "no: 401"
        assert (await http.get(f"/jobs/{JOB_ID}")).json()["status"] == "running"
