"""Metrics, logs, request ids, rate limits and CORS."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from augmentation_gateway.app import build_app
from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.limits.rate_limit import RateLimit
from augmentation_gateway.middleware import response
from augmentation_gateway.observability import request_id
from augmentation_gateway.observability.logs import BURST_LINES, LogLimit, RequestFormatter
from augmentation_gateway.observability.metrics import metrics_server
from augmentation_gateway.page.bundle import page_bundle
from augmentation_gateway.problem import Problem
from tests.unit.gateway.conftest import BODY, PATH
from tests.unit.gateway.job_objects import JOB_ID

MONITORING = Path(__file__).resolve().parents[3] / "deploy" / "helm" / "augmentation-operator" / "monitoring"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(gateway: Gateway) -> Samples:
    """Every Prometheus sample by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(gateway.metrics.render().decode())
        for sample in family.samples
    }


def answered(values: Samples, **labels: str) -> float:
    return values.get(("augmentation_gateway_requests_total", tuple(sorted(labels.items()))), 0)


async def test_requests_are_counted_by_dialect_and_route(http: httpx.AsyncClient, gateway: Gateway) -> None:
    for _ in range(3):
        await http.get(PATH)
    await http.get(f"/jobs/{JOB_ID}")
    await http.get("/v1/augmentation")
    await http.post(f"{PATH}/retry")
    await http.get(PATH, headers={"x-api-key": "wrong"})
    await http.request("INVENTED", "/v1/augmentation/a/b/c")
    values = samples(gateway)
    status = "/v1/augmentation/{job_id}"
    assert answered(values, dialect="native", route=status, method="GET", status="200") == 3
    assert answered(values, dialect="jobs", route="/jobs/{job_id}", method="GET", status="200") == 1
    assert answered(values, dialect="native", route="/v1/augmentation", method="GET", status="200") == 1
    assert answered(values, dialect="native", route=f"{status}/retry", method="POST", status="409") == 1
    assert answered(values, dialect="native", route="none", method="GET", status="401") == 1
    assert answered(values, dialect="native", route="none", method="other", status="404") == 1
    times = ("augmentation_gateway_request_seconds_count", (("dialect", "native"), ("route", status)))
    assert values[times] == 3


def test_cache_state_is_in_metrics(gateway: Gateway) -> None:
    values = samples(gateway)
    assert values["augmentation_gateway_objects", (("resource", "augmentationjobs"),)] == 1
    assert values["augmentation_gateway_cache_age_seconds", ()] >= 0
    assert values["augmentation_gateway_watch_starts", (("resource", "augmentationjobs"),)] == 0
    assert values["augmentation_gateway_event_streams", ()] == 0
    assert values["augmentation_gateway_keys", ()] == 6


async def test_metrics_of_chart_exist_in_gateway(gateway: Gateway) -> None:
    names = {line.split()[2] for line in gateway.metrics.render().decode().splitlines() if line.startswith("# TYPE")}
    queried = {
        name for file in MONITORING.iterdir() for name in re.findall(r"\baugmentation_gateway_\w+", file.read_text())
    }
    assert queried
    assert queried <= names, queried - names


async def test_no_metric_names_job_or_key(http: httpx.AsyncClient, gateway: Gateway) -> None:
    await http.get(PATH)
    await http.get(f"{PATH}/outputs")
    text = gateway.metrics.render().decode()
    assert JOB_ID not in text
    assert '"full"' not in text


