"""What can go wrong, each with the gateway's own sentence: the cause and the fix."""

from __future__ import annotations

import json

import httpx


class ApiError(Exception):
    """The gateway answered with an error.

    Attributes:
        status: HTTP status code.
        detail: the cause and the fix; of an invalid request, of every field.
        request_id: names this request in the gateway's log.
    """

    def __init__(self, status: int, detail: str, request_id: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.request_id = request_id


class Unauthorized(ApiError):
    """The API key is missing or not valid."""


class Forbidden(ApiError):
    """The key may not do this."""


class NotFound(ApiError):
    """There is no such job, or it is of another project."""


class Conflict(ApiError):
    """The state of the job does not allow this."""


class InvalidRequest(ApiError):
    """A field cannot be used; the message names it, its value and the fix."""


class GatewayUnavailable(ApiError):
    """The gateway, or the Kubernetes API behind it, could not be reached (status 0), even after some tries."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    422: InvalidRequest,
    429: GatewayUnavailable,
    502: GatewayUnavailable,
    503: GatewayUnavailable,
    504: GatewayUnavailable,
}


def _without_key(response: httpx.Response) -> str:
    key = response.request.headers.get("Authorization", "").removeprefix("Bearer ")
    return response.text.replace(key, "***") if key else response.text


def error_of(response: httpx.Response) -> ApiError:
    """The error that an answer means. Its body has been read."""
    try:
        detail = response.json()["detail"]
        text = detail if isinstance(detail, str) else "; ".join(str(field["msg"]) for field in detail)
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError):
        # A proxy's, say, which may show the request.
        text = f"HTTP {response.status_code}: {_without_key(response)[:200]}"
    kind = _BY_STATUS.get(response.status_code, ApiError)
    return kind(response.status_code, text, response.headers.get("X-Request-ID", ""))
