"""Selections of episodes as ranges: a few numbers, however many episodes there are.

The number of episodes comes from a dataset, which may claim millions in a few kilobytes. Work on ranges costs no more
than the text of the selection.
"""

from collections.abc import Iterable, Sequence

MAX_DATASET_FRAMES = 10**10
"""Most episodes, rows or frames of a dataset: ten years of video at 30 frames a second, a hundred times over every
dataset there is, and few enough that sums and products of it stay exact."""


def parse_ranges(text: str) -> list[tuple[int, int]]:
    """Parse '0:100,150' to half-open ranges [(0, 100), (150, 151)], in the order given; an empty text to none."""
    ranges = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition(":")
        ranges.append((int(first), int(last) if last else int(first) + 1))
    return ranges


def disjoint(ranges: Iterable[tuple[int, int]], count: int) -> list[range]:
    """Clip half-open ranges to 0 … count - 1, sort and merge them. O(r log r) in the number of ranges."""
    merged: list[range] = []
    for first, last in sorted((first, min(last, count)) for first, last in ranges):
        if first >= last:
            continue
        if merged and first <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, last))
        else:
            merged.append(range(first, last))
    return merged


def common(first: Sequence[range], second: Sequence[range]) -> list[range]:
    """What two selections have in common: rising and disjoint, as both are. O(r) in the number of ranges."""
    found: list[range] = []
    place = other = 0
    while place < len(first) and other < len(second):
        start = max(first[place].start, second[other].start)
        stop = min(first[place].stop, second[other].stop)
        if start < stop:
            found.append(range(start, stop))
        if first[place].stop < second[other].stop:
            place += 1
        else:
            other += 1
    return found


def text_of(ranges: Iterable[range]) -> str:
    """The selection as a text that `parse_ranges` reads: '0:100,150:151'; an empty text for none."""
    return ",".join(f"{part.start}:{part.stop}" for part in ranges)


def short_text_of(ranges: Iterable[range]) -> str:
    """The same as people write it: '0:100,150'."""
    return ",".join(f"{part.start}" if len(part) == 1 else f"{part.start}:{part.stop}" for part in ranges)


def without(selected: Sequence[range], excluded: Sequence[range]) -> list[range]:
    """What a selection has that another has not: rising and disjoint, as both are. O(r) in the number of ranges."""
    left: list[range] = []
    place = 0
    for part in selected:
        start = part.start
        while place < len(excluded) and excluded[place].stop <= start:
            place += 1
        for hole in excluded[place:]:
            if hole.start >= part.stop:
                break
            if start < hole.start:
                left.append(range(start, hole.start))
            start = hole.stop
        if start < part.stop:
            left.append(range(start, part.stop))
    return left


def page_of(ranges: Sequence[range], offset: int, limit: int) -> list[int]:
    """The items offset … offset + limit - 1 of the concatenated ranges. O(ranges + limit)."""
    page: list[int] = []
    for part in ranges:
        # Not len(): it fails above the size of a machine word.
        size = part.stop - part.start
        if offset < size:
            page.extend(part[offset : offset + limit - len(page)])
            if len(page) >= limit:
                break
        offset = max(0, offset - size)
    return page
