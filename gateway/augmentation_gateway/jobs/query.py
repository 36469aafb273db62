"""Queries for jobs: filters, order, and one page at a time of those that a key may see.

Pagination is by key, not by offset: a cursor names the last job of its page, and the next page begins after that one,
in an order of what never changes in a job. Whatever is created or deleted in between, no job is listed twice, and none
that stays is left out.
"""

import base64
import binascii
import hashlib
import heapq
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from operator import itemgetter
from typing import Any, Generic, TypeVar
from uuid import UUID

from augmentation_api.vocabulary import State
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.authentication import require
from augmentation_gateway.credentials.job_access import require_synced, visible
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.entries import legible, slices
from augmentation_gateway.problem import FieldProblem, invalid

Item = TypeVar("Item")
_Key = tuple[str, str]


class Order(StrEnum):
    """The sort order of a list; a minus reverses it. Each is by a value that never changes in a job."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    NAME = "name"
    NAME_DOWN = "-name"
    DATASET = "dataset_id"
    DATASET_DOWN = "-dataset_id"

    @property
    def descending(self) -> bool:
        """Whether the largest comes first."""
        return self.startswith("-")


_SORT_KEYS: dict[str, Callable[[JobRecord], _Key]] = {
    # With the uid, so that the order is total.
    "created_at": lambda job: (job.created, job.uid),
    "name": lambda job: (job.display_name.lower(), job.uid),
    "dataset_id": lambda job: (job.dataset_id or "", job.uid),
}


@dataclass(frozen=True)
class Filters:
    """Filters of a list; None or empty: no filter.

    Attributes:
        project_id: of this project.
        states: in one of these states.
        dataset_id: that augment this dataset.
        name: with this text in their name, case-insensitive.
        text: with this text in their name, dataset, node or id, case-insensitive.
        accepts: any other predicate, such as a dialect's own status.
        accepts_of: the values that this predicate compares with.
    """

    project_id: UUID | None = None
    states: Sequence[State] = ()
    dataset_id: str | None = None
    name: str | None = None
    text: str | None = None
    accepts: Callable[[JobRecord], bool] | None = None
    accepts_of: tuple[str | None, ...] = ()

    def tests(self) -> list[Callable[[JobRecord], bool]]:
        """The predicates of the filters that are set, and of no others: lists apply them to thousands of jobs.

        Previews are in no list.
        """
        # A preview is a request of somebody who is about to create a job; it is no job in a list.
        tests: list[Callable[[JobRecord], bool]] = [lambda job: not job.is_preview]
        if (project_id := self.project_id) is not None:
            tests.append(lambda job: job.project_id == project_id)
        if states := self.states:
            tests.append(lambda job: job.state in states)
        if (dataset_id := self.dataset_id) is not None:
            tests.append(lambda job: job.dataset_id == dataset_id)
        if self.name is not None:
            name = self.name.lower()
            tests.append(lambda job: name in job.display_name.lower())
        if self.text is not None:
            text = self.text.lower()
            tests.append(lambda job: text in _known_by(job))
        if self.accepts is not None:
            tests.append(self.accepts)
        return tests

    @property
    def digest(self) -> str:
        """The same for the same filters: a cursor is valid only with those that it was created with."""
        text = repr((self.project_id, sorted(self.states), self.dataset_id, self.name, self.text, *self.accepts_of))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Page:
    """A page of a list.

    Attributes:
        jobs: of this page.
        total: jobs on all pages.
        counts: jobs in each state, of those that pass the other filters.
        next_cursor: cursor of the next page; None: this is the last one.
    """

    jobs: Sequence[JobRecord]
    total: int
    next_cursor: str | None = None
    counts: Mapping[State, int] = field(default_factory=dict)


class TopK(Generic[Item]):
    """The first of many items in an order. Holds at most twice the limit, in O(log limit) per item.

    Args:
        limit: number of items wanted.
        key: total order of the items, so that the result does not depend on the order in which they came.
        descending: the largest first.
    """

    def __init__(self, limit: int, key: Callable[[Item], Any], *, descending: bool = False) -> None:
        self._limit = limit
        self._key = key
        self._select = heapq.nlargest if descending else heapq.nsmallest
        self._items: list[tuple[Any, Item]] = []

    def add(self, items: Iterable[Item]) -> None:
        """Take some more items."""
        for item in items:
            self._items.append((self._key(item), item))
            if len(self._items) >= 2 * self._limit:
                self._trim()

    def in_order(self) -> list[Item]:
        """The first of all items that were added."""
        self._trim()
        return [item for _, item in self._items]

    def _trim(self) -> None:
        self._items = self._select(self._limit, self._items, key=itemgetter(0))


async def matching(gateway: Gateway, key: ApiKey, filters: Filters) -> AsyncIterator[list[JobRecord]]:
    """The jobs that pass the filters and that a key may see, some at a time, in no order. O(n) time in the cached jobs.

    O(1) memory: all lists share one sequence of the cached jobs.

    Raises:
        Problem: 403 the key may not read, 503 the jobs have not been read from Kubernetes yet.
    """
    require(key, Right.READ)
    require_synced(gateway.view)
    jobs = gateway.view.jobs_in(key.namespace)
    tests = filters.tests()
    async for some in slices(jobs.records() if jobs is not None else ()):
        matches = visible(key, some)
        for test in tests:
            matches = [job for job, passes in legible(matches, test) if passes]
        yield matches


async def page_after(
    gateway: Gateway, key: ApiKey, filters: Filters, order: Order, limit: int, cursor: str | None = None
) -> Page:
    """The page after a cursor; the first one without a cursor. Holds O(limit) jobs.

    Raises:
        Problem: 422 the cursor is invalid, or of another list; and those of `matching`.
    """
    after = None if cursor is None else _decode(cursor, filters, order)
    sort_key, counts = _SORT_KEYS[order.lstrip("-")], Counter[State]()
    total = left = 0
    first = top_k(order, limit)
    async for of_any_state in matching(gateway, key, replace(filters, states=())):
        counts.update(job.state for job in of_any_state)
        jobs = [job for job in of_any_state if job.state in filters.states] if filters.states else of_any_state
        total += len(jobs)
        if after is not None:
            jobs = [job for job in jobs if (sort_key(job) < after if order.descending else sort_key(job) > after)]
        left += len(jobs)
        first.add(jobs)
    jobs = first.in_order()
    next_cursor = _encode(sort_key(jobs[-1]), filters, order) if len(jobs) < left else None
    return Page(jobs, total, next_cursor, counts)


async def page_at(gateway: Gateway, key: ApiKey, filters: Filters, offset: int, limit: int, order: Order) -> Page:
    """The page at an offset, for dialects whose lists have one. Holds O(offset + limit) jobs, at most all.

    Raises as `matching` does.
    """
    first, total = top_k(order, offset + limit), 0
    async for matches in matching(gateway, key, filters):
        first.add(matches)
        total += len(matches)
    jobs = first.in_order()[offset:]
    more = bool(jobs) and offset + len(jobs) < total
    next_cursor = _encode(_SORT_KEYS[order.lstrip("-")](jobs[-1]), filters, order) if more else None
    return Page(jobs, total, next_cursor)


def top_k(order: Order, limit: int) -> TopK[JobRecord]:
    """The first jobs in an order."""
    return TopK(limit, _SORT_KEYS[order.lstrip("-")], descending=order.descending)


def _known_by(job: JobRecord) -> str:
    """Everything that a job is searched by, in lower case; one per line, as no search text contains a line break."""
    placement = job.raw.get("status", {}).get("placement", {})
    known = (job.display_name, job.name, job.dataset_id, placement.get("node"), job.uid)
    return "\n".join(str(text) for text in known if text).lower()


def _encode(last: _Key, filters: Filters, order: Order) -> str:
    text = json.dumps([order, filters.digest, *last], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, filters: Filters, order: Order) -> _Key:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_with, digest, value, uid = json.loads(base64.b64decode(padded, b"-_", validate=True))
        if not (isinstance(value, str) and isinstance(uid, str)):
            raise TypeError
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise _unusable("is no cursor", "take it unchanged from next_cursor of a page") from None
    if (made_with, digest) != (order, filters.digest):
        raise _unusable("is of a list with another sort or other filters", "send the same, or start without a cursor")
    return value, uid


def _unusable(cause: str, fix: str) -> Exception:
    return invalid([FieldProblem(("query", "cursor"), "cursor", f"cursor {cause}", fix)])
