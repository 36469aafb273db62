"""Bearer tokens of an OpenID Connect issuer in the place of API keys, checked by PyJWT.

A token is checked once and remembered by its digest until it expires, or its issuer withdraws the key that it is signed
with: a poll costs what it costs with a key.
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
REMEMBERED_TOKENS = 10_000
MOST_TOKEN_BYTES = 16 * 1024

_Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class OidcFileError(Exception):
    """A settings file that cannot be used; the message says where and why."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Grant(_Model):
    """What the tokens with one value in one of their claims may do; the first grant that fits counts.

    Attributes:
        claim: name of a claim, such as groups.
        value: what it has to be, or to hold if it is a list.
        namespace: the one Kubernetes namespace whose jobs are seen and made.
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

    def fits(self, claims: Mapping[str, Any]) -> bool:
        """Whether a token with these claims is meant."""
        held = claims.get(self.claim)
        return self.value in held if isinstance(held, list) else held == self.value


class OidcDocument(_Model):
    """The settings file.

    Attributes:
        issuer: URL of the issuer, as tokens name it; its discovery document lies under it.
        audience: what tokens have to be made for.
        grants: who may do what. A token that none fits is refused.
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
class _Known:
    """A token that was checked: what it may do, until when, and the id of the key that it is signed with."""

    entry: ApiKey
    until: float
    key_id: str | None


class OidcTokens:
    """The tokens of one issuer.

    Args:
        document: whose tokens are taken, and for what.
        now: seconds since 1970, as tokens count.
    """

    def __init__(self, document: OidcDocument, now: Callable[[], float] = time.time) -> None:
        self._document = document
        self._now = now
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._keys = IssuerKeys(document.issuer, now)

    def holds(self, key: ApiKey) -> bool:
        """Whether the token that this entry was made of has not expired, and its issuer still lists its key."""
        return self._still_good(bytes.fromhex(key.sha256)) is not None

    def _still_good(self, digest: bytes) -> ApiKey | None:
        known = self._known.get(digest)
        good = known is not None and known.until > self._now() and self._keys.lists(known.key_id)
        return known.entry if known is not None and good else None

    async def find(self, presented: bytes) -> ApiKey:
        """What a token may do, as the entry of an API key.

        Raises:
            Problem: 401 for a token that is not good, 403 for a good one that no grant fits, 503 while the issuer's
                keys cannot be read.
        """
        digest = hashlib.sha256(presented).digest()
        if (entry := self._still_good(digest)) is not None:
            return entry
        claims, key_id = await self._checked(presented)
        entry = self._entry(claims, digest)
        self._known[digest] = _Known(entry, float(claims["exp"]), key_id)
        self._known.move_to_end(digest)
        if len(self._known) > REMEMBERED_TOKENS:
            self._known.popitem(last=False)
        return entry

    async def _checked(self, presented: bytes) -> tuple[dict[str, Any], str | None]:
        """The claims of a token that is good, and the id of its key. Raises Problem."""
        if len(presented) > MOST_TOKEN_BYTES:
            raise _refused(
                f"This token is larger than {MOST_TOKEN_BYTES // 1024} KiB", "have its issuer add fewer claims"
            )
        try:
            key_id = jwt.get_unverified_header(presented).get("kid")
            if (key := await self._keys.find(key_id)) is None:
                raise self._without_key()
            claims: dict[str, Any] = jwt.decode(
                presented,
                key,
                # Not what the token says of itself: a public key must not be taken for a shared secret.
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
        grant = next((grant for grant in self._document.grants if grant.fits(claims)), None)
        if grant is None:
            asked = ", ".join(dict.fromkeys(grant.claim for grant in self._document.grants))
            raise Problem(
                403,
                "This token is valid, but no grant matches it",
                f"ask the administrator (the grants check the claims {asked})",
            )
        subject = str(claims["sub"])
        # A subject may be an address or hold anything: what logs and annotations show of it is a digest.
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
    """A NumericDate of a token; None where it is later than a date can be."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _refused(cause: str, fix: str = "sign in again with the issuer") -> Problem:
    return Problem(401, cause, fix, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def _unavailable() -> Problem:
    cause = "The keys of the OIDC issuer cannot be read, so no token can be verified"
    return unavailable(cause, retry_after=int(REFRESH_SECONDS))
