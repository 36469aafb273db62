"""What can be wrong with a request, in one form that every dialect renders in its own error shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from augmentation_kube import KubeError, KubeUnavailable

RETRY_AFTER_SECONDS = 5
"""Soon enough to be there when an API server has restarted, rare enough not to be its load."""


@dataclass(frozen=True)
class FieldProblem:
    """One field that cannot be used.

    Attributes:
        loc: where it is: "body" or "path", then names and indices down to it.
        msg: the field, its value and the fix, in one sentence.
        type: a stable word for the kind of mistake.
    """

    loc: tuple[str | int, ...]
    msg: str
    type: str


class Problem(Exception):
    """A request that is answered with an error.

    Attributes:
        status: HTTP status code.
        detail: the cause and the fix.
        fields: one entry a bad field; with status 422.
        headers: response headers, such as Retry-After.
        reason: name of the limit that was reached, for the metrics; empty: none was.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        fields: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] = MappingProxyType({}),
        reason: str = "",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.fields = tuple(fields)
        self.headers = headers
        self.reason = reason


def invalid(fields: Sequence[FieldProblem]) -> Problem:
    """A 422 for these fields."""
    return Problem(422, "; ".join(field.msg for field in fields), fields=fields)


def no_such_job(uid: str) -> Problem:
    """A 404; a job of another namespace or project is answered no differently."""
    return Problem(404, f"There is no augmentation job {uid}.")


def too_many(reason: str, detail: str, wait_seconds: int) -> Problem:
    """A 429 for a limit by its name, with Retry-After."""
    return Problem(429, detail, headers={"Retry-After": str(wait_seconds)}, reason=reason)


def unavailable(detail: str) -> Problem:
    """A 503 that says when to come again."""
    return Problem(503, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def of_kubernetes(error: KubeError | KubeUnavailable) -> Problem:
    """What a refused or lost write to the Kubernetes API means to the client that asked for it."""
    if isinstance(error, KubeUnavailable):
        return unavailable("The Kubernetes API does not answer, so nothing can be written now. Try again.")
    match error.status:
        case 422:
            # The CRD's own schema and CEL rules: what they refuse and this gateway does not is worth telling in full.
            return invalid([FieldProblem(("body",), error.message, "kubernetes_invalid")])
        case 400:
            return Problem(400, error.message)
        case 403:
            # A quota, an admission policy, or a Role that lacks a verb; the server's sentence says which.
            return Problem(403, f"Kubernetes refused this: {error.message}")
        case _:
            return unavailable(f"The Kubernetes API could not do this now: {error.message} Try again.")
