"""Lists of jobs: which a key may see, which a client asks for, in what order, and one page of them at a time.

Pages go by a key, not by an offset: a cursor names the last job of its page, and the next page begins after that one in
an order over what never changes of a job. However many jobs come and go in between, none is shown twice and none that
stays is left out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from augmentation_api.vocabulary import State
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.authentication import require
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.access import require_synced, visible
from augmentation_gateway.jobs.entries import legible, slices
from augmentation_gateway.jobs.top_k import Leading
from augmentation_gateway.problem import FieldProblem, invalid

_Key = tuple[str, str]


class Order(StrEnum):
    """By what a list is sorted; a minus turns it round. Each is something that never changes of a job."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    NAME = "name"
    NAME_DOWN = "-name"
    DATASET = "dataset_id"
    DATASET_DOWN = "-dataset_id"

    @property
    def falling(self) -> bool:
        """Whether the largest comes first."""
        return self.startswith("-")


_SORT_KEYS: dict[str, Callable[[JobRecord], _Key]] = {
    # Equal ones are told apart by the uid, so that the order is total.
    "created_at": lambda job: (job.created, job.uid),
    "name": lambda job: (job.display_name.lower(), job.uid),
    "dataset_id": lambda job: (job.dataset_id or "", job.uid),
}


@dataclass(frozen=True)
class Filters:
    """Which jobs are wanted; None or empty: no matter.

    Attributes:
        project_id: of this project.
        states: in one of these states.
        dataset_id: that augment this dataset.
        name: with this text in their name, whatever the case.
        text: with this text in whatever people know them by, whatever the case.
        accepts: anything else, which a dialect's own words come to.
    """

    project_id: UUID | None = None
    states: Sequence[State] = ()
    dataset_id: str | None = None
    name: str | None = None
    text: str | None = None
    accepts: Callable[[JobRecord], bool] | None = None

    def tests(self) -> list[Callable[[JobRecord], bool]]:
        """What a job has to pass to be wanted, each only where something is asked for: lists try thousands of jobs."""
        tests: list[Callable[[JobRecord], bool]] = []
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
        """The same for the same filters: a cursor is of use only with those it was made with."""
        text = repr((self.project_id, sorted(self.states), self.dataset_id, self.name, self.text))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Page:
    """A piece of a list.

    Attributes:
        jobs: of this page.
        total: of all pages, now.
        counts: jobs in each state, of those that the other filters let through.
        next_cursor: to ask for the next page with; None: this was the last.
    """

    jobs: Sequence[JobRecord]
    total: int
    next_cursor: str | None = None
    counts: Mapping[State, int] = field(default_factory=dict)


async def matching(gateway: Gateway, key: ApiKey, filters: Filters) -> AsyncIterator[list[JobRecord]]:
    """The jobs that a key may see and a client wants, a few at a time, in no order. O(n) time in the cached jobs.

    What it holds does not grow with them: all lists share one sequence of the cached jobs.

    Raises:
        Problem: 403 the key may not read, 503 the jobs have not been read from Kubernetes yet.
    """
    require(key, Right.READ)
    require_synced(gateway.view)
    jobs = gateway.view.jobs_in(key.namespace)
    tests = filters.tests()
    async for turn in slices(jobs.records() if jobs is not None else ()):
        found = visible(key, turn)
        for test in tests:
            found = [job for job, passes in legible(found, test) if passes]
        yield found


async def page_after(
    gateway: Gateway, key: ApiKey, filters: Filters, order: Order, limit: int, cursor: str | None = None
) -> Page:
    """The page that follows a cursor; without one the first. Holds O(limit) jobs.

    Raises:
        Problem: 422 the cursor is none, or one of another list; and those of `matching`.
    """
    after = None if cursor is None else _decode(cursor, filters, order)
    sort_key, counts = _SORT_KEYS[order.lstrip("-")], Counter[State]()
    total = left = 0
    first = leading(order, limit)
    async for of_any_state in matching(gateway, key, replace(filters, states=())):
        counts.update(job.state for job in of_any_state)
        found = [job for job in of_any_state if job.state in filters.states] if filters.states else of_any_state
        total += len(found)
        if after is not None:
            found = [job for job in found if (sort_key(job) < after if order.falling else sort_key(job) > after)]
        left += len(found)
        first.add(found)
    jobs = first.in_order()
    next_cursor = _encode(sort_key(jobs[-1]), filters, order) if len(jobs) < left else None
    return Page(jobs, total, next_cursor, counts)


async def page_at(gateway: Gateway, key: ApiKey, filters: Filters, offset: int, limit: int, order: Order) -> Page:
    """The page that begins at an offset, for dialects without cursors. Holds O(offset + limit) jobs, at most all.

    Raises as `matching` does.
    """
    first, total = leading(order, offset + limit), 0
    async for found in matching(gateway, key, filters):
        first.add(found)
        total += len(found)
    return Page(first.in_order()[offset:], total)


def leading(order: Order, limit: int) -> Leading[JobRecord]:
    """The first jobs in an order."""
    return Leading(limit, _SORT_KEYS[order.lstrip("-")], falling=order.falling)


def _known_by(job: JobRecord) -> str:
    """All that a person may remember of a job, in lower case; a line each, as no search has a line's end in it."""
    placement = job.raw.get("status", {}).get("placement", {})
    known = (job.display_name, job.name, job.dataset_id, placement.get("node"), job.uid)
    return "\n".join(str(each) for each in known if each).lower()


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
