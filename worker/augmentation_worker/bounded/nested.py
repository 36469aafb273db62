"""Checks of plain data (what JSON and YAML are read into): how deep, how many, and only text that can be written."""

from collections.abc import Iterator
from math import isfinite

from augmentation_worker.bounded.unreadable import Unreadable

MOST_DEPTH = 64
"""Lists and mappings within each other. A feature of a dataset has five."""
LARGEST_NUMBER = 2**63 - 1
_LONGEST_QUOTE = 60


def check_nested(value: object, *, most_values: int, finite: bool = True) -> None:
    """Refuse data that is deeper than MOST_DEPTH, has more values, or text and numbers that nothing can hold.

    Something that is used twice counts twice (a YAML alias): what is small in memory need not be small when written.
    Iterative: the depth of the data is not that of a stack.

    Args:
        value: plain data: dict, list, str, int, float, bool, None and whatever else is a leaf.
        most_values: values in all.
        finite: whether NaN and Infinity are refused.

    Raises:
        Unreadable: says what was found.
    """
    pending: list[Iterator[object]] = [iter((value,))]
    values = 0
    while pending:
        for each in pending[-1]:
            values += 1
            if values > most_values:
                raise Unreadable(f"holds more than {most_values} values")
            if isinstance(each, dict):
                pending.append(iter((*each.keys(), *each.values())))
                break
            if isinstance(each, list):
                pending.append(iter(each))
                break
            _check_leaf(each, finite=finite)
        else:
            pending.pop()
        if len(pending) > MOST_DEPTH:
            raise Unreadable(f"nests more than {MOST_DEPTH} levels deep")


def _check_leaf(value: object, *, finite: bool) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Unreadable(f"holds the text {value[:_LONGEST_QUOTE]!r}, which is no Unicode") from error
    elif isinstance(value, int):
        if abs(value) > LARGEST_NUMBER:
            raise Unreadable(f"holds a whole number of {value.bit_length()} bits, more than 64")
    elif finite and isinstance(value, float) and not isfinite(value):
        raise Unreadable(f"holds {value}, which is no number")
