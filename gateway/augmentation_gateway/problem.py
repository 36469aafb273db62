"""Errors that a request is answered with: each dialect renders them in its own error shape."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from augmentation_kube import KubeError, KubeUnavailable

RETRY_AFTER_SECONDS = 5
"""Soon enough for an API server that restarts, and rare enough not to load it."""

DO_NOT_REPEAT: Final[Mapping[str, str]] = MappingProxyType({"X-Should-Retry": "false"})
"""Headers of a 409 that stays one: clients that Stainless generates, such as Wood Wide's, repeat any other."""


@dataclass(frozen=True)
class FieldProblem:
    """An invalid field.

    Attributes:
        loc: where it is: "body" or "path", then names and indices down to it.
        type: a stable word for the kind of error.
        cause: the field, its value and what is wrong with it.
        fix: what to do, if the cause does not say it.
        place: of a value in a language, the text around what is wrong and on a second line a caret below it.
    """

    loc: tuple[str | int, ...]
    type: str
    cause: str
    fix: str | None = None
    place: str | None = None

    @property
    def msg(self) -> str:
        """Cause and fix in one sentence."""
        return f"{self.cause}: {self.fix}" if self.fix else self.cause


class Problem(Exception):
    """A request that is answered with an error.

    Attributes:
        status: HTTP status code.
        cause: what is wrong: without a full stop if there is a fix, else in whole sentences.
        fix: what to do about it, in the imperative, if that is known.
        fields: one entry per invalid field; with status 422.
        headers: response headers, such as Retry-After.
        reason: name of the limit that was reached, for the metrics; empty if none was.
    """

    def __init__(
        self,
        status: int,
        cause: str,
        fix: str | None = None,
        *,
        fields: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] = MappingProxyType({}),
        reason: str = "",
    ) -> None:
        super().__init__(cause, fix)
        self.status = status
        self.cause = cause
        self.fix = fix
        self.fields = tuple(fields)
        self.headers = headers
        self.reason = reason

    @property
    def detail(self) -> str:
        """Cause and fix in one sentence."""
        return f"{self.cause}: {self.fix}." if self.fix else self.cause


def encode_detail(problem: Problem) -> bytes:
    """`{"detail": "…"}`, with the fix by itself where there is one; with status 422 a list of `{loc, msg, type}`."""
    fields = [
        {"loc": field.loc, "msg": field.msg, "type": field.type, **({"place": field.place} if field.place else {})}
        for field in problem.fields
    ]
    fix = {"fix": problem.fix} if problem.fix and not fields else {}
    return json.dumps({"detail": fields or problem.detail, **fix}).encode()


def invalid(fields: Sequence[FieldProblem]) -> Problem:
    """A 422 for these fields."""
    return Problem(422, "; ".join(field.msg for field in fields), fields=fields)


def no_such_job(uid: str) -> Problem:
    """A 404, the same for a job of another namespace or project."""
    return Problem(404, f"There is no augmentation job {uid}.")


def too_many(reason: str, cause: str, fix: str, wait_seconds: int) -> Problem:
    """A 429 for the limit with this name, with Retry-After."""
    return Problem(429, cause, fix, headers={"Retry-After": str(wait_seconds)}, reason=reason)


def unavailable(cause: str, *, retry_after: int = RETRY_AFTER_SECONDS) -> Problem:
    """A 503 with Retry-After."""
    return Problem(503, cause, "try again", headers={"Retry-After": str(retry_after)})


def of_kubernetes(error: KubeError | KubeUnavailable) -> Problem:
    """The answer to a request whose write the Kubernetes API rejected or did not answer."""
    if isinstance(error, KubeUnavailable):
        return unavailable("The Kubernetes API does not answer, so nothing can be written now")
    match error.status:
        case 422:
            # The CRD's own schema and CEL rules, quoted in full where they are stricter than this gateway.
            return invalid([FieldProblem(("body",), "kubernetes_invalid", error.message)])
        case 400:
            return Problem(400, error.message)
        case 403:
            # A quota, an admission policy, or a Role that lacks a verb; the server's sentence says which.
            return Problem(403, f"Kubernetes refused this: {error.message}")
        case _:
            return unavailable(f"The Kubernetes API could not do this now ({error.message})")
