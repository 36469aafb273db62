"""Splits of a dataset (train, val, test): which are augmented, and what their user should know of it."""

import re
from collections.abc import Collection, Mapping, Sequence

from augmentation_api import Augmentation, FailureReason
from augmentation_api.episode_ranges import common, short_text_of, text_of
from augmentation_api.status import MAX_SELECTION, MOST_NAMES_BYTES, MOST_SPLITS, SplitStatus
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.where_choice import Chosen

Splits = Mapping[str, Sequence[range]]
"""By name, the episodes (or rows) of each split, rising and disjoint. An episode may be in several, or in none."""
_EVALUATION = re.compile(r"(val|valid|validation|dev|eval|evaluation|test|testing|holdout)([^a-z].*)?", re.IGNORECASE)
_MOST_LISTED = 20


def check_splits(augmentation: Augmentation, splits: Splits, unread: Collection[str] = ()) -> None:
    """Refuse splits that the dataset does not have. Raises WorkerFailure(SELECTION_EMPTY), naming those that it has.

    `unread` are those that it names, and does not say in a way that is understood what is in them.
    """
    unclear = next((name for name in augmentation.splits if name in unread), None)
    if unclear is not None:
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"spec.augmentation.splits: splits.{unclear} of meta/info.json is no range of episodes, so which are in "
            "it is not known: write it as first:last, the last one not in it, or name the episodes in "
            "spec.augmentation.episodes",
        )
    unknown = next((name for name in augmentation.splits if name not in splits), None)
    if unknown is not None:
        known = ", ".join([*splits][:_MOST_LISTED]) or "none"
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"spec.augmentation.splits: the dataset has no split {unknown!r}; it has: {known}",
        )


def nothing_selected(augmentation: Augmentation, nouns: str, count: int, chosen: Chosen | None) -> WorkerFailure:
    """The failure of a job that selects none of the `count` episodes (or rows), which `nouns` says."""
    message = augmentation.selects_none_of(count, nouns)
    if chosen is not None:
        alone = f"where alone: {chosen.count}; " if augmentation.episodes or augmentation.splits else ""
        message += f" ({alone}{chosen.parts})"
    return WorkerFailure(FailureReason.SELECTION_EMPTY, message)


def selected_ranges(
    augmentation: Augmentation, count: int, splits: Splits, chosen: Chosen | None = None
) -> list[range]:
    """The selected ones of `count` episodes (or rows), rising and disjoint. `chosen` is what `where` selects."""
    return augmentation.selected_ranges(
        count,
        {name: [(part.start, part.stop) for part in ranges] for name, ranges in splits.items()},
        None if chosen is None else chosen.rows,
    )


def selection_status(augmentation: Augmentation, selected: Sequence[range]) -> str | None:
    """What `where` and the other fields select, as the status shows it; None without it, and if it does not fit."""
    if augmentation.where is None:
        return None
    text = short_text_of(selected)
    return text if len(text) <= MOST_NAMES_BYTES else None


def for_evaluation(selected: Sequence[range], splits: Splits) -> list[str]:
    """The splits for evaluation that are augmented, each with the episodes (or rows): "val (85:100)"."""
    affected = {name: common(selected, ranges) for name, ranges in splits.items() if _EVALUATION.fullmatch(name)}
    return [f"{name} ({text_of(ranges)[:200]})" for name, ranges in affected.items() if ranges]


def evaluation_warning(
    augmentation: Augmentation, selected: Sequence[range], splits: Splits, episodes: str = "episodes"
) -> str | None:
    """What to say where splits for evaluation would be augmented though the job names none; else None.

    Args:
        augmentation: what the job asks for.
        selected: the episodes (or rows) that are augmented.
        splits: all splits.
        episodes: what the format calls them.
    """
    others = [name for name in splits if not _EVALUATION.fullmatch(name)]
    found = for_evaluation(selected, splits)
    if augmentation.splits or not others or not found:
        return None
    return (
        f"The job augments {episodes} for evaluation, too: {', '.join(found[:_MOST_LISTED])}. Results measured on them "
        f"are not those of the source's. Set spec.augmentation.splits to [{', '.join(others[:_MOST_LISTED])}] to leave "
        "them as they are"
    )


def splits_status(splits: Splits) -> list[SplitStatus] | None:
    """The splits as the status shows them; None if there are none."""
    entries = [
        SplitStatus(name=name[:512], episodes=text)
        for name, ranges in splits.items()
        if len(text := text_of(ranges)) <= MAX_SELECTION
    ]
    return entries[:MOST_SPLITS] or None
