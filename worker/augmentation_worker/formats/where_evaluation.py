"""`where` evaluated on columns: which rows a condition selects. Pure.

A comparison with a value that is missing is neither true nor false, as in SQL, and a row is selected if the condition
is true. O(rows) a comparison, whatever is compared.
"""

import operator as compare
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from math import ceil, floor, inf, isinf
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from augmentation_api.where_clause import (
    And,
    Comparison,
    Condition,
    Membership,
    Not,
    Operator,
    Or,
    Test,
    Value,
    WhereError,
    tests_of,
    text_of_value,
)
from augmentation_worker.formats.where_columns import Cells, Incomparable, Mask, Sort, cells_of

_COMPARE: Mapping[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQUAL: compare.eq,
    Operator.LESS: compare.lt,
    Operator.AT_MOST: compare.le,
    Operator.GREATER: compare.gt,
    Operator.AT_LEAST: compare.ge,
}
_SORT_OF: Mapping[type, Sort] = {bool: Sort.BOOLEANS, int: Sort.NUMBERS, float: Sort.NUMBERS, str: Sort.TEXTS}
_FIX: Mapping[Sort, str] = {
    Sort.BOOLEANS: "compare it with true or false by == or !=",
    Sort.NUMBERS: "compare it with a number, without quotes, by ==, !=, <, <=, >, >= or in",
    Sort.TEXTS: "compare it with a text in quotes",
}
_MOST_VALUES_LISTED, _LONGEST_VALUE = 5, 60


class Truth(NamedTuple):
    """By row whether something is true, and whether it is false; neither where that is not known."""

    yes: Mask
    no: Mask

    @property
    def opposite(self) -> "Truth":
        """True where this is false."""
        return Truth(self.no, self.yes)


class Evaluation:
    """The evaluation of a condition's parts on some rows.

    Args:
        where: the condition as it was written, for messages.
        table: the columns that it names. Of a list of texts, each text is compared: one suffices.

    Raises:
        WhereError: for a column of another type, at its place.
    """

    def __init__(self, where: str, condition: Condition, table: pa.Table) -> None:
        self._where = where
        self._cells: dict[str, Cells] = {}
        for test in tests_of(condition):
            if test.column.name not in self._cells:
                try:
                    self._cells[test.column.name] = cells_of(table.column(test.column.name))
                except Incomparable as error:
                    finding = (
                        f"the column {test.column.name} holds {error}, and a condition compares only numbers, "
                        "texts, true and false"
                    )
                    raise WhereError(finding, where, test.column.position) from error

    def truth(self, condition: Condition) -> Truth:
        """Where a condition is true, and where it is false. Raises WhereError for a value of another type."""
        match condition:
            case And(parts):
                return reduce(lambda a, b: Truth(a.yes & b.yes, a.no | b.no), map(self.truth, parts))
            case Or(parts):
                return reduce(lambda a, b: Truth(a.yes | b.yes, a.no & b.no), map(self.truth, parts))
            case Not(part):
                return self.truth(part).opposite
            case Comparison(_, Operator.UNEQUAL):
                # Of an episode with several tasks, that none of them is it.
                return self._equal_or_other(condition, Operator.EQUAL, (condition.value,)).opposite
            case Comparison():
                return self._equal_or_other(condition, condition.operator, (condition.value,))
            case Membership(_, values):
                return self._equal_or_other(condition, Operator.EQUAL, values)

    def describe(self, test: Test) -> str:
        """What the column that a test looks at holds, for people: some of its texts, or from what to what."""
        cells = self._cells[test.column.name]
        missing = int(cells.missing.sum())
        if missing == len(cells.missing):
            return "has no value in any row"
        without = f", and nothing in {missing}" if missing else ""
        if cells.sort is Sort.TEXTS:
            listed = [text_of_value(text[:_LONGEST_VALUE]) for text in cells.texts[:_MOST_VALUES_LISTED]]
            more = len(cells.texts) - len(listed)
            return f"holds {', '.join(listed)}{f' and {more} other texts' if more else ''}{without}"
        values = cells.values[~cells.missing]
        if cells.sort is Sort.NUMBERS:
            kind = cells.literal_type if values.dtype.kind == "f" else int
            return f"goes from {kind(values.min())!s} to {kind(values.max())!s}{without}"
        true = int(values.sum())
        return f"is true in {true} and false in {len(values) - true}{without}"

    def _equal_or_other(self, test: Test, operator: Operator, values: Sequence[Value]) -> Truth:
        cells = self._cells[test.column.name]
        if values == (None,):
            return Truth(cells.missing, ~cells.missing)
        if cells.sort is Sort.NOTHING:
            return Truth(cells.missing & False, cells.missing & False)
        self._check(test, operator, cells.sort, values)
        found = cells.rows_with(_found(cells, operator, values))
        return Truth(found, ~found & ~cells.missing)

    def _check(self, test: Test, operator: Operator, sort: Sort, values: Sequence[Value]) -> None:
        fits = {
            Sort.BOOLEANS: operator is Operator.EQUAL,
            Sort.NUMBERS: operator is not Operator.CONTAINS,
            Sort.TEXTS: True,
        }
        other = next((value for value in values if _SORT_OF[type(value)] is not sort), values[0])
        if not fits[sort] or _SORT_OF[type(other)] is not sort:
            finding = f"the column {test.column.name} holds {sort}, and cannot be compared with {text_of_value(other)}"
            raise WhereError(f"{finding} by {operator}: {_FIX[sort]}", self._where, test.position)


