"""OIDC tokens in place of keys: real signatures, and an issuer over HTTP."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from augmentation_gateway.credentials.keys import Right
from augmentation_gateway.credentials.oidc import MAX_TOKEN_BYTES, OidcDocument, OidcFileError, OidcTokens, read
from augmentation_gateway.credentials.oidc_keys import (
    LIFETIME_SECONDS,
    MAX_AGE_SECONDS,
    REFRESH_SECONDS,
    is_trusted_url,
)
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.observability.metrics import Metrics
from augmentation_gateway.problem import Problem
from tests.unit.gateway.conftest import PATH, CurrentGateway

NOW = 1_800_000_000
KEYS: dict[str, Any] = {
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "curve": ec.generate_private_key(ec.SECP256R1()),
    "short": rsa.generate_private_key(public_exponent=65537, key_size=1024),
    "bitcoin": ec.generate_private_key(ec.SECP256K1()),
}
ALGORITHM = {"rsa": "RS256", "curve": "ES256", "short": "RS256", "bitcoin": "ES256K"}


def jwk(name: str) -> dict[str, Any]:
    """The public key of this name, as an issuer lists it."""
    key = KEYS[name].public_key()
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPublicKey) else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(key, as_dict=True), "kid": name, "use": "sig"}


class StandInIssuer:
    """Stand-in for an identity provider: serves discovery document and keys, and signs tokens."""

    def __init__(self) -> None:
        self.published = ["rsa"]
        self.asked = 0
        self.is_down = False
        self.url = ""
        self.keys_url: str | None = None
        self.more: list[dict[str, Any]] = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def discovery(self, _: web.Request) -> web.Response:
        self.asked += 1
        await self.answers.wait()
        if self.is_down:
            return web.Response(status=503)
        return web.json_response({"issuer": self.url, "jwks_uri": self.keys_url or f"{self.url}/keys"})

    async def keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [jwk(name) for name in self.published] + self.more})

    def token(self, key: str = "rsa", headers: dict[str, Any] | None = None, **claims: Any) -> bytes:
        body = {
            "iss": self.url,
            "aud": "augmentation",
            "sub": "mina@robots.example",
            "exp": NOW + 300,
            "groups": ["people", "robot-learning"],
            **claims,
        }
        payload = {name: value for name, value in body.items() if value is not None}
        return jwt.encode(payload, KEYS[key], ALGORITHM[key], headers={"kid": key, **(headers or {})}).encode()


class Clock:
    seconds: float = NOW

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def issuer() -> AsyncIterator[StandInIssuer]:
    issuer = StandInIssuer()
    application = web.Application()
    application.router.add_get("/.well-known/openid-configuration", issuer.discovery)
    application.router.add_get("/keys", issuer.keys)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield issuer
    await runner.cleanup()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the gateway and of PyJWT."""
    clock = Clock()

    class Now:
        @staticmethod
        def now(tz: object = None) -> Any:
            import datetime

            return datetime.datetime.fromtimestamp(clock(), tz=datetime.UTC)

    monkeypatch.setattr("jwt.api_jwt.datetime", Now)
    return clock


@pytest.fixture
def tokens(issuer: StandInIssuer, clock: Clock) -> OidcTokens:
    grants = [
        {"claim": "groups", "value": "robot-learning", "namespace": "robots", "organisation": "lab"},
        {"claim": "department", "value": "press", "namespace": "robots", "rights": ["read"], "requestsPerSecond": 1},
    ]
    document = OidcDocument.model_validate({"issuer": issuer.url, "audience": "augmentation", "grants": grants})
    return OidcTokens(document, clock)


async def refusal(tokens: OidcTokens, token: bytes) -> Problem:
    with pytest.raises(Problem) as refused:
        await tokens.find(token)
    return refused.value


async def test_first_matching_grant_determines_rights_of_token(issuer: StandInIssuer, tokens: OidcTokens) -> None:
    member = await tokens.find(issuer.token())
    assert (member.namespace, member.organisation, member.rights) == ("robots", "lab", (Right.READ, Right.WRITE))
    assert member.principal.id == "mina@robots.example"
    assert "mina" not in member.id
    assert member.expires_at == datetime.fromtimestamp(NOW + 300, UTC)
    reader = await tokens.find(issuer.token(groups=["people"], department="press", sub="otto"))
    assert (reader.rights, reader.requests_per_second) == ((Right.READ,), 1)
    assert reader.id != member.id


async def test_token_with_unrepresentable_expiry_is_valid(issuer: StandInIssuer, tokens: OidcTokens) -> None:
    assert (await tokens.find(issuer.token(exp=10**17))).expires_at is None


