"""An API key appears in no response, log line or metric, wherever a client puts it."""

import logging

import httpx
import pytest

from augmentation_gateway.gateway import Gateway
from augmentation_gateway.observability.logs import RequestFormatter
from augmentation_kube import KubeError, KubeUnavailable
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.gateway.conftest import BODY, PATH

KEY = "aug_Zq7RvX2mWc9TjLp4Kd6Bn8Gs3Yh5Fb1QwEr6"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJZcTdSdlgybVdjOVRqTHA0In0.c2lnbmF0dXJlWnE3UnZYMm1XYzk"
ATTACK = f"\x1b]0;owned\x07\nforged: Authorization: Bearer {TOKEN}"
PRESENTED = {
    "x-api-key": {"headers": {"x-api-key": KEY}},
    "bearer": {"headers": {"authorization": f"Bearer {KEY}"}},
    "token scheme": {"headers": {"authorization": f"Token {KEY}"}},
    "token": {"headers": {"authorization": f"Bearer {TOKEN}"}},
    "query": {"params": {"key": KEY, "limit": "0"}},
    "cursor": {"params": {"cursor": KEY}},
    "request id": {"headers": {"x-request-id": KEY, "x-api-key": TOKEN}},
}


def parts(text: str, secret: str) -> list[str]:
    return [part for at in range(len(secret) - 7) if (part := secret[at : at + 8]) in text]


def logged(records: list[logging.LogRecord]) -> str:
    return "\n".join(RequestFormatter().format(record) for record in records if record.name.startswith("augmentation"))


@pytest.mark.parametrize("where", PRESENTED)
@pytest.mark.parametrize("path", ["/v1/augmentation", PATH, f"/v1/augmentation/{KEY}", f"/api/v2/status/{KEY}"])
async def test_key_is_in_no_response_log_or_metric(
    http: httpx.AsyncClient, gateway: Gateway, caplog: pytest.LogCaptureFixture, where: str, path: str
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await http.get(path, **PRESENTED[where])  # type: ignore[arg-type]
    # The client's own address and request id are echoed, but never its key.
    asked = path + str(PRESENTED[where].get("params")) + ("x-request-id" if where == "request id" else "")
    shown = answer.text + str(answer.headers)
    for secret in (KEY, TOKEN):
        assert secret in asked or where == "request id" or not parts(shown, secret)
        assert not parts(logged(caplog.records), secret)
        assert not parts(gateway.metrics.render().decode(), secret)


@pytest.mark.parametrize("error", [KubeError(500, "InternalError", ATTACK), KubeError(403, "Forbidden", ATTACK)])
async def test_error_of_api_server_is_quoted_without_credentials(
    http: httpx.AsyncClient, kube: InMemoryKube, error: Exception
) -> None:
    kube.fail(error)
    answer = await http.post("/v1/augmentation", json=BODY)
    detail = answer.json()["detail"]
    assert "forged" in detail
    assert detail.isprintable()
    assert not parts(answer.text, TOKEN)


async def test_unavailable_api_server_is_reported_without_request_details(
    http: httpx.AsyncClient, kube: InMemoryKube, caplog: pytest.LogCaptureFixture
) -> None:
    kube.fail(KubeUnavailable("the Kubernetes API could not be reached: the connection was refused"))
    answer = await http.post("/v1/augmentation", json=BODY)
    assert answer.status_code == 503
    assert "full" not in logged(caplog.records)


async def test_internal_error_is_logged_without_its_text(
    http: httpx.AsyncClient, kube: InMemoryKube, caplog: pytest.LogCaptureFixture
) -> None:
    kube.fail(ValueError(f"Illegal header value b'Bearer {TOKEN}' of {KEY}"))
    answer = await http.post("/v1/augmentation", json=BODY)
    assert answer.status_code == 500
    assert "Illegal header value" in logged(caplog.records)
    for text in (answer.text, logged(caplog.records)):
        assert not parts(text, TOKEN) and not parts(text, KEY)
