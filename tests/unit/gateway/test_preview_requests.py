"""Previews before anything runs: requested, read, and kept out of lists."""

from base64 import b64encode
from typing import Any

import httpx
import pytest

from augmentation_gateway.cache.cluster_view import ClusterView
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.gateway.conftest import BODY, PATH, put, written
from tests.unit.gateway.job_objects import JOB_ID, job_object

PREVIEWS = "/v1/previews"
IMAGE = b"\x89PNG\r\n\x1a\n" + b"pixels"


def preview_object(**status: Any) -> dict[str, Any]:
    raw = job_object(version=300, status={"state": "running", **status})
    raw["spec"]["preview"] = {}
    return raw


async def test_request_creates_a_preview_that_removes_itself(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    answer = await http.post(f"{PREVIEWS}?episode=3&frame=10", json={**BODY, "augment_copies": 2})
    assert answer.status_code == 201, answer.text
    (job,) = written(kube)
    assert job["spec"]["preview"] == {"episode": 3, "frame": 10}
    assert job["spec"]["augmentation"]["copies"] == 2
    assert job["spec"]["ttlSecondsAfterFinished"] == 600
    assert answer.headers["location"] == f"/v1/augmentation/{answer.json()['job_id']}"


async def test_repeated_request_draws_once(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    headers = {"idempotency-key": "p"}
    first = await http.post(PREVIEWS, json=BODY, headers=headers)
    second = await http.post(PREVIEWS, json=BODY, headers=headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["job_id"] == second.json()["job_id"]


@pytest.mark.parametrize("query", ["episode=-1", "frame=x", "episode=99999999999"])
async def test_invalid_choice_names_its_parameter(http: httpx.AsyncClient, kube: InMemoryKube, query: str) -> None:
    answer = await http.post(f"{PREVIEWS}?{query}", json=BODY)
    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.text
    assert written(kube) == []


async def test_reading_key_may_not_request_one(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    assert (await http.post(PREVIEWS, json=BODY, headers={"x-api-key": "reader"})).status_code == 403
    assert written(kube) == []


async def test_drawn_preview_is_served(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, preview_object(preview={"mediaType": "image/jpeg", "image": b64encode(IMAGE).decode()}))
    answer = await http.get(f"{PATH}/picture")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/jpeg", IMAGE)
    assert (await http.get(f"{PATH}/picture", headers={"x-api-key": "other-project"})).status_code == 404


@pytest.mark.parametrize("status", [{}, {"preview": {"mediaType": "text/html", "image": "PGI+"}}])
async def test_preview_that_is_not_drawn_is_404(
    http: httpx.AsyncClient, view: ClusterView, status: dict[str, Any]
) -> None:
    put(view, preview_object(**status))
    answer = await http.get(f"{PATH}/picture")
    assert answer.status_code == 404
    assert f"/v1/augmentation/{JOB_ID}" in answer.json()["detail"]


async def test_previews_are_in_no_list(http: httpx.AsyncClient, view: ClusterView) -> None:
    assert (await http.get("/v1/augmentation")).json()["total"] == 1
    put(view, preview_object())
    assert (await http.get("/v1/augmentation")).json()["total"] == 0
    assert (await http.get(PATH)).json()["status"] == "running"
