"""Requests that try to be expensive are rejected in constant work, before they are parsed."""

import difflib
import json
import logging
import re
import tracemalloc
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from augmentation_gateway.app import DIALECTS
from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.limits.limits import Limits
from augmentation_gateway.limits.rate_limit import MAX_BUCKETS, Buckets, RateLimit
from augmentation_gateway.limits.shares import Capacity, Shares
from augmentation_gateway.observability.logs import BURST_LINES, LogLimit
from tests.unit.gateway.conftest import BODY, PATH, put
from tests.unit.gateway.job_objects import JOB_ID, job_object

CREATE = "/v1/augmentation"
JSON = {"content-type": "application/json"}


def refused(gateway: Gateway) -> dict[str, float]:
    families = text_string_to_metric_families(gateway.metrics.render().decode())
    return {
        sample.labels["reason"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "augmentation_gateway_refused_total"
    }


async def unread() -> Any:
    raise AssertionError("the body was read")
    yield b""


@pytest.mark.parametrize(("key", "status"), [("reader", 403), ("wrong", 401)])
@pytest.mark.parametrize("path", [CREATE, "/v0.5/batch/jobs", f"{PATH}/cancel", f"/jobs/{JOB_ID}/cancel"])
async def test_authorization_precedes_reading_body(http: httpx.AsyncClient, path: str, key: str, status: int) -> None:
    answer = await http.post(path, content=unread(), headers={"x-api-key": key})
    assert answer.status_code == status


async def test_authorization_precedes_query_validation(http: httpx.AsyncClient) -> None:
    answer = await http.get(CREATE, params={"sort": "colour"}, headers={"x-api-key": "writer"})
    assert answer.status_code == 403


async def test_key_without_rights_can_read_its_own_info(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/key", headers={"x-api-key": "writer"})).status_code == 200


async def test_error_names_ten_fields_and_counts_rest(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    guessed: list[str] = []

    def guess(name: str, known: Sequence[str], **_: object) -> list[str]:
        guessed.extend([name] if known else [])
        return []

    monkeypatch.setattr(difflib, "get_close_matches", guess)
    answer = await http.post(CREATE, json={**BODY, **{f"augment_copie{n}": n for n in range(900)}})
    assert answer.status_code == 422
    problems = answer.json()["detail"]
    assert len(problems) == 11
    assert problems[-1] == {
        "loc": ["body"],
        "msg": "There are 890 more problems: fix these first",
        "type": "more_problems",
    }
    assert len(guessed) == 3
    assert len(answer.content) < 4096


@pytest.mark.parametrize("field", ["x" * 60_000, "😀" * 10_000, "a.b[0]" * 5000])
async def test_error_truncates_long_values(http: httpx.AsyncClient, field: str) -> None:
    answer = await http.post(CREATE, json={**BODY, field: "y" * 100})
    assert answer.status_code == 422
    assert len(answer.content) < 2048


async def test_body_with_too_many_fields_is_not_parsed(http: httpx.AsyncClient) -> None:
    answer = await http.post(CREATE, json={**BODY, **{f"f{n}": n for n in range(1100)}})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == "too_many_members"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b"{" * 60_000,
        b'{"a":' * 10_000,
        b"[" * 30_000 + b"]" * 30_000,
        b'{"cosmos_prompts": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'["' + b'\\"' * 10_000 + b'"' + b"[" * 40_000,
        '{"a": "∀"}'.encode("utf-16-be") + b"\0[" * 20_000,
    ],
)
async def test_deeply_nested_body_is_422(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post(CREATE, content=body, headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] in ("too_deep", "json_invalid")


@pytest.mark.parametrize(
    "body",
    [
        b"1" * 60_000,
        b'{"seed": ' + b"9" * 60_000 + b"}",
        b'{"seed": 1e999999}',
        b'{"gamma_min": NaN}',
        b'{"gamma_min": -Infinity}',
        b'"' + b"\\" * 60_001 + b'"',
        b'{"dataset_id": "\\ud800"}',
        b"\xff\xfe",
        b"",
        b"null",
        b"[]",
    ],
    ids=[
        "digits",
        "huge seed",
        "huge exponent",
        "NaN",
        "infinity",
        "backslashes",
        "surrogate",
        "bytes",
        "empty",
        "null",
        "list",
    ],
)
async def test_body_that_is_no_job_is_4xx_with_short_message(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post(CREATE, content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    assert len(answer.content) < 4096


async def test_brackets_in_strings_do_not_count_as_depth(http: httpx.AsyncClient) -> None:
    answer = await http.post(CREATE, json={**BODY, "name": "[{" * 60 + '\\"]' * 20})
    assert answer.status_code == 201


async def test_query_with_too_many_parameters_is_422(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{CREATE}?" + "&".join(f"a{n}=1" for n in range(500)))
    assert answer.status_code == 422
    assert "more than 100 parameters" in answer.json()["detail"][0]["msg"]


async def test_inputs_of_huge_dataset_cost_one_page(http: httpx.AsyncClient, view: ClusterView) -> None:
    shards = [
        {
            "index": 0,
            "episodes": {"total": 4 * 10**18, "done": 10**18, "failed": 1},
            "updatedAt": "2026-11-20T10:00:00Z",
        }
    ]
    status = {"state": "running", "source": {"episodes": 40_000_000}, "shardCount": 2, "shards": shards}
    put(view, job_object(version=300, status=status))
    url = f"/v0.5/batch/jobs/{JOB_ID}/inputs"
    await http.get(url)
    tracemalloc.start()
    try:
        for offset in (0, 39_999_999, 2**31):
            answer = await http.get(url, params={"limit": 1, "offset": offset})
            assert answer.status_code == 200, answer.text
            assert answer.json()["total"] == 40_000_000
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    finally:
        tracemalloc.stop()


async def test_streams_per_key_are_limited_with_429(http: httpx.AsyncClient, gateway: Gateway) -> None:
    object.__setattr__(gateway, "capacity", Capacity(Limits(streams_per_key=1)))
    with gateway.capacity.streams.take("full"):
        answer = await http.get(f"{PATH}/events")
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "2"
        assert "gateway.limits.streamsPerKey" in answer.json()["detail"]
    assert refused(gateway) == {"streams_per_key": 1}
    put_end = job_object(version=400, status={"state": "completed"})
    put(gateway.view, put_end)
    assert (await http.get(f"{PATH}/events")).status_code == 200
    assert len(gateway.capacity.streams) == 0


async def test_total_streams_are_limited_with_503() -> None:
    shares = Shares("pictures", "pictures", per_key=2, in_all=3)
    with shares.take("a"), shares.take("a"), shares.take("b"):
        with pytest.raises(Exception, match=r"The gateway has 3 pictures at the same time") as error, shares.take("c"):
            pass
        assert error.value.status == 503  # type: ignore[attr-defined]
    assert len(shares) == 0


async def test_created_jobs_per_key_and_minute_are_limited(http: httpx.AsyncClient, gateway: Gateway) -> None:
    object.__setattr__(gateway, "rate_limit", RateLimit(now=lambda: 0.0, jobs_per_minute=2))
    assert [(await http.post(CREATE, json=BODY)).status_code for _ in range(3)] == [201, 201, 429]
    assert (await http.post("/v0.5/batch/jobs", json={"parameters": BODY})).status_code == 429


def test_number_of_rate_buckets_is_bounded() -> None:
    buckets = Buckets(now=lambda: 0.0)
    for number in range(MAX_BUCKETS + 10):
        buckets.take(f"key-{number}", 1, 1)
    assert len(buckets) == MAX_BUCKETS


def test_log_of_flood_is_rate_limited(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock = [0.0]
    limit = LogLimit(logging.getLogger("flood"), now=lambda: clock[0])
    for _ in range(5000):
        limit.info("request", {"status": 401})
    clock[0] = 1.0
    limit.info("request", {"status": 401})
    assert len(caplog.records) == BURST_LINES + 1
    assert caplog.records[-1].fields["lines_left_out"] == 5000 - BURST_LINES  # type: ignore[attr-defined]


async def test_long_path_is_truncated_in_log(http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    await http.get(f"{CREATE}/{'x' * 5000}/y")
    assert all(len(json.dumps(getattr(record, "fields", {}))) < 1000 for record in caplog.records)


async def test_openapi_document_is_serialized_once(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await http.get("/openapi.json", headers={"x-api-key": ""})
    monkeypatch.setattr(json, "dumps", None)
    second = await http.get("/openapi.json", headers={"x-api-key": ""})
    assert second.content == first.content
    assert second.headers["content-type"] == "application/json"


def _routes() -> set[tuple[str, str]]:
    """Path and method of every route that requires a key, with a job id filled in."""
    app = FastAPI()
    for dialect in DIALECTS:
        app.include_router(dialect.router)
    document = app.openapi()["paths"]
    return {
        (re.sub(r"{[^}]*}", JOB_ID, path), method.upper()) for path, methods in document.items() for method in methods
    }


@pytest.mark.parametrize("ending", ["", "/", "%0A", "%0D%0A", "%00", "%2F", ";x", "%3F", "//", "/."])
async def test_every_spelling_of_path_requires_key(http: httpx.AsyncClient, ending: str) -> None:
    for path, method in _routes():
        answer = await http.request(method, path + ending, headers={**JSON, "x-api-key": ""}, content=unread())
        assert answer.status_code in (401, 404, 307), (method, path + ending, answer.text)
        if answer.status_code == 307:
            assert answer.headers["location"] == path


@pytest.mark.parametrize("path", [f"{CREATE}/?q=a%20b", "/healthz/?q=a%20b", "/api/v2/status?q=a%20b"])
async def test_slash_redirect_keeps_host_and_scheme(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path, headers={"host": "elsewhere.example"})
    assert answer.status_code == 307
    meant = {f"{CREATE}/": CREATE, "/healthz/": "/healthz", "/api/v2/status": "/api/v2/status/"}
    assert answer.headers["location"] == meant[path.partition("?")[0]] + "?q=a%20b"


@pytest.mark.parametrize("path", ["/static-offline-docs/no", "/page/1/no", "/no/", f"{CREATE}/a/b/c/"])
async def test_unknown_path_with_or_without_slash_is_404(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404