async def test_metrics_have_separate_port(http: httpx.AsyncClient, gateway: Gateway) -> None:
    assert (await http.get("/metrics")).status_code == 404
    async with metrics_server(gateway.metrics, "127.0.0.1", 0) as runner:
        port = runner.addresses[0][1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as prometheus:
            answer = await prometheus.get("/metrics")
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            assert "augmentation_gateway_keys 6" in answer.text
            assert (await prometheus.get(PATH, headers={"x-api-key": "full"})).status_code == 404


@pytest.mark.parametrize(
    ("docs", "page", "served"),
    [(True, True, {"/docs", "/redoc", "/openapi.json"}), (False, True, {"/openapi.json"}), (False, False, set())],
)
async def test_openapi_document_can_be_disabled_except_for_page(
    gateway: Gateway, docs: bool, page: bool, served: set[str]
) -> None:
    transport = httpx.ASGITransport(build_app(gateway, docs=docs, page=page))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert (await http.get(path)).status_code == (200 if path in served else 404)
        assert (await http.get(PATH, headers={"x-api-key": "full"})).status_code == 200


@pytest.mark.parametrize(
    ("path", "cache_control"),
    [
        *((path, "no-store") for path in (PATH, f"{PATH}/resource", f"{PATH}/outputs", f"{PATH}/request", "/v1/key")),
        *((path, "no-store") for path in ("/v0.5/batch/jobs", "/jobs", "/api/v2/status/", "/v1/augmentation/42")),
        ("/v1/augmentation", "private, no-cache"),
    ],
)
async def test_responses_with_data_are_not_cached(http: httpx.AsyncClient, path: str, cache_control: str) -> None:
    answer = await http.get(path)
    assert answer.headers.get_list("cache-control") == [cache_control]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/openapi.json", "/healthz", "/nowhere"])
async def test_pages_forbid_framing_and_content_sniffing(http: httpx.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers
    assert headers.get_list("x-content-type-options") == ["nosniff"]
    assert headers.get_list("x-frame-options") == ["DENY"]


@pytest.fixture
def public_log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """The log of requests without a key, with its full rate limit."""
    caplog.set_level("INFO")
    for name in ("_public_log", "_refused_log"):
        monkeypatch.setattr(response, name, LogLimit(logging.getLogger(response.__name__)))
    return caplog


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/", "/", 200),
        ("/docs", "/docs", 200),
        ("/openapi.json", "/openapi.json", 200),
        (f"/page/{page_bundle().version}/main.js", "/page/{version}/{name}", 200),
        ("/static-offline-docs/swagger-ui.css", "none", 200),
        ("/healthz", "/healthz", 200),
        ("/readyz", "/readyz", 200),
        ("/healthz/", "none", 307),
        ("/nowhere", "none", 404),
    ],
)
async def test_requests_without_key_are_counted_logged_and_have_ids(
    http: httpx.AsyncClient,
    gateway: Gateway,
    public_log: pytest.LogCaptureFixture,
    path: str,
    route: str,
    status: int,
) -> None:
    answer = await http.get(path, headers={"x-api-key": "", "x-request-id": "probe-1"})
    assert answer.status_code == status
    assert answer.headers.get_list("x-request-id") == ["probe-1"]
    counted = {"dialect": "none", "route": route, "method": "GET", "status": str(status)}
    assert answered(samples(gateway), **counted) == 1
    # Successful probes are counted but not logged, as status reads are.
    logged = [record for record in public_log.records if record.name.endswith("middleware.response")]
    assert len(logged) == (0 if route in ("/healthz", "/readyz") else 1)


async def test_pages_have_no_data_age_and_are_cacheable(http: httpx.AsyncClient) -> None:
    for path in ("/", "/docs", "/openapi.json", "/healthz"):
        headers = (await http.get(path)).headers
        assert "x-cache-age" not in headers
        assert headers.get("cache-control", "") != "no-store"


async def test_flood_of_pages_is_logged_at_most_ten_times_per_second(
    http: httpx.AsyncClient, public_log: pytest.LogCaptureFixture
) -> None:
    for _ in range(int(BURST_LINES) + 50):
        await http.get("/", headers={"if-none-match": page_bundle().files["index.html"].tag})
    logged = [record for record in public_log.records if record.name.endswith("middleware.response")]
    assert len(logged) <= BURST_LINES + 20


