"""`where` on columns: compared with an evaluation row by row, and what is said of a column that does not fit."""

import time
from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augmentation_api import FailureReason
from augmentation_api.where_clause import And, Condition, Membership, Not, Operator, Or, Test, text_of
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.where_choice import Chosen, FoundColumns, choose
from tests.unit.api.where_conditions import conditions

BOOLEANS, WORDS = st.booleans(), st.sampled_from(["cup", "Cup", "red CUP", "", "Straße", "STRASSE", "b"])
COMPOSED, TWO_CHARACTERS = "caf\u00e9 \ud55c", "cafe\u0301 \u1112\u1161\u11ab"
"""The same text, as keyboards write it and as file systems of macOS do."""
WHOLE = st.sampled_from([0, 1, 2, -3, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)])
FLOATS = st.sampled_from([0.0, 0.1, 1.0, -2.5, float("inf"), 2.0**53])
LITERALS = st.sampled_from([0, 1, 2, -3, 2**53 + 1, 2**63, -(10**30), 0.1, 2.5, -2.5, 9007199254740993.0])
COLUMNS: dict[str, tuple[st.SearchStrategy[Any], type]] = {
    "bool": (BOOLEANS, bool),
    "whole": (LITERALS, float),
    "float": (LITERALS, float),
    "word": (WORDS, str),
    "code": (WORDS, str),
    "words": (WORDS, str),
}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "bool": st.none() | BOOLEANS,
            "whole": st.none() | WHOLE,
            "float": st.none() | st.just(float("nan")) | FLOATS,
            "word": st.none() | WORDS,
            "code": st.none() | WORDS,
            "words": st.none() | st.lists(st.none() | WORDS, max_size=3),
        }
    ),
    max_size=6,
)
TYPES = {
    "bool": pa.bool_(),
    "whole": pa.int64(),
    "float": pa.float64(),
    "word": pa.string(),
    "code": pa.dictionary(pa.int8(), pa.string()),
    "words": pa.list_(pa.string()),
}


def table_of(rows: Sequence[dict[str, Any]]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items()})


def chosen(where: str, table: pa.Table) -> Chosen:
    return choose(where, lambda names: FoundColumns("meta/episodes", table.column_names, table))


def indices(where: str, table: pa.Table) -> list[int]:
    return [index for part in chosen(where, table).rows for index in part]


def holds(condition: Condition, row: dict[str, Any]) -> bool | None:
    """Row by row, in Python: True, False, or None where it is not known."""
    match condition:
        case Not(part):
            inner = holds(part, row)
            return None if inner is None else not inner
        case And(parts) | Or(parts):
            decisive = isinstance(condition, Or)
            found = [holds(part, row) for part in parts]
            return decisive if decisive in found else None if None in found else not decisive
        case _:
            return comparison_holds(condition, row[condition.column.name])


def comparison_holds(test: Test, cell: Any) -> bool | None:
    cells = [each for each in (cell if isinstance(cell, list) else [cell]) if each is not None]
    cells = [each for each in cells if not (isinstance(each, float) and isnan(each))]
    if isinstance(test, Membership):
        return any(same(each, value) for each in cells for value in test.values) if cells else None
    if test.value is None:
        return (not cells) == (test.operator is Operator.EQUAL)
    if not cells:
        return None
    match test.operator:
        case Operator.EQUAL:
            return any(same(each, test.value) for each in cells)
        case Operator.UNEQUAL:
            return not any(same(each, test.value) for each in cells)
        case Operator.CONTAINS:
            return any(str(test.value).casefold() in each.casefold() for each in cells)
        case order:
            return any(eval(f"a {order} b", {}, {"a": each, "b": literal(each, test.value)}) for each in cells)


def same(cell: Any, value: Any) -> bool:
    return bool(cell == literal(cell, value))


def literal(cell: Any, value: Any) -> Any:
    return float(value) if isinstance(cell, float) else value


