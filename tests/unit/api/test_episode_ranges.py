"""Selections of episodes as ranges, compared with what a list of all would say."""

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augmentation_api.episode_ranges import common, disjoint, page_of, parse_ranges, short_text_of, text_of, without
from augmentation_api.spec import Augmentation

RANGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8)


@given(RANGES, st.integers(0, 25))
def test_ranges_name_what_a_list_of_all_would(ranges: list[tuple[int, int]], count: int) -> None:
    found = disjoint(ranges, count)
    expected = [index for index in range(count) if any(first <= index < last for first, last in ranges)]
    assert [index for each in found for index in each] == expected
    assert all(before.stop < after.start for before, after in pairwise(found))


@given(RANGES, st.integers(0, 25), st.integers(0, 40), st.integers(1, 10))
def test_a_page_is_a_slice_of_the_list_of_all(
    ranges: list[tuple[int, int]], count: int, offset: int, limit: int
) -> None:
    found = disjoint(ranges, count)
    everything = [index for each in found for index in each]
    assert page_of(found, offset, limit) == everything[offset : offset + limit]


def test_an_empty_text_names_nothing_and_selects_everything() -> None:
    assert parse_ranges("") == []
    assert Augmentation().selected_ranges(5) == [range(5)]


@pytest.mark.parametrize(
    ("episodes", "chosen", "expected"),
    [
        ("", ["train"], {0, 1, 5}),
        ("1:6", ["train"], {1, 5}),
        ("", ["train", "val"], {0, 1, 2, 3, 5}),
        ("", ["a split that there is not"], set()),
        ("", [], set(range(8))),
    ],
)
def test_splits_select_together_with_episodes(episodes: str, chosen: list[str], expected: set[int]) -> None:
    splits = {"train": [(5, 6), (0, 2)], "val": [(1, 4)]}
    ranges = Augmentation(episodes=episodes, splits=chosen).selected_ranges(8, splits)
    assert [index for part in ranges for index in part] == sorted(expected)


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_two_selections_have_in_common_what_is_in_both(first: set[int], second: set[int]) -> None:
    one, other = (disjoint(((index, index + 1) for index in each), 31) for each in (first, second))
    found = common(one, other)
    assert [index for part in without(one, other) for index in part] == sorted(first - second)
    assert {index for part in found for index in part} == first & second
    assert parse_ranges(text_of(found)) == parse_ranges(short_text_of(found)) == [(p.start, p.stop) for p in found]


def test_billions_of_episodes_cost_no_more_than_a_few() -> None:
    augmentation = Augmentation(episodes="0:40000000,50000000:60000000,7")
    tracemalloc.start()
    try:
        found = augmentation.selected_ranges(4 * 10**18)
        assert page_of(found, 39_999_999, 3) == [39_999_999, 50_000_000, 50_000_001]
        assert page_of(Augmentation().selected_ranges(4 * 10**18), 10**18, 2) == [10**18, 10**18 + 1]
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024
    finally:
        tracemalloc.stop()