async def test_every_response_has_its_own_request_id(http: httpx.AsyncClient) -> None:
    answers = [await http.get(path) for path in (PATH, PATH, "/v1/augmentation", "/v1/augmentation/42", "/jobs/x/y")]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == len(ids)


async def test_request_id_of_client_is_kept_and_logged(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    answer = await http.post("/v1/augmentation", json=BODY, headers={"x-request-id": "trace-1"})
    assert answer.headers["x-request-id"] == "trace-1"
    logged = [record for record in caplog.records if record.name.endswith("middleware.response")]
    assert len(logged) == 1
    request_id.begin([(b"x-request-id", b"trace-1")])
    assert json.loads(RequestFormatter().format(logged[0]))["request_id"] == "trace-1"


@pytest.mark.parametrize("request_id", ["", "two words", "line\\nbreak", "x" * 129, "é"])
async def test_unsafe_request_id_of_client_is_replaced(http: httpx.AsyncClient, request_id: str) -> None:
    answer = await http.get(PATH, headers=[(b"x-request-id", request_id.encode())])
    assert answer.headers["x-request-id"] != request_id


def a_key(**fields: Any) -> ApiKey:
    return ApiKey.model_validate(
        {
            "id": "k",
            "sha256": "0" * 64,
            "principal": {"id": "k"},
            "namespace": "robots",
            "projects": ["*"],
            **fields,
        }
    )


def test_rate_limit_allows_rate_and_burst() -> None:
    clock = [0.0]
    limit = RateLimit(now=lambda: clock[0])
    key, other = a_key(requests_per_second=5), a_key(id="other", requests_per_second=5)
    for _ in range(10):
        limit.check(key)
    with pytest.raises(Problem) as problem:
        limit.check(key)
    assert problem.value.status == 429
    assert problem.value.headers["Retry-After"] == "1"
    limit.check(other)
    clock[0] += 1
    for _ in range(5):
        limit.check(key)
    with pytest.raises(Problem):
        limit.check(key)


def test_slow_rate_reports_retry_after() -> None:
    limit = RateLimit(now=lambda: 0.0)
    key = a_key(requests_per_second=0.1)
    limit.check(key)
    with pytest.raises(Problem) as problem:
        limit.check(key)
    assert problem.value.headers["Retry-After"] == "10"


@pytest.mark.parametrize(
    ("default", "own", "limited"), [(0, None, False), (1, None, True), (1, 0, False), (0, 1, True), (1, 1000, False)]
)
def test_rate_of_key_overrides_default(default: float, own: float | None, limited: bool) -> None:
    limit = RateLimit(default, now=lambda: 0.0)
    key = a_key(requests_per_second=own)
    refused = 0
    for _ in range(10):
        try:
            limit.check(key)
        except Problem:
            refused += 1
    assert (refused > 0) == limited


async def test_too_many_requests_are_429_in_shape_of_dialect(http: httpx.AsyncClient, gateway: Gateway) -> None:
    gateway.rate_limit._default = 1
    answers = [await http.get(f"/v0.5/batch/jobs/{JOB_ID}") for _ in range(4)]
    assert [answer.status_code for answer in answers][-1] == 429
    assert answers[-1].json()["errors"][0]["code"] == "rate_limited"
    assert int(answers[-1].headers["retry-after"]) >= 1


async def preflight(gateway: Gateway, *origins: str) -> httpx.Response:
    transport = httpx.ASGITransport(build_app(gateway, allowed_origins=origins))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        return await http.options(
            PATH,
            headers={
                "origin": "https://robots.example",
                "access-control-request-method": "GET",
                "access-control-request-headers": "x-api-key",
            },
        )


async def test_only_configured_origins_are_allowed(gateway: Gateway) -> None:
    assert "access-control-allow-origin" not in (await preflight(gateway)).headers
    assert "access-control-allow-origin" not in (await preflight(gateway, "https://other.example")).headers
    allowed = await preflight(gateway, "https://robots.example")
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://robots.example"
    assert "X-Api-Key".lower() in allowed.headers["access-control-allow-headers"].lower()
