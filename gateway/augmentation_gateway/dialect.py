"""The port of a dialect: a REST API over the same jobs, with words, paths and an error shape of its own."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from inspect import Parameter, Signature
from typing import Any
from urllib.parse import unquote_plus

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.routing import compile_path

from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.problem import Problem, encode_detail
from augmentation_gateway.views.job_id import JobId, read_uuid
from augmentation_gateway.views.responses import (
    OK_WITH_AGE,
    ONE_JOB,
    READ,
    ErrorResponses,
    detail_errors,
)


@dataclass(frozen=True)
class StatusOperation:
    """How the OpenAPI document describes a dialect's status request.

    Attributes:
        summary, description: of the operation.
        model: of the response.
        name: of the operation, as its id begins.
        id_type: annotation of the parameter in the path.
    """

    summary: str
    description: str = ""
    model: type[BaseModel] | None = None
    name: str = "status"
    id_type: Any = JobId


@dataclass(frozen=True)
class Dialect:
    """One REST API.

    Attributes:
        name: names its views among the encoded bytes of records, and its requests in logs and metrics.
        prefix: path below which every request needs a key, and is answered in this dialect's error shape.
        status_path: path of a status request, e.g. `/v1/augmentation/{job_id}`. Which requests are one, their route in
            the metrics and their part of the OpenAPI document follow from it. They are answered from memory before they
            get to a route: middleware/front.py.
        status_operation: how OpenAPI describes a status request.
        encode_status: the body of a status response: a pure function of the job and of the class it runs as, if any.
        routers: all other routes. The first one's tags are those of the status request, too.
        encode_problem: the body of an error.
        errors: the same for OpenAPI.
        parse_id: the uid for an id in this dialect's form, given the parameter's name. Raises Problem 422.
        encode_removed: the body of a status response for a job that was removed, in its last version, at this time.
            None: a 404, which is also what a dialect without it answers.
        any_trailing_slash: whether the status path may have a slash at its end, and may lack the one it has.
        other_paths: paths of this dialect outside its prefix, for which a key needs no right.
        other_prefixes: more prefixes like `prefix`.
        is_stream: whether a request for a path is answered by an event stream.
        fields: names of the fields there are in a "body" and in a "query", to suggest one for a mistyped one.
        clients: how the User-Agent of a client begins that is published for this API, in lower case. What such a client
            asks for in a query and is not known here is not an error of its user.
    """

    name: str
    prefix: str
    status_path: str
    status_operation: StatusOperation
    encode_status: Callable[[JobRecord, ClassRecord | None], bytes]
    routers: Sequence[APIRouter] = ()
    encode_problem: Callable[[Problem], bytes] = encode_detail
    errors: ErrorResponses = detail_errors
    parse_id: Callable[[str, str], str] = read_uuid
    encode_removed: Callable[[JobRecord, datetime], bytes | None] | None = None
    any_trailing_slash: bool = False
    other_paths: frozenset[str] = frozenset()
    other_prefixes: tuple[str, ...] = ()
    is_stream: Callable[[str], bool] = lambda path: False
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    clients: tuple[str, ...] = ()

    def owns(self, path: str) -> bool:
        """Whether a path is this dialect's: all that one of its routes could match."""
        # The `$` that ends a route's expression matches before a line's end, too.
        path = path.removesuffix("\n")
        return path in self.other_paths or any(
            path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/") for prefix in self._prefixes
        )

    def status_uid(self, path: str) -> str | None:
        """The uid of the job in the path of a status request; None for any other path. Raises Problem 422."""
        match = self._status_pattern.fullmatch(path)
        return self.parse_id(match[1], self._id_parameter) if match else None

    def without_unknown(self, query: bytes, user_agent: bytes) -> bytes:
        """The query string without parameters that are not known here, for the clients that may send them."""
        if not self.clients or not user_agent.decode("latin-1").lower().startswith(self.clients):
            return query
        known = self.fields.get("query", ())
        parameters = query.decode("latin-1").split("&")
        return "&".join(each for each in parameters if unquote_plus(each.partition("=")[0]) in known).encode("latin-1")

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        return (self.prefix, *self.other_prefixes)

    @cached_property
    def status_route(self) -> str:
        """The status path as the OpenAPI document has it, for the metrics."""
        return compile_path(self.status_path)[1]

    @cached_property
    def _id_parameter(self) -> str:
        (parameter,) = compile_path(self.status_path)[2]
        return parameter

    @cached_property
    def _status_pattern(self) -> re.Pattern[str]:
        """The expression of a status path; the id is its only group."""
        expression = compile_path(self.status_path)[0].pattern.removeprefix("^").removesuffix("$")
        return re.compile(f"{expression.removesuffix('/')}/?" if self.any_trailing_slash else expression)

    @cached_property
    def router(self) -> APIRouter:
        """All routes."""
        whole = APIRouter()
        for router in (self._documented_status(), *self.routers):
            whole.include_router(router)
        return whole

    def _documented_status(self) -> APIRouter:
        """The status request for the OpenAPI document alone."""

        async def status(**_: object) -> None:
            raise NotImplementedError("status requests are answered by middleware/front.py")

        operation = self.status_operation
        parameter = Parameter(self._id_parameter, Parameter.KEYWORD_ONLY, annotation=operation.id_type)
        status.__signature__ = Signature([parameter])  # type: ignore[attr-defined]
        router = APIRouter(tags=self.routers[0].tags if self.routers else [self.name])
        router.add_api_route(
            self.status_path,
            status,
            name=operation.name,
            response_model=operation.model,
            summary=operation.summary,
            description=operation.description,
            responses={**OK_WITH_AGE, **self.errors(*READ, *ONE_JOB)},
        )
        return router


def owner_of(path: str, dialects: Sequence[Dialect]) -> Dialect | None:
    """The dialect that owns a path; None for the page, probes, and paths that do not exist."""
    # A loop, as a generator would cost each request another microsecond.
    for dialect in dialects:
        if dialect.owns(path):
            return dialect
    return None


def encode_error(path: str, problem: Problem, dialects: Sequence[Dialect]) -> bytes:
    """The body of an error, in the shape of the dialect that owns the path."""
    dialect = owner_of(path, dialects)
    return encode_detail(problem) if dialect is None else dialect.encode_problem(problem)