def _found(cells: Cells, operator: Operator, values: Sequence[Value]) -> Mask:
    """By value of the cells, whether the comparison with one of `values` holds."""
    if cells.sort is not Sort.TEXTS:
        return reduce(np.logical_or, (_compared(cells, operator, value) for value in values))
    fits = _text_predicate(operator, values)
    of_texts = np.fromiter(map(fits, cells.texts), bool, len(cells.texts))
    found: Mask = of_texts[cells.values] if len(of_texts) else np.zeros(len(cells.values), bool)
    return found


def _text_predicate(operator: Operator, values: Sequence[Value]) -> Callable[[str], bool]:
    if operator is Operator.EQUAL:
        wanted = frozenset(_composed(str(value)) for value in values)
        return lambda cell: _composed(cell) in wanted
    text = _composed(str(values[0]))
    if operator is Operator.CONTAINS:
        part = _without_case(text)
        return lambda cell: part in _without_case(cell)
    return lambda cell: bool(_COMPARE[operator](_composed(cell), text))


def _composed(text: str) -> str:
    """The text with each letter and its accents as one character, however it was typed (Unicode NFC)."""
    return unicodedata.normalize("NFC", text)


def _without_case(text: str) -> str:
    """Equal for texts that differ in case alone: https://www.unicode.org/versions/latest/core-spec/chapter-3/#G53253."""
    return _composed(_composed(text).casefold())


def _compared(cells: Cells, operator: Operator, value: Value) -> Mask:
    """Booleans or numbers compared with one. Whole numbers exactly, however large."""
    literal: object = value
    if isinstance(value, int | float) and cells.values.dtype.kind == "f":
        literal = _rounded(value, cells.literal_type)
    elif isinstance(value, float):
        if not value.is_integer() and operator is Operator.EQUAL:
            return np.zeros(len(cells.values), bool)
        below = operator in (Operator.LESS, Operator.AT_LEAST)
        literal = ceil(value) if below else floor(value)
    return np.asarray(_COMPARE[operator](cells.values, literal))


def _rounded(value: float, kind: type[np.floating]) -> float:
    """The number as a column of floats can hold it: 0.1 equals what float32 has of it."""
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return inf if value > 0 else -inf
    with np.errstate(over="ignore"):
        narrow = float(kind(number))
    return number if isinf(narrow) else narrow
