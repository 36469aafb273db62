"""`splits` of meta/info.json: which episodes of the source are in each split, and which of the result.

LeRobot writes {"train": "0:85"}, half open, and reads none. Open-H documents "train", "val", "test", "recovery" and
"failure", which may overlap; the reader of GR00T-H (gr00t/data/split_utils.py) also takes several ranges, as
"0:85,150:320" or as a list.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from augmentation_api.episode_ranges import disjoint, text_of
from augmentation_worker.formats.splits import Splits

_RANGE = re.compile(r"(\d{1,18})(?::(\d{1,18}))?")
_MOST_RANGES = 100_000


def read_splits(document: object, episodes: int) -> dict[str, list[range]]:
    """The episodes of each split of info.json whose value is understood, out of `episodes`.

    A range that goes beyond the last episode ends there: converters write "0:100" for any number of episodes.
    """
    values = document.items() if isinstance(document, Mapping) else ()
    parsed = {str(name): _parsed(value) for name, value in values}
    return {name: disjoint(ranges, episodes) for name, ranges in parsed.items() if ranges is not None}


def unread_splits(document: object) -> list[str]:
    """The names of splits whose value is not understood; LeRobot reads datasets with any."""
    return (
        [str(name) for name, value in document.items() if _parsed(value) is None]
        if isinstance(document, Mapping)
        else []
    )


def splits_of_copies(splits: Splits, selected: Sequence[int], episodes: int, copies: int) -> dict[str, list[range]]:
    """The splits of a result whose copies come after all originals: each copy is in the splits of its episode.

    Args:
        splits: of the source.
        selected: the augmented episodes, rising; the copies of the first come first.
        episodes: of the source.
        copies: of each.
    """
    result = {}
    for name, ranges in splits.items():
        places = [(bisect_left(selected, part.start), bisect_left(selected, part.stop)) for part in ranges]
        added = [(episodes + first * copies, episodes + last * copies) for first, last in places]
        originals = [(part.start, part.stop) for part in ranges]
        result[name] = disjoint([*originals, *added], episodes + len(selected) * copies)
    return result


def written_splits(document: object, splits: Splits) -> Any:
    """`splits` of the result's info.json: the source's, with these ranges; what is not understood stays as it is."""
    if not isinstance(document, Mapping):
        return document
    return {name: text_of(splits[name]) if name in splits else value for name, value in document.items()}


def split_warnings(document: object, splits: Splits) -> list[str]:
    """What a user should know of the splits of a result, each a sentence.

    Args:
        document: of the source.
        splits: of the result.
    """
    said = [
        f"meta/info.json: splits.{name} is no range of episodes (first:last, the last one not in it): it is kept as "
        "it is, and no copy is added to it"
        for name in unread_splits(document)
    ]
    source = read_splits(document, 10**18)
    several = {
        name: text_of(ranges) for name, ranges in splits.items() if len(ranges) > max(1, len(source.get(name, ())))
    }
    if several:
        named = ", ".join(f"{name} {text[:200]!r}" for name, text in several.items())
        said.append(
            f"meta/info.json of the result has splits of several ranges, as copies come after all originals: {named}. "
            "Readers that know one range only have to be given the episodes"
        )
    return said


def _parsed(value: object) -> list[tuple[int, int]] | None:
    """Half-open ranges; None if it is something else."""
    values = value if isinstance(value, list) else [value]
    texts = [text for text in values if isinstance(text, str)]
    if not texts or len(texts) != len(values):
        return None
    parts = [part for text in texts for part in text.replace(",", " ").split()]
    matches = [_RANGE.fullmatch(part) for part in parts[:_MOST_RANGES]]
    found = [
        (int(match[1]), int(match[2]) if match[2] else int(match[1]) + 1) for match in matches if match is not None
    ]
    return found if len(found) == len(parts) else None
