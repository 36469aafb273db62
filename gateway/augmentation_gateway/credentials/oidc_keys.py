"""The public keys of an OpenID Connect issuer, located by its discovery document and refreshed in the background.

A token whose key is known never waits for the issuer. Tokens with unknown keys wait for one shared read, which starts
at most every REFRESH_SECONDS: forged tokens cannot make the gateway flood the issuer.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from augmentation_api.redaction import quotable
from augmentation_kube import connection_failure
from augmentation_kube.outbound import proxy_of, tls_context

_log = logging.getLogger(__name__)

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key pair: never `none`, nor one by a shared secret (RFC 8725, 3.1)."""
MIN_RSA_BITS: Final = 2048
"""NIST SP 800-131A: shorter keys are disallowed."""
MAX_RSA_BITS: Final = 8192
"""Verification takes longer with longer keys: a millisecond with this one."""
CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})
MAX_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100
TIMEOUT_SECONDS: Final = 5.0
REFRESH_SECONDS: Final = 10.0
LIFETIME_SECONDS: Final = 3600.0
MAX_AGE_SECONDS: Final = 86400.0
"""How long keys stay valid while their issuer does not answer: it may have withdrawn one of them since."""


def is_trusted_url(url: str) -> bool:
    """Whether responses from a URL can be trusted: it is https, or does not leave the machine."""
    try:
        parts = urlsplit(url)
        has_host = parts.hostname is not None and parts.username is None and parts.port != 0
    except ValueError:
        return False
    return has_host and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))
    )


def weakness(key: Any) -> str | None:
    """Why signatures by this key cannot be trusted; None if they can."""
    match key:
        case RSAPublicKey() if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            return f"an RSA key of {key.key_size} bits: it has to have {MIN_RSA_BITS} to {MAX_RSA_BITS}"
        case EllipticCurvePublicKey() if key.curve.name not in CURVES:
            return f"a key of the curve {key.curve.name}: it has to be P-256, P-384 or P-521"
        case RSAPublicKey() | EllipticCurvePublicKey() | Ed25519PublicKey() | Ed448PublicKey():
            return None
        case _:
            return "no public key"


def _words(error: Exception) -> str:
    """What was wrong with the request to the issuer or its response, without quoting an HTTP library."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"{connection_failure.describe(error)}; set caBundle of the Helm chart"
    if isinstance(error, aiohttp.ClientError | TimeoutError | OSError):
        return connection_failure.describe(error)
    return quotable(f"{type(error).__name__}: {error}", 300)


class IssuerKeys:
    """The keys of one issuer.

    Args:
        issuer: its URL.
        now: seconds since 1970.
    """

    def __init__(self, issuer: str, now: Callable[[], float]) -> None:
        self._issuer = issuer
        self._now = now
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._read_at = -MAX_AGE_SECONDS
        self._asked_at = -REFRESH_SECONDS
        self._reading: asyncio.Task[None] | None = None

    @property
    def are_known(self) -> bool:
        """Whether the issuer's keys were read recently enough."""
        return bool(self._keys) and self._now() - self._read_at < MAX_AGE_SECONDS

    def lists(self, key_id: str | None) -> bool:
        """Whether the issuer lists a key, as far as is known. Starts a refresh of old keys without waiting for it."""
        if self._now() - self._read_at >= LIFETIME_SECONDS:
            self._read_soon()
        return self.are_known and key_id in self._keys

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key with this id; None if the issuer lists none. Waits for the issuer only if the id is unknown."""
        if not self.lists(key_id) and (reading := self._read_soon()) is not None:
            # The cancellation of one request must not cancel the read for all others.
            await asyncio.shield(reading)
        return self._keys[key_id] if self.lists(key_id) else None

    def _read_soon(self) -> asyncio.Task[None] | None:
        """The read in progress, started now if necessary; None if the last one is too recent."""
        if self._reading is not None and not self._reading.done():
            return self._reading
        now = self._now()
        if now - self._asked_at < REFRESH_SECONDS:
            return None
        self._asked_at = now
        self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        """Read the keys; if that fails, those read before stay valid for a while."""
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls_context())) as session,
            ):
                discovery = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
                settings = await _json(session, discovery)
                if settings["issuer"] != self._issuer:
                    raise ValueError(f"{discovery} names the issuer {settings['issuer']!r}")
                listed = await _json(session, settings["jwks_uri"])
                keys = self._usable(listed)
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError, OSError, jwt.PyJWTError) as error:
            _log.error(
                "the OIDC issuer's keys cannot be read; those read before stay in force",
                extra={"fields": {"issuer": self._issuer, "error": _words(error), "keys": len(self._keys)}},
            )
            return
        self._keys, self._read_at = keys, self._now()

    def _usable(self, listed: dict[str, Any]) -> dict[str | None, jwt.PyJWK]:
        """The keys of a set that are for signatures and strong enough; a weak one is left out and logged."""
        if len(listed["keys"]) > MAX_KEYS:
            raise ValueError(f"the issuer lists {len(listed['keys'])} keys: {MAX_KEYS} are the most")
        keys: dict[str | None, jwt.PyJWK] = {}
        for key in jwt.PyJWKSet.from_dict(listed).keys:
            if key.public_key_use not in (None, "sig") or key.algorithm_name not in ALGORITHMS:
                continue
            if (why := weakness(key.key)) is not None:
                _log.error(
                    "the OIDC issuer lists a key that cannot be trusted; tokens signed with it are refused",
                    extra={"fields": {"issuer": self._issuer, "kid": str(key.key_id)[:200], "why": why}},
                )
                continue
            keys[key.key_id] = key
        return keys


async def _json(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    """The JSON object at a URL. Raises ValueError if it is no object, too long, or at an untrusted URL."""
    if not is_trusted_url(url):
        raise ValueError(f"{url[:200]!r} does not begin with https://")
    # A redirect could lead to plain http.
    async with session.get(url, raise_for_status=True, allow_redirects=False, proxy=proxy_of(url)) as answer:
        if answer.status != 200:
            raise ValueError(f"{url} answered {answer.status}")
        body = b""
        async for chunk in answer.content.iter_chunked(64 * 1024):
            body += chunk
            if len(body) > MAX_BYTES:
                raise ValueError(f"{url} has more than {MAX_BYTES // 1024} KiB")
    document = orjson.loads(body)
    if not isinstance(document, dict):
        raise TypeError(f"{url} is no JSON object")
    return document
