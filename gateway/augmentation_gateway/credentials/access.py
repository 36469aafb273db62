"""What a key may see and do. Plain functions; every dialect asks these and none decides by itself."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.cache.object_cache import Gone
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.credentials.keys_in_force import KeysInForce
from augmentation_gateway.credentials.oidc import OidcTokens, is_token
from augmentation_gateway.problem import Problem, no_such_job

_MISSING_KEY = "No API key was given: send it as `x-api-key: KEY` or `Authorization: Bearer KEY`."
_WRONG_KEY = "This API key is not valid: check it, or ask the administrator for a new one."

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


async def authenticate(headers: Iterable[tuple[bytes, bytes]], keys: KeysInForce, tokens: OidcTokens | None) -> ApiKey:
    """The key a request was sent with; x-api-key is taken where both headers are there.

    Args:
        headers: names in lower case, as ASGI has them.
        keys: the keys in force.
        tokens: the issuer whose tokens are taken in place of keys, if there is one.

    Raises:
        Problem: 401; 503 while the keys are not known yet; for a token also 403 and 503.
    """
    presented = _presented(headers)
    if (key := keys.ring.find(presented)) is not None:
        if key.has_expired:
            raise Problem(
                401,
                f"Key {key.id!r} expired at {key.expires_at:%Y-%m-%d %H:%M} UTC: ask the administrator for a new one.",
                headers=_CHALLENGE,
            )
        return key
    if tokens is not None and is_token(presented):
        return await tokens.find(presented)
    if not keys.synced:
        raise Problem(503, "The API keys have not been read yet. Try again.", headers={"Retry-After": "1"})
    raise Problem(401, _WRONG_KEY, headers=_CHALLENGE)


def _presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    bearer: bytes | None = None
    for name, value in headers:
        if name == b"x-api-key":
            return value.strip()
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            bearer = value[7:].strip()
    if bearer is None:
        raise Problem(401, _MISSING_KEY, headers=_CHALLENGE)
    return bearer


def key_ended() -> Problem:
    """The answer to a request whose key was revoked, or has expired, before the answer had begun."""
    return Problem(401, "This API key is no longer valid: ask the administrator for a new one.", headers=_CHALLENGE)


def require(key: ApiKey, right: Right) -> None:
    """Raise Problem 403 where the key lacks this right. Says nothing about any job, so it gives nothing away."""
    if right not in key.rights:
        raise Problem(403, f"Key {key.id!r} has no {right} right: use a key that has it.")


def require_project(key: ApiKey, project_id: UUID) -> None:
    """Raise Problem 403 where the key may not make jobs of this project. Whether the project exists is not told."""
    if not key.may_use_project(project_id):
        raise Problem(403, f"Key {key.id!r} may not use project {project_id}: name a project of this key.")


def find_job(key: ApiKey, uid: str, view: ClusterView) -> JobRecord:
    """The job with this id, if the key may see it.

    Raises:
        Problem: 404 for a job that is not there and, no different, for one of another namespace or project;
            503 while the jobs have not been read yet.
    """
    jobs = view.jobs_in(key.namespace)
    record = jobs.get(uid) if jobs is not None else None
    if record is None:
        require_synced(view)
    if record is None or not may_see(key, record):
        raise no_such_job(uid)
    return record


def find_gone(key: ApiKey, uid: str, view: ClusterView) -> Gone[JobRecord] | None:
    """What is remembered of a job that was there, if the key might have seen it."""
    jobs = view.jobs_in(key.namespace)
    gone = jobs.gone(uid) if jobs is not None else None
    return gone if gone is not None and may_see(key, gone.record) else None


def require_synced(view: ClusterView) -> None:
    """Raise Problem 503 while the jobs have not been read once: before that, one that is not here may still exist."""
    if not view.synced:
        raise Problem(503, "The jobs have not been read from Kubernetes yet. Try again.", headers={"Retry-After": "1"})


def may_see(key: ApiKey, record: JobRecord) -> bool:
    """Whether a job is of this key's namespace and projects."""
    return bool(visible(key, (record,)))


def visible(key: ApiKey, records: Iterable[JobRecord]) -> list[JobRecord]:
    """Those of some jobs that a key may see. One loop for thousands of them, as a list needs."""
    namespace = key.namespace
    there = [record for record in records if record.namespace == namespace]
    if key.may_use_all_projects:
        return there
    return [record for record in there if key.may_use_project(record.project_id)]
