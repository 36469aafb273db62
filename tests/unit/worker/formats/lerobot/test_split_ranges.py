"""Splits of a LeRobot dataset: read in every form that they are met in, and right in the result."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augmentation_api import Augmentation, FailureReason
from augmentation_api.episode_ranges import disjoint
from augmentation_api.vocabulary import OutputMode
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.card import write_card
from augmentation_worker.formats.lerobot.planner import make_plan
from augmentation_worker.formats.lerobot.result_check import check_splits
from augmentation_worker.formats.lerobot.split_ranges import (
    read_splits,
    split_warnings,
    splits_of_copies,
    unread_splits,
    written_splits,
)
from tests.unit.worker.formats.lerobot.samples import episode_rows, job, metadata_of

OPEN_H = {"train": "0:2", "val": "2:3", "test": "3:4", "perfect": "0:3"}
"""As Open-H's guide for contributors has them: half open, and an episode may be in two."""


def members(splits: Any) -> dict[str, set[int]]:
    return {name: {index for part in ranges for index in part} for name, ranges in splits.items()}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0:2", {0, 1}),
        ("0:100", {0, 1, 2, 3}),
        ("0:1, 2:4", {0, 2, 3}),
        (["0:1", "3"], {0, 3}),
        ("2", {2}),
        ("", set()),
    ],
)
def test_ranges_are_half_open_in_one_text_or_a_list_and_end_with_the_dataset(value: object, expected: set[int]) -> None:
    assert members(read_splits({"train": value}, 4)) == {"train": expected}


@pytest.mark.parametrize("value", [None, "80%", 0.8, [0, 1, 2], {"first": 0}, "0-499", "0:-1", [], "a:b"])
def test_what_is_no_range_stays_as_it_is_and_is_named(value: object) -> None:
    document = {"train": "0:2", "odd": value}
    splits = read_splits(document, 4)
    assert list(splits) == ["train"]
    assert unread_splits(document) == ["odd"]
    assert written_splits(document, splits) == {"train": "0:2", "odd": value}
    assert any("splits.odd" in said for said in split_warnings(document, splits))


@pytest.mark.parametrize("document", [None, {}, [], "train"])
def test_a_dataset_may_have_no_splits(document: object) -> None:
    assert read_splits(document, 4) == {}
    assert written_splits(document, {}) == document
    assert split_warnings(document, {}) == []


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), max_size=3)),
    st.sets(st.integers(0, 9)),
    st.integers(1, 3),
)
def test_a_copy_is_in_the_splits_of_its_episode_and_in_no_other(
    ranges: dict[str, list[tuple[int, int]]], chosen: set[int], copies: int
) -> None:
    source = {name: disjoint(parts, 10) for name, parts in ranges.items()}
    selected = sorted(chosen)
    result = splits_of_copies(source, selected, 10, copies)
    for name, before in members(source).items():
        added = {
            10 + place * copies + copy for place, e in enumerate(selected) if e in before for copy in range(copies)
        }
        assert members(result)[name] == before | added
    written = written_splits(dict.fromkeys(source, "0:10"), result)
    assert members(read_splits(written, 10 + len(selected) * copies)) == members(result)


def test_ranges_that_went_beyond_the_last_episode_do_not_swallow_the_copies() -> None:
    """GR00T's demonstrations say {"train": "0:100"} of any number of episodes."""
    source = read_splits({"train": "0:2", "test": "2:100"}, 4)
    assert splits_of_copies(source, [0, 1], 4, 2) == {"train": [range(2), range(4, 8)], "test": [range(2, 4)]}


def test_copies_of_the_last_split_need_no_second_range() -> None:
    splits = splits_of_copies(read_splits({"val": "0:2", "train": "2:4"}, 4), [2, 3], 4, 3)
    assert splits == {"val": [range(2)], "train": [range(2, 10)]}
    assert split_warnings({"val": "0:2", "train": "2:4"}, splits) == []


def planned(document: object, /, mode: OutputMode = OutputMode.COPY, **augmentation: Any) -> dict[str, Any]:
    metadata = metadata_of(episode_rows([3, 3, 3, 3]), splits=document)
    spec = job(Augmentation(**augmentation), mode)
    plan = make_plan(metadata, spec, 1)
    info = metadata.info.grown(plan.total_episodes, plan.total_frames, plan.splits, {})
    card = write_card(spec, metadata, plan, None).decode()
    return {"selected": [episode.source.index for episode in plan.episodes], "card": card, **json.loads(info)}


def test_splits_select_and_the_card_shows_them() -> None:
    made = planned(OPEN_H, splits=["train"], copies=2)
    assert made["selected"] == [0, 1]
    assert made["splits"] == {"train": "0:2,4:8", "val": "2:3", "test": "3:4", "perfect": "0:3,4:8"}
    assert "| Splits | train 0:2,4:8, val 2:3, test 3:4, perfect 0:3,4:8 |" in made["card"]
    assert "Augmented for evaluation" not in made["card"]


def test_the_card_names_what_was_augmented_for_evaluation() -> None:
    assert "| Augmented for evaluation | val (2:3), test (3:4) |" in planned(OPEN_H)["card"]


def test_in_place_the_splits_stay_as_they_are() -> None:
    made = planned({"train": "0:100", "odd": None}, OutputMode.IN_PLACE, episodes="1")
    assert made["splits"] == {"train": "0:100", "odd": None}
    assert "Splits" not in made["card"]


def test_a_leak_between_splits_fails_the_integrity_check() -> None:
    metadata = metadata_of(episode_rows([3, 3, 3, 3]), splits=OPEN_H)
    plan = make_plan(metadata, job(Augmentation(splits=["train"], copies=2)), 1)
    leaked = {**(plan.splits or {}), "val": [range(2, 3), range(4, 5)]}
    info = metadata.info.grown(plan.total_episodes, plan.total_frames, leaked, {})
    with pytest.raises(
        WorkerFailure, match=r"episode 4 is not in the splits of its source episode 0 \(val\)"
    ) as caught:
        check_splits(metadata, plan, metadata.info.model_validate(json.loads(info)))
    assert caught.value.reason is FailureReason.INTEGRITY_CHECK_FAILED
