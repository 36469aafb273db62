"""Which episodes a selection names, as ranges: a few numbers, however many episodes there are.

How many there are comes from a dataset, which may claim millions of them in a few kilobytes. What works with ranges
costs what the selection's text does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def parse_ranges(text: str) -> list[tuple[int, int]]:
    """'0:100,150' as half-open ranges [(0, 100), (150, 151)], in the order given; of an empty text none."""
    ranges = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition(":")
        ranges.append((int(first), int(last) if last else int(first) + 1))
    return ranges


def disjoint(ranges: Iterable[tuple[int, int]], count: int) -> list[range]:
    """What half-open ranges have of 0 … count - 1: rising, without overlap. O(r log r) in the number of ranges."""
    merged: list[range] = []
    for first, last in sorted((first, min(last, count)) for first, last in ranges):
        if first >= last:
            continue
        if merged and first <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, last))
        else:
            merged.append(range(first, last))
    return merged


def page_of(ranges: Sequence[range], offset: int, limit: int) -> list[int]:
    """The items at `limit` places from `offset` on, counted through all ranges. O(ranges + limit)."""
    page: list[int] = []
    for each in ranges:
        # No len() of a range: that has to fit a machine word.
        size = each.stop - each.start
        if offset < size:
            page.extend(each[offset : offset + limit - len(page)])
            if len(page) >= limit:
                break
        offset = max(0, offset - size)
    return page
