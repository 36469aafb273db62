"""Pages of this dialect's lists: cursors that name the last item of a page, in one of four orders."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from augmentation_gateway.jobs.query import TopK
from augmentation_gateway.problem import FieldProblem, invalid

Item = TypeVar("Item")
Sort = Literal["newest", "oldest", "updated", "name"]
_Key = tuple[str, str]
_DESCENDING: Final = ("newest", "updated")


class PageInfo(BaseModel):
    """Where a page is in its list."""

    has_next: bool = Field(description="Whether there are more")
    end_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")
    total_count: int = Field(description="Number on all pages")


class PageQuery(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(20, ge=1, le=100, description="Page size")
    cursor: str | None = Field(None, min_length=1, max_length=2048, description="end_cursor of the previous page")
    sort: Sort = Field(
        "newest", description="Sort order. With `updated`, what changes between two pages may be left out of both"
    )
    search: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="Only what has this text in its name; upper and lower case are the same",
    )


class Pager(Generic[Item]):
    """Selects one page of items that are added in any order. Holds O(limit) of them.

    Args:
        query: which page.
        keys: by sort order what an item is sorted by, with its id so that the order is total.

    Raises:
        Problem: 422 the cursor is invalid, or of another sort order.
    """

    def __init__(self, query: PageQuery, keys: Mapping[str, Callable[[Item], _Key]]) -> None:
        self._sort, self._limit = query.sort, query.limit
        self._key = keys[query.sort]
        self._descending = query.sort in _DESCENDING
        self._after = None if query.cursor is None else _decode(query.cursor, query.sort)
        self._first: TopK[Item] = TopK(query.limit, self._key, descending=self._descending)
        self._total = self._left = 0

    def add(self, items: Iterable[Item]) -> None:
        """Take some more items."""
        wanted = []
        for item in items:
            self._total += 1
            if self._after is None or self._follows(self._key(item), self._after):
                wanted.append(item)
        self._left += len(wanted)
        self._first.add(wanted)

    def page(self) -> tuple[list[Item], PageInfo]:
        """The page of all items that were added."""
        items = self._first.in_order()
        has_next = len(items) < self._left
        cursor = _encode(self._sort, self._key(items[-1])) if has_next else None
        return items, PageInfo(has_next=has_next, end_cursor=cursor, total_count=self._total)

    def _follows(self, key: _Key, after: _Key) -> bool:
        return key < after if self._descending else key > after


def _encode(sort: str, last: _Key) -> str:
    text = json.dumps([sort, *last], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, sort: str) -> _Key:
    try:
        made_with, value, item = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        if not (isinstance(value, str) and isinstance(item, str)):
            raise TypeError
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise _unusable("is no cursor", "take it unchanged from page_info.end_cursor of a page") from None
    if made_with != sort:
        raise _unusable("is of a list with another sort", "send the same, or start without a cursor")
    return value, item


def _unusable(cause: str, fix: str) -> Exception:
    return invalid([FieldProblem(("query", "cursor"), "cursor", f"cursor {cause}", fix)])
