"""The gateway's own requests, to an issuer and a hub with certificates of a private authority, behind a proxy."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from augmentation_gateway.credentials.oidc_keys import IssuerKeys
from augmentation_gateway.jobs.preview import fetch_preview
from augmentation_gateway.observability.collector_session import trusting_session
from augmentation_gateway.problem import Problem
from tests.fixtures.authority import Authority
from tests.integration.forward_proxy import ForwardProxy, forward_proxy
from tests.integration.listener import Listener, listening

NAME = "login.company.test"
"""A name that nobody resolves but the proxy."""
PNG = b"\x89PNG\r\n\x1a\n and more"
KEY = jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server(authority: Authority) -> Iterator[Listener]:
    """An issuer, a hub and a collector of traces in one."""

    def answer(_method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        issuer = f"https://{NAME}:{running.url.rpartition(':')[2]}"
        documents = {
            "/.well-known/openid-configuration": {"issuer": issuer, "jwks_uri": f"{issuer}/keys"},
            "/keys": {"keys": [{**KEY, "kid": "one", "use": "sig", "alg": "ES256"}]},
        }
        return 200, {}, json.dumps(documents[path]).encode() if path in documents else PNG

    with listening(answer, authority.server_context(NAME, "127.0.0.1")) as running:
        yield running


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForwardProxy]:
    with forward_proxy({NAME: "127.0.0.1"}) as running:
        monkeypatch.setenv("HTTPS_PROXY", running.url)
        monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
        yield running


@pytest.fixture
def address(server: Listener, proxy: ForwardProxy) -> str:
    return f"https://{NAME}:{server.url.rpartition(':')[2]}"


async def test_issuer_and_hub_are_reached_through_the_proxy(
    address: str, authority: Authority, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUGMENTATION_CA_BUNDLE", str(authority.certificate))
    key = await IssuerKeys(address, time.time).find("one")
    assert key is not None
    assert await fetch_preview(f"{address}/datasets/lab/x/resolve/main/meta/augmentation.png") == PNG
    assert trusting_session().post(f"{address}/v1/traces", data=b"spans", timeout=10).status_code == 200
    assert len(proxy.asked) == 3
    assert set(proxy.asked) == {address.removeprefix("https://")}


async def test_without_the_bundle_neither_is_trusted_and_the_log_says_so(
    address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("AUGMENTATION_CA_BUNDLE", raising=False)
    assert await IssuerKeys(address, time.time).find("one") is None
    log = str(caplog.records[-1].__dict__)
    assert "its TLS certificate is not accepted: unable to get local issuer" in log
    assert "set caBundle of the Helm chart" in log
    with pytest.raises(Problem, match="does not trust the hub's certificate"):
        await fetch_preview(f"{address}/datasets/lab/x/resolve/main/meta/augmentation.png")
