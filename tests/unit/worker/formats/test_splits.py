"""Splits as a selection: which exist, and the warning for those that a policy is evaluated on."""

import pytest

from augmentation_api import Augmentation, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.splits import (
    check_splits,
    evaluation_warning,
    selected_ranges,
    splits_status,
)

SPLITS = {"train": [range(2)], "val": [range(2, 3)], "test": [range(3, 4)]}


def warned(splits: dict[str, list[range]], augmentation: dict[str, object] | None = None) -> str | None:
    spec = Augmentation.model_validate(augmentation or {})
    return evaluation_warning(spec, selected_ranges(spec, 10, splits), splits)


def test_a_split_that_there_is_not_is_refused_with_those_there_are() -> None:
    check_splits(Augmentation(splits=["train", "val"]), SPLITS)
    with pytest.raises(WorkerFailure) as refused:
        check_splits(Augmentation(splits=["train", "valid"]), SPLITS)
    assert refused.value.reason is FailureReason.SELECTION_EMPTY
    assert "spec.augmentation.splits: the dataset has no split 'valid'; it has: train, val, test" in str(refused.value)


def test_a_split_whose_value_is_no_range_is_not_called_missing() -> None:
    with pytest.raises(WorkerFailure, match=r"splits\.odd of meta/info\.json is no range of episodes") as refused:
        check_splits(Augmentation(splits=["train", "odd"]), SPLITS, ["odd"])
    assert refused.value.reason is FailureReason.SELECTION_EMPTY


def test_episodes_for_evaluation_are_warned_of_with_the_field_that_leaves_them_out() -> None:
    said = warned(SPLITS)
    assert said is not None
    assert "val (2:3), test (3:4)" in said
    assert "spec.augmentation.splits to [train]" in said


@pytest.mark.parametrize("name", ["validation", "Test", "eval", "test_unseen", "val-2", "holdout"])
def test_names_of_splits_for_evaluation(name: str) -> None:
    assert warned({"train": [range(2)], name: [range(2, 3)]}) is not None


@pytest.mark.parametrize(
    ("splits", "augmentation"),
    [
        (SPLITS, {"splits": ["train"]}),
        (SPLITS, {"splits": ["train", "val"]}),
        (SPLITS, {"episodes": "0:2"}),
        ({"train": [range(10)]}, {}),
        ({"test": [range(10)]}, {}),
        ({"train": [range(5)], "recovery": [range(5, 7)], "testimony": [range(7, 10)]}, {}),
        ({}, {}),
    ],
)
def test_nobody_is_warned_of_what_was_asked_for_or_is_for_training(
    splits: dict[str, list[range]], augmentation: dict[str, object]
) -> None:
    assert warned(splits, augmentation) is None


def test_the_status_has_the_splits_unless_there_are_none() -> None:
    entries = splits_status({"train": [range(2), range(4, 9)]})
    assert entries is not None
    assert [(entry.name, entry.episodes) for entry in entries] == [("train", "0:2,4:9")]
    assert splits_status({}) is None
