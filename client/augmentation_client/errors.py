"""Typed errors, each with the cause and the fix as the gateway says them."""

import json

import httpx


class ApiError(Exception):
    """The gateway answered with an error status.

    Attributes:
        status: HTTP status code.
        detail: the cause and the fix; for an invalid request, of every field.
        request_id: id of the request in the gateway's log.
    """

    def __init__(self, status: int, detail: str, request_id: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.request_id = request_id


class Unauthorized(ApiError):
    """The API key is missing or invalid."""


class Forbidden(ApiError):
    """The API key lacks the right to do this."""


class NotFound(ApiError):
    """The job does not exist, or belongs to another project."""


class Conflict(ApiError):
    """The state of the job does not allow this."""


class InvalidRequest(ApiError):
    """A field is invalid; the message names the field, its value and the fix."""


class GatewayUnavailable(ApiError):
    """The gateway or the Kubernetes API behind it is unavailable, even after retries (status 0: no answer)."""


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
    """The typed error of an answer whose body has been read."""
    try:
        detail = response.json()["detail"]
        text = detail if isinstance(detail, str) else "; ".join(str(field["msg"]) for field in detail)
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError):
        # Not from the gateway: a proxy, for example, whose answer may quote the request.
        text = f"HTTP {response.status_code}: {_without_key(response)[:200]}"
    kind = _BY_STATUS.get(response.status_code, ApiError)
    return kind(response.status_code, text, response.headers.get("X-Request-ID", ""))
