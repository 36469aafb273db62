"""Typed errors, each with the cause and the fix as the gateway says them."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx


@dataclass(frozen=True)
class InvalidField:
    """A field of a request that the gateway rejected.

    Attributes:
        path: where it is, e.g. ("body", "augment_copies").
        message: the field, its value and the fix.
        place: of a condition, the text around what is wrong, and on a second line a caret below it; else empty.
    """

    path: tuple[str | int, ...]
    message: str
    place: str = ""


class ApiError(Exception):
    """The gateway answered with an error status, or with something that is no answer of a gateway.

    Attributes:
        status: HTTP status code; 0: there was no answer.
        detail: the cause and the fix; for an invalid request, of every field.
        request_id: id of the request in the gateway's log.
        cause: what is wrong.
        fix: what to do about it; empty where the gateway does not know.
        fields: the invalid fields of the request, if that is what is wrong.
        retry_after: seconds after which the gateway asks to try again; None: it does not ask.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        request_id: str = "",
        *,
        fix: str = "",
        fields: Sequence[InvalidField] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.request_id = request_id
        self.cause = detail.removesuffix(f": {fix}.") if fix else detail
        self.fix = fix
        self.fields = tuple(fields)
        self.retry_after = retry_after


class Unauthorized(ApiError):
    """The API key is missing or invalid."""


class Forbidden(ApiError):
    """The API key lacks the right to do this."""


class NotFound(ApiError):
    """The job does not exist, or belongs to another project."""


class Conflict(ApiError):
    """The state of the job does not allow this."""


class InvalidRequest(ApiError):
    """A field is invalid; the message names the field, its value and the fix. `fields` has each."""


class GatewayUnavailable(ApiError):
    """The gateway or the Kubernetes API behind it is unavailable, even after retries (status 0: no answer)."""


class RateLimited(GatewayUnavailable):
    """The key has reached a limit of the gateway, also after the retries; `retry_after` says how long to wait."""


class InvalidAnswer(ApiError):
    """The answer is not one of a gateway of this client's version: another server, or another version."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    422: InvalidRequest,
    429: RateLimited,
    502: GatewayUnavailable,
    503: GatewayUnavailable,
    504: GatewayUnavailable,
}


def _without_key(response: httpx.Response) -> str:
    key = response.request.headers.get("Authorization", "").removeprefix("Bearer ")
    return response.text.replace(key, "***") if key else response.text


def error_of(response: httpx.Response) -> ApiError:
    """The typed error of an answer whose body has been read."""
    fix, fields = "", []
    try:
        body = response.json()
        detail = body["detail"]
        if isinstance(detail, str):
            text, fix = detail, str(body.get("fix") or "")
        else:
            fields = [_invalid_field(field) for field in detail]
            text = "; ".join(field.message for field in fields)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, UnicodeDecodeError):
        # Not from the gateway: a proxy, for example, whose answer may quote the request.
        text = f"HTTP {response.status_code}: {_without_key(response)[:200]}"
    kind = _BY_STATUS.get(response.status_code, ApiError)
    request_id = response.headers.get("X-Request-ID", "")
    return kind(
        response.status_code, text, request_id, fix=fix, fields=fields, retry_after=retry_after(response.headers)
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by a Retry-After header, which has a number of seconds or a date (RFC 9110, section 10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _invalid_field(field: Mapping[str, Any]) -> InvalidField:
    return InvalidField(tuple(field.get("loc", ())), str(field["msg"]), str(field.get("place") or ""))
