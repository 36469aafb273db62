"""API keys: what a key may do, and how a presented key is looked up.

A key is `aug_` and 256 random bits. Only its SHA-256 is stored. A slow password hash would protect a secret that can
be guessed; 2^256 keys cannot be, whatever the hash costs, and a fast one keeps a read at microseconds.
"""

import hashlib
import hmac
import math
import secrets
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from augmentation_api.spec import CredentialsSecretRef, ObjectName

KEY_PREFIX = "aug_"
ALL_PROJECTS = "*"
Project = UUID | Literal["*"]


class Right(StrEnum):
    """What a key may do with the jobs of its projects."""

    READ = "read"
    WRITE = "write"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Principal(_Model):
    """The user or service that uses a key."""

    type: Literal["user", "service"] = "service"
    id: Annotated[str, StringConstraints(min_length=1, max_length=255)]


class ApiKey(_Model):
    """An entry of the keys file.

    Attributes:
        id: name of the key: in logs, and in an annotation of the jobs it created. Never secret.
        sha256: digest of the key, 64 hexadecimal digits.
        principal: who uses it.
        organisation: whom the principal belongs to.
        namespace: the one Kubernetes namespace whose jobs it sees and creates.
        projects: project ids it may use, or `["*"]`: every project, and jobs without one.
        rights: read, write.
        requests_per_second: rate limit per replica; 0: no limit; None: the gateway's default.
        expires_at: from when on it is not taken any more; None: it does not expire.
        credentials_secret_ref: Secret of its namespace with the hub token of the jobs it creates; None: that of their
            class.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    principal: Principal
    organisation: Annotated[str, StringConstraints(max_length=255)] = ""
    namespace: ObjectName
    projects: Annotated[tuple[Project, ...], Field(min_length=1)]
    rights: Annotated[tuple[Right, ...], Field(min_length=1)] = tuple(Right)
    requests_per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    expires_at: AwareDatetime | None = None
    credentials_secret_ref: CredentialsSecretRef | None = None

    @property
    def has_expired(self) -> bool:
        """Whether it has expired."""
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)

    @property
    def may_use_all_projects(self) -> bool:
        """Whether the key may see and create jobs of every project, and of none."""
        return ALL_PROJECTS in self.projects

    def may_use_project(self, project_id: UUID | None) -> bool:
        """Whether the key may see and create jobs of this project (None: of no project)."""
        return self.may_use_all_projects or project_id in self.projects


class KeysDocument(_Model):
    """The keys file."""

    keys: tuple[ApiKey, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for what in ("id", "sha256"):
            counts = Counter(getattr(key, what) for key in self.keys)
            repeated = sorted(value for value, count in counts.items() if count > 1)
            if repeated:
                raise ValueError(f"{what} {', '.join(repeated)} is used by more than one key")
        return self


class KeyRing:
    """The keys in force."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._by_digest = {bytes.fromhex(key.sha256): key for key in keys}

    def __len__(self) -> int:
        return len(self._by_digest)

    @property
    def in_force(self) -> int:
        """Number of keys that have not expired. O(n)."""
        return sum(not key.has_expired for key in self._by_digest.values())

    @property
    def next_expiry(self) -> float:
        """When the next key expires, in seconds since 1970; infinity if none does. O(n)."""
        ends = (
            key.expires_at.timestamp() for key in self._by_digest.values() if key.expires_at and not key.has_expired
        )
        return min(ends, default=math.inf)

    def holds(self, key: ApiKey) -> bool:
        """Whether this very entry is still in force, for what outlives a request's own check of its key."""
        present = self._by_digest.get(bytes.fromhex(key.sha256))
        return (present is key or present == key) and not key.has_expired

    def find(self, presented: bytes) -> ApiKey | None:
        """The entry of a presented key, which may have expired, or None. O(1) in the number of keys."""
        digest = hashlib.sha256(presented).digest()
        key = self._by_digest.get(digest)
        # The time of a table look-up may leak something about a digest, which the client cannot choose; the decision is
        # made by a comparison in constant time.
        if key is None or not hmac.compare_digest(digest, bytes.fromhex(key.sha256)):
            return None
        return key


def new_secret() -> str:
    """A new key: 256 bits from the operating system."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """The digest that is stored for a key."""
    return hashlib.sha256(secret.encode()).hexdigest()
