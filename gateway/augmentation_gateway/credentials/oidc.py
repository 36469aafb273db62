"""Bearer tokens of an OpenID Connect issuer in place of API keys, verified by PyJWT.

A token is verified once and cached by its digest until it expires, or its issuer withdraws the key that signed it: a
poll costs the same as with an API key.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import jwt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from augmentation_api.redaction import quotable
from augmentation_api.spec import CredentialsSecretRef, ObjectName
from augmentation_gateway.credentials.json_file import read_json_file
from augmentation_gateway.credentials.keys import ApiKey, Principal, Project, Right
from augmentation_gateway.credentials.oidc_keys import REFRESH_SECONDS, IssuerKeys, is_trusted_url
from augmentation_gateway.problem import Problem, unavailable

LEEWAY_SECONDS = 30
MAX_CACHED_TOKENS = 10_000
MAX_TOKEN_BYTES = 16 * 1024

_Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class OidcFileError(Exception):
    """A settings file that cannot be used; the message says where and why."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Grant(_Model):
    """What tokens with a value in one of their claims may do; the first grant that matches counts.

    Attributes:
        claim: name of a claim, such as groups.
        value: what it has to be, or to hold if it is a list.
        namespace: the one Kubernetes namespace whose jobs they see and create.
        organisation, projects, rights, requests_per_second, credentials_secret_ref: as of an API key.
    """

    claim: _Text
    value: _Text
    namespace: ObjectName
    organisation: Annotated[str, StringConstraints(max_length=255)] = ""
    projects: Annotated[tuple[Project, ...], Field(min_length=1)] = ("*",)
    rights: Annotated[tuple[Right, ...], Field(min_length=1)] = tuple(Right)
    requests_per_second: float | None = Field(None, ge=0, allow_inf_nan=False, alias="requestsPerSecond")
    credentials_secret_ref: CredentialsSecretRef | None = Field(None, alias="credentialsSecretRef")

    def matches(self, claims: Mapping[str, Any]) -> bool:
        """Whether the grant is for a token with these claims."""
        value = claims.get(self.claim)
        return self.value in value if isinstance(value, list) else value == self.value


class OidcDocument(_Model):
    """The settings file.

    Attributes:
        issuer: URL of the issuer, as tokens name it; its discovery document lies under it.
        audience: required audience of tokens.
        grants: who may do what. A token that none matches is rejected.
    """

    issuer: _Text
    audience: _Text
    grants: Annotated[tuple[Grant, ...], Field(min_length=1)]

    @field_validator("issuer")
    @classmethod
    def _is_url(cls, issuer: str) -> str:
        if not is_trusted_url(issuer):
            raise ValueError("has to begin with https://: whoever can change its answers can make tokens")
        return issuer


def read(path: Path) -> OidcDocument:
    """The settings in a file. Raises OidcFileError."""
    return read_json_file(path, OidcDocument, OidcFileError)


def is_token(presented: bytes) -> bool:
    """Whether a secret has the form of a token: no API key has dots."""
    return presented.count(b".") == 2


@dataclass(frozen=True)
class _Verified:
    """A verified token: what it may do, until when, and the id of the key that signed it."""

    entry: ApiKey
    until: float
    key_id: str | None


class OidcTokens:
    """The tokens of one issuer.

    Args:
        document: the settings.
        now: seconds since 1970, as tokens count.
    """

    def __init__(self, document: OidcDocument, now: Callable[[], float] = time.time) -> None:
        self._document = document
        self._now = now
        self._tokens: OrderedDict[bytes, _Verified] = OrderedDict()
        self._keys = IssuerKeys(document.issuer, now)

    def holds(self, key: ApiKey) -> bool:
        """Whether the token of this entry has not expired, and its issuer still lists its key."""
        return self._valid_entry(bytes.fromhex(key.sha256)) is not None

    def _valid_entry(self, digest: bytes) -> ApiKey | None:
        token = self._tokens.get(digest)
        if token is None or token.until <= self._now() or not self._keys.lists(token.key_id):
            return None
        return token.entry

    async def find(self, presented: bytes) -> ApiKey:
        """What a token may do, as the entry of an API key.

        Raises:
            Problem: 401 for an invalid token, 403 for a valid one that no grant matches, 503 while the issuer's keys
                cannot be read.
        """
        digest = hashlib.sha256(presented).digest()
        if (entry := self._valid_entry(digest)) is not None:
            return entry
        claims, key_id = await self._verify(presented)
        entry = self._entry(claims, digest)
        self._tokens[digest] = _Verified(entry, float(claims["exp"]), key_id)
        self._tokens.move_to_end(digest)
        if len(self._tokens) > MAX_CACHED_TOKENS:
            self._tokens.popitem(last=False)
        return entry

    async def _verify(self, presented: bytes) -> tuple[dict[str, Any], str | None]:
        """The claims of a valid token, and the id of its key. Raises Problem."""
        if len(presented) > MAX_TOKEN_BYTES:
            raise _refused(
                f"This token is larger than {MAX_TOKEN_BYTES // 1024} KiB", "have its issuer add fewer claims"
            )
        try:
            key_id = jwt.get_unverified_header(presented).get("kid")
            if (key := await self._keys.find(key_id)) is None:
                raise self._without_key()
            claims: dict[str, Any] = jwt.decode(
                presented,
                key,
                # Not the one that the token names: a public key must not be taken for a shared secret.
                algorithms=[key.algorithm_name],
                audience=self._document.audience,
                issuer=self._document.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            why = quotable(str(error), 200)
            raise _refused(f"This token is not valid ({why})") from error
        return claims, key_id

    def _without_key(self) -> Problem:
        if not self._keys.are_known:
            return _unavailable()
        return _refused("This token is signed with a key that its issuer does not list, or that is too weak")

    def _entry(self, claims: Mapping[str, Any], digest: bytes) -> ApiKey:
        grant = next((grant for grant in self._document.grants if grant.matches(claims)), None)
        if grant is None:
            claim_names = ", ".join(dict.fromkeys(grant.claim for grant in self._document.grants))
            raise Problem(
                403,
                "This token is valid, but no grant matches it",
                f"ask the administrator (the grants check the claims {claim_names})",
            )
        subject = str(claims["sub"])
        # A subject may be an address or contain anything: logs and annotations show a digest of it.
        name = hashlib.sha256(f"{self._document.issuer} {subject}".encode()).hexdigest()[:16]
        return ApiKey(
            id=f"oidc-{name}",
            sha256=digest.hex(),
            principal=Principal(type="user", id=subject[:255] or "-"),
            organisation=grant.organisation,
            namespace=grant.namespace,
            projects=grant.projects,
            rights=grant.rights,
            requests_per_second=grant.requests_per_second,
            expires_at=_moment(claims["exp"]),
            credentials_secret_ref=grant.credentials_secret_ref,
        )


def _moment(seconds: float) -> datetime | None:
    """A NumericDate of a token; None if it is later than a date can be."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _refused(cause: str, fix: str = "sign in again with the issuer") -> Problem:
    return Problem(401, cause, fix, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def _unavailable() -> Problem:
    cause = "The keys of the OIDC issuer cannot be read, so no token can be verified"
    return unavailable(cause, retry_after=int(REFRESH_SECONDS))
