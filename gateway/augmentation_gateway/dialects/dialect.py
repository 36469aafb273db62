"""What a dialect is: a REST API over the same jobs, with words, paths and an error shape of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter

from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.problem import Problem

if TYPE_CHECKING:
    from augmentation_gateway.gateway import Gateway


@dataclass(frozen=True)
class Dialect:
    """One REST API.

    Attributes:
        name: names its views in the records' caches of encoded bytes, and its requests in the log.
        prefix: path under which everything asks for a key, and is answered in this dialect's error shape.
        status_route: path of a status request as OpenAPI writes it, for the metrics.
        status_id: the job id as it stands in the path of a status request; None for any other path.
        parse_id: the uid for an id in this dialect's form. Raises Problem for one that is malformed.
        encode_status: the body of a status answer: a pure function of the job and of the class it runs as, if any.
        encode_gone: the body of a status answer for a job that is not there any more: its last version, and when it
            went. None: a 404, which is also what a dialect without it answers.
        encode_problem: the body of an error.
        other_paths: paths of this dialect that lie beside its prefix.
        is_stream: whether a request for a path is answered by an event stream.
        fields: names of the fields there are in a "body" and in a "query": among them is looked for what a mistyped one
            was meant to be.
        router: makes the routes. The status route is among them, for OpenAPI; requests for it are answered before
            they reach it, see middleware/front.py.
    """

    name: str
    prefix: str
    status_route: str
    status_id: Callable[[str], str | None]
    parse_id: Callable[[str], str]
    encode_status: Callable[[JobRecord, ClassRecord | None], bytes]
    encode_problem: Callable[[Problem], bytes]
    router: Callable[[Gateway], APIRouter]
    encode_gone: Callable[[JobRecord, datetime], bytes | None] | None = None
    other_paths: frozenset[str] = frozenset()
    is_stream: Callable[[str], bool] = lambda path: False
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def owns(self, path: str) -> bool:
        """Whether a path is this dialect's: all that one of its routes could match."""
        # The `$` that ends a route's expression holds before a line's end, too.
        path = path.removesuffix("\n")
        below = path.startswith(self.prefix) and path[len(self.prefix) : len(self.prefix) + 1] in ("", "/")
        return below or path in self.other_paths