async def test_token_without_grant_is_rejected_with_its_claims(issuer: StandInIssuer, tokens: OidcTokens) -> None:
    problem = await refusal(tokens, issuer.token(groups=["people"]))
    assert problem.status == 403
    assert "groups, department" in problem.detail


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": NOW - 31}, "expired"),
        ({"exp": None}, "exp"),
        ({"aud": "payroll"}, "Audience"),
        ({"iss": "https://elsewhere.example"}, "issuer"),
        ({"nbf": NOW + 3600}, "not yet valid"),
        ({"sub": None}, "sub"),
    ],
)
async def test_token_with_other_audience_or_validity_period_is_rejected(
    issuer: StandInIssuer, tokens: OidcTokens, claims: dict[str, Any], why: str
) -> None:
    problem = await refusal(tokens, issuer.token(**claims))
    assert problem.status == 401
    assert why in problem.detail


async def test_token_without_valid_signature_is_rejected(issuer: StandInIssuer, tokens: OidcTokens) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    public = (
        KEYS["rsa"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    head, body, _ = jwt.encode(claims, "x" * 32, "HS256", headers={"kid": "rsa"}).split(".")
    shared = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(f"{head}.{body}".encode(), public)
    by_public_key = f"{head}.{body}.{jwt.utils.base64url_encode(shared).decode()}"
    forged = [
        jwt.encode(claims, "", "none", headers={"kid": "rsa"}).encode(),
        by_public_key.encode(),
        issuer.token("curve", headers={"kid": "rsa"}),
        b"not.a.token",
    ]
    for token in forged:
        assert (await refusal(tokens, token)).status == 401


async def test_new_key_of_issuer_is_fetched_and_unknown_ids_do_not_flood_it(
    issuer: StandInIssuer, tokens: OidcTokens, clock: Clock
) -> None:
    await tokens.find(issuer.token())
    issuer.published = ["curve"]
    clock.seconds += REFRESH_SECONDS
    assert await tokens.find(issuer.token("curve"))
    assert issuer.asked == 2
    for number in range(20):
        assert (await refusal(tokens, issuer.token(headers={"kid": f"made-up-{number}"}))).status == 401
    assert issuer.asked == 2


async def test_unavailable_issuer_is_reported_and_cached_keys_stay_valid(
    issuer: StandInIssuer, tokens: OidcTokens, clock: Clock
) -> None:
    issuer.is_down = True
    problem = await refusal(tokens, issuer.token())
    assert (problem.status, problem.headers["Retry-After"]) == (503, "10")
    issuer.is_down = False
    clock.seconds += REFRESH_SECONDS
    assert await tokens.find(issuer.token(exp=clock.seconds + 60))
    issuer.is_down = True
    clock.seconds += LIFETIME_SECONDS + 1
    assert await tokens.find(issuer.token(exp=clock.seconds + 60))


async def test_cached_key_does_not_wait_for_slow_issuer(
    issuer: StandInIssuer, tokens: OidcTokens, clock: Clock
) -> None:
    await tokens.find(issuer.token())
    clock.seconds += LIFETIME_SECONDS + 1
    issuer.answers.clear()
    unknown = asyncio.create_task(tokens.find(issuer.token("curve", exp=clock.seconds + 60)))
    async with asyncio.timeout(60):
        for number in range(3):
            assert await tokens.find(issuer.token(sub=f"user-{number}", exp=clock.seconds + 60))
    assert not unknown.done()
    issuer.published.append("curve")
    issuer.answers.set()
    assert await unknown
    assert issuer.asked == 2, "one read for all that wait"


async def test_cached_keys_expire_after_one_day_of_outage(
    issuer: StandInIssuer, tokens: OidcTokens, clock: Clock
) -> None:
    entry = await tokens.find(issuer.token(exp=NOW + 10 * MAX_AGE_SECONDS))
    issuer.is_down = True
    clock.seconds += MAX_AGE_SECONDS + 1
    assert not tokens.holds(entry)
    assert (await refusal(tokens, issuer.token(exp=clock.seconds + 60))).status == 503


async def test_token_with_withdrawn_key_is_rejected(issuer: StandInIssuer, tokens: OidcTokens, clock: Clock) -> None:
    token = issuer.token(exp=NOW + 10 * LIFETIME_SECONDS)
    entry = await tokens.find(token)
    issuer.published = ["curve"]
    clock.seconds += LIFETIME_SECONDS + 1
    async with asyncio.timeout(60):
        while tokens.holds(entry):  # noqa: ASYNC110 - the keys are read in the background
            await asyncio.sleep(0.01)
    assert (await refusal(tokens, token)).status == 401


@pytest.mark.parametrize("weak", ["short", "bitcoin"])
@pytest.mark.filterwarnings("ignore:.*below the minimum")
async def test_weak_key_of_issuer_is_rejected_and_reported(
    issuer: StandInIssuer, tokens: OidcTokens, weak: str, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.published = ["rsa", weak]
    problem = await refusal(tokens, issuer.token(weak))
    assert problem.status == 401
    assert "too weak" in problem.detail
    if weak == "short":
        (record,) = (record for record in caplog.records if record.levelname == "ERROR")
        assert record.__dict__["fields"]["kid"] == "short"
        assert "1024 bits" in record.__dict__["fields"]["why"]
    assert await tokens.find(issuer.token())


async def test_listed_private_or_symmetric_key_is_not_used(issuer: StandInIssuer, tokens: OidcTokens) -> None:
    private = jwt.algorithms.RSAAlgorithm.to_jwk(KEYS["rsa"], as_dict=True)
    issuer.published = ["curve"]
    issuer.more = [{**private, "kid": "rsa"}, {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}]
    assert (await refusal(tokens, issuer.token())).status == 401
    shared = jwt.encode({"sub": "x"}, "secret" * 6, "HS256", headers={"kid": "shared"})
    assert (await refusal(tokens, shared.encode())).status == 401


@pytest.mark.parametrize("how", ["plain", "huge", "many"])
async def test_untrusted_key_set_is_not_read(
    issuer: StandInIssuer, tokens: OidcTokens, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    match how:
        case "plain":
            issuer.keys_url = "http://login.robots.example/keys"
        case "huge":
            issuer.more = [{"kty": "oct", "k": "x" * 300_000}]
        case _:
            issuer.more = [{"kty": "oct", "k": "x"}] * 100
    assert (await refusal(tokens, issuer.token())).status == 503
    expected = {"plain": "https://", "huge": "256 KiB", "many": "101 keys"}[how]
    assert any(expected in record.__dict__.get("fields", {}).get("error", "") for record in caplog.records)


async def test_oversized_token_is_rejected_without_parsing(issuer: StandInIssuer, tokens: OidcTokens) -> None:
    assert "16 KiB" in (await refusal(tokens, issuer.token(more="x" * MAX_TOKEN_BYTES))).detail
    assert issuer.asked == 0


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://login.robots.example", True),
        ("http://127.0.0.1:8000", True),
        ("http://localhost:8000/realm", True),
        ("http://[::1]:8000", True),
        ("http://login.robots.example", False),
        ("http://localhost:x@login.robots.example", False),
        ("http://127.0.0.1@login.robots.example", False),
        ("http://localhost.robots.example", False),
        ("https://", False),
        ("https://[", False),
        ("ftp://localhost", False),
        ("file:///etc/passwd", False),
    ],
)
def test_issuer_requires_https_or_loopback(url: str, trusted: bool) -> None:
    assert is_trusted_url(url) == trusted


async def test_verified_token_is_cached_until_expiry(issuer: StandInIssuer, tokens: OidcTokens, clock: Clock) -> None:
    token = issuer.token()
    entry = await tokens.find(token)
    assert await tokens.find(token) is entry
    assert tokens.holds(entry)
    clock.seconds = NOW + 300
    assert not tokens.holds(entry)
    clock.seconds = NOW + 331
    assert (await refusal(tokens, token)).status == 401


async def test_token_reads_job_and_invalid_key_is_still_rejected(
    issuer: StandInIssuer,
    tokens: OidcTokens,
    gateway: Gateway,
    application: tuple[object, CurrentGateway],
    http: httpx.AsyncClient,
) -> None:
    application[1].gateway = dataclasses.replace(gateway, tokens=tokens, metrics=Metrics())
    del http.headers["x-api-key"]
    answer = await http.get(PATH, headers={"Authorization": f"Bearer {issuer.token().decode()}"})
    assert answer.status_code == 200
    refused = await http.get(PATH, headers={"Authorization": f"Bearer {issuer.token(aud='payroll').decode()}"})
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert (await http.get(PATH, headers={"Authorization": "Bearer wrong"})).status_code == 401


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"issuer": "http://login.robots.example"}, "issuer"),
        ({"grants": []}, "grants"),
        ({"grants": [{"claim": "groups", "value": "a", "namespace": "Not A Name"}]}, "grants.0.namespace"),
        ({"audiences": ["x"]}, "audiences"),
    ],
)
def test_invalid_settings_are_rejected_by_name(tmp_path: Path, change: dict[str, Any], name: str) -> None:
    grants = [{"claim": "groups", "value": "a", "namespace": "robots"}]
    good = {"issuer": "https://login.robots.example", "audience": "augmentation", "grants": grants}
    (tmp_path / "oidc.json").write_text(json.dumps({**good, **change}))
    with pytest.raises(OidcFileError, match=name):
        read(tmp_path / "oidc.json")