@settings(max_examples=100)
@given(conditions(COLUMNS), ROWS)
def test_what_is_selected_is_what_holds_row_by_row(condition: Condition, rows: list[dict[str, Any]]) -> None:
    expected = [index for index, row in enumerate(rows) if holds(condition, row)]
    assert indices(text_of(condition), table_of(rows)) == expected


SAID = pa.table(
    {
        "success": [True, False, None, True],
        "length": pa.array([10, 20, 30, 40], pa.int32()),
        "score": pa.array([0.1, 0.2, None, float("nan")], pa.float32()),
        "outcome": ["good", "Bad", "good", None],
        "task": [["Pick the Cup"], ["place it", "open the drawer"], [], None],
        "augmentation/is_augmented": [False, False, True, True],
        "fixed": pa.array([["a", "b"], ["c", "d"], None, ["a", None]], pa.list_(pa.string(), 2)),
        "price": pa.array([1, 2, 3, None]).cast(pa.decimal128(21, 2)),
        "large": pa.array([2**64 - 1, 0, 1, None], pa.uint64()),
        "nothing": pa.nulls(4),
        "stats": pa.array([[1.0], [2.0], [3.0], [4.0]]),
        "day": pa.array([0, 1, 2, 3], pa.int32()).cast(pa.date32()),
    }
)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("success", [0, 3]),
        ("not success", [1]),
        ("success == null", [2]),
        ("success != true", [1]),
        ("success != true or success == null", [1, 2]),
        ("success != null", [0, 1, 3]),
        ("success in [true, false]", [0, 1, 3]),
        ("length > 10 and length <= 30", [1, 2]),
        ("length < 20.5", [0, 1]),
        ("length >= 19.5", [1, 2, 3]),
        ("length == 20.5", []),
        ("length != 20.5", [0, 1, 2, 3]),
        ("length < 99999999999999999999", [0, 1, 2, 3]),
        ("score == 0.1", [0]),
        ("score < 1e300", [0, 1]),
        ("score == null", [2, 3]),
        ("not score > 0.1", [0]),
        ("outcome == 'bad'", []),
        ("outcome in ['Bad', 'good']", [0, 1, 2]),
        ("outcome < 'a'", [1]),
        ("task contains 'cup'", [0]),
        ("task contains 'IT' or task contains 'drawer'", [1]),
        ("task == 'place it'", [1]),
        ("task != 'place it'", [0]),
        ("task == null", [2, 3]),
        ("not task contains 'cup'", [1]),
        ("augmentation/is_augmented == false", [0, 1]),
        ("fixed == 'a'", [0, 3]),
        ("price >= 2", [1, 2]),
        ("large == 18446744073709551615", [0]),
        ("large > -1", [0, 1, 2]),
        ("nothing == null and not (nothing == 1 or nothing contains 'x')", []),
        ("nothing == null", [0, 1, 2, 3]),
        ("success and nothing == 1", []),
        ("success or nothing == 1", [0, 3]),
    ],
)
def test_rows_are_selected(where: str, expected: list[int]) -> None:
    assert indices(where, SAID) == expected


