"""Authentication: the key that a request was sent with, and whether it has a right."""

from collections.abc import Iterable
from typing import Final

from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.credentials.keys_in_force import KeysInForce
from augmentation_gateway.credentials.oidc import OidcTokens, is_token
from augmentation_gateway.problem import Problem, unavailable

SCHEMES: Final = (b"bearer", b"token")
"""Authentication schemes of a key, in lower case: RFC 6750's, and the one that DataRobot's client sends by default."""


async def authenticate(headers: Iterable[tuple[bytes, bytes]], keys: KeysInForce, tokens: OidcTokens | None) -> ApiKey:
    """The key that a request was sent with; x-api-key takes precedence over Authorization.

    Args:
        headers: names in lower case, as ASGI has them.
        keys: the keys in force.
        tokens: the issuer whose tokens are accepted in place of keys, if there is one.

    Raises:
        Problem: 401; 503 while the keys are not known yet; for a token also 403 and 503.
    """
    presented = _presented(headers)
    if (key := keys.ring.find(presented)) is not None:
        if key.has_expired:
            raise _unauthorized(
                f"Key {key.id!r} expired at {key.expires_at:%Y-%m-%d %H:%M} UTC", "ask the administrator for a new one"
            )
        return key
    if tokens is not None and is_token(presented):
        return await tokens.find(presented)
    if not keys.synced:
        raise unavailable("The API keys have not been read yet", retry_after=1)
    raise _unauthorized("This API key is not valid", "check it, or ask the administrator for a new one")


def _presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    authorization: bytes | None = None
    for name, value in headers:
        if name == b"x-api-key":
            return value.strip()
        if name == b"authorization":
            scheme, _, credentials = value.strip().partition(b" ")
            if scheme.lower() in SCHEMES:
                authorization = credentials.strip()
    if authorization is None:
        raise _unauthorized(
            "No API key was sent",
            "send it as `x-api-key: KEY`, `Authorization: Bearer KEY` or `Authorization: Token KEY`",
        )
    return authorization


def key_ended() -> Problem:
    """A 401 for a request whose key was revoked, or has expired, before the response had begun."""
    return _unauthorized("This API key is no longer valid", "ask the administrator for a new one")


def _unauthorized(cause: str, fix: str) -> Problem:
    return Problem(401, cause, fix, headers={"WWW-Authenticate": "Bearer"})


def require(key: ApiKey, right: Right) -> None:
    """Raise Problem 403 if the key lacks this right. It depends on no job, so it reveals none."""
    if right not in key.rights:
        raise Problem(403, f"Key {key.id!r} has no {right} right", "use a key that has it")