@pytest.mark.parametrize(
    ("where", "reason", "said"),
    [
        ("succes", FailureReason.SELECTION_EMPTY, "has no column succes to compare; it has: success, length,"),
        ("is_augmented", FailureReason.SELECTION_EMPTY, "it has: augmentation/is_augmented, success,"),
        (
            "length contains '1'",
            FailureReason.SPEC_UNSUPPORTED,
            "holds numbers, and cannot be compared with '1' by cont",
        ),
        ("length == '10'", FailureReason.SPEC_UNSUPPORTED, "compare it with a number, without quotes"),
        ("length", FailureReason.SPEC_UNSUPPORTED, "holds numbers, and cannot be compared with true by =="),
        ("success == 1", FailureReason.SPEC_UNSUPPORTED, "compare it with true or false by == or !="),
        (
            "success == 'true'",
            FailureReason.SPEC_UNSUPPORTED,
            "holds true and false, and cannot be compared with 'true'",
        ),
        ("success < 1", FailureReason.SPEC_UNSUPPORTED, "compare it with true or false"),
        ("outcome != 3", FailureReason.SPEC_UNSUPPORTED, "compare it with a text in quotes"),
        ("task in [1, 2]", FailureReason.SPEC_UNSUPPORTED, "compare it with a text in quotes"),
        ("stats == 1", FailureReason.SPEC_UNSUPPORTED, "the column stats holds lists, objects, or"),
        ("day == '1970-01-01'", FailureReason.SPEC_UNSUPPORTED, "the column day holds date32[day]"),
    ],
)
def test_a_column_that_does_not_fit_is_named_with_what_does(where: str, reason: FailureReason, said: str) -> None:
    with pytest.raises(WorkerFailure) as caught:
        chosen(where, SAID)
    assert caught.value.reason is reason
    assert caught.value.message.startswith("spec.augmentation.where: ")
    assert said in caught.value.message
    assert "(at character " in caught.value.message


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("success or length > 10", "success == true: 2; length > 10: 3"),
        ("outcome == 'goood'", "outcome == 'goood': 0, as outcome holds 'good', 'Bad', and nothing in 1"),
        ("length > 40", "length > 40: 0, as length goes from 10 to 40"),
        ("score == 7", "score == 7: 0, as score goes from 0.1 to 0.2, and nothing in 2"),
        ("success == false and success == null", "success == false: 1; success == null: 1"),
        ("whole == false", "whole == false: 0, as whole is true in 4 and false in 0"),
        ("nothing == 'x'", "nothing == 'x': 0, as nothing has no value in any row"),
        ("`a b` == 'x'", "`a b` == 'x': 0, as `a b` holds '0', '1', '2', '3', '4' and 2 other texts"),
    ],
)
def test_parts_say_how_many_each_selects_and_what_a_column_holds_that_has_none(where: str, said: str) -> None:
    more = SAID.append_column("whole", pa.array([True] * 4))
    assert chosen(where, more.append_column("a b", pa.array([["0", "1", "2"], ["3", "4"], ["5"], ["6"]]))).parts == said


@pytest.mark.parametrize("literal", [COMPOSED, TWO_CHARACTERS])
def test_letters_with_accents_are_the_same_however_they_are_typed(literal: str) -> None:
    table = pa.table({"task": pa.array([[COMPOSED], [TWO_CHARACTERS], ["cafe"]], pa.list_(pa.string()))})
    for where in (f"task == '{literal}'", f"task in ['x', '{literal}']", f"task contains '{literal.upper()}'"):
        assert chosen(where, table).rows == (range(2),)
    assert chosen(f"task != '{literal}'", table).rows == (range(2, 3),)
    assert chosen(f"task <= '{literal}' and task >= '{literal}'", table).rows == (range(2),)


def test_texts_that_are_no_text_are_refused() -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])
    with pytest.raises(WorkerFailure, match="bytes that are no text"):
        chosen("name == 'x'", pa.table({"name": broken}))


def test_a_hundred_thousand_rows_take_well_under_a_second() -> None:
    count = 100_000
    numbers = np.arange(count)
    table = pa.table(
        {
            "success": numbers % 2 == 0,
            "length": numbers,
            "task": pa.array([[f"pick up cup number {number}"] for number in numbers]),
        }
    )
    begun = time.process_time()  # other programs may hold the cores
    found = chosen("success == true and task contains 'CUP' and not length in [2, 4, 6]", table)
    assert time.process_time() - begun < 1
    assert found.count == count // 2 - 3


def test_rows_of_several_chunks_and_of_none_are_read() -> None:
    parts = pa.concat_tables([SAID.slice(0, 1), SAID.slice(1, 2), SAID.slice(3)])
    assert indices("task contains 'cup' or fixed == 'a' or score == null", parts) == [0, 2, 3]
    assert indices("task contains 'cup' or score == null or outcome == 'x'", SAID.slice(0, 0)) == []
