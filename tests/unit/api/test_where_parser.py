"""`where`: what a condition means, and what is said of one that is wrong."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augmentation_api.where_clause import (
    And,
    Column,
    Comparison,
    Condition,
    Membership,
    Not,
    Operator,
    Or,
    WhereError,
    columns_of,
    text_of,
)
from augmentation_api.where_parser import LONGEST_WHERE, MOST_NESTED, parse_where
from tests.unit.api.where_conditions import conditions

SUCCESS = Comparison(Column("success"), Operator.EQUAL, True)
SHORT = Comparison(Column("length"), Operator.LESS, 50)
CUP = Comparison(Column("task"), Operator.CONTAINS, "cup")


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("success == true and task contains 'cup'", And((SUCCESS, CUP))),
        ('success==True AND task Contains "cup"', And((SUCCESS, CUP))),
        ("success", SUCCESS),
        ("not success", Not(SUCCESS)),
        ("success or length < 50 and task contains 'cup'", Or((SUCCESS, And((SHORT, CUP))))),
        ("(success or length<50)\n and task contains 'cup'", And((Or((SUCCESS, SHORT)), CUP))),
        ("not success == true", Not(SUCCESS)),
        ("not not success", Not(Not(SUCCESS))),
        ("task not contains 'cup'", Not(CUP)),
        ("`task` in ['a', \"b\"]", Membership(Column("task"), ("a", "b"))),
        ("length not in [1,2.5]", Not(Membership(Column("length"), (1, 2.5)))),
        ("augmentation/is_augmented == false", Comparison(Column("augmentation/is_augmented"), Operator.EQUAL, False)),
        ("`a b``c` != null", Comparison(Column("a b`c"), Operator.UNEQUAL, None)),
        ("`in` >= -1.5e3", Comparison(Column("in"), Operator.AT_LEAST, -1500.0)),
        ("x > .5", Comparison(Column("x"), Operator.GREATER, 0.5)),
        ("x <= 123456789012345678901", Comparison(Column("x"), Operator.AT_MOST, 123456789012345678901)),
        (r"n == 'it\'s \"\\\n\u00e9 \ud83d\ude00'", Comparison(Column("n"), Operator.EQUAL, "it's \"\\\né 😀")),
        ("opérateur == 'Zoé'", Comparison(Column("opérateur"), Operator.EQUAL, "Zoé")),
    ],
)
def test_a_condition_is_read(text: str, condition: Condition) -> None:
    assert parse_where(text) == condition
    assert type(getattr(condition, "value", None)) is type(getattr(parse_where(text), "value", None))


@settings(max_examples=40)
@given(conditions())
def test_a_condition_that_is_written_is_read_as_the_same(condition: Condition) -> None:
    assert parse_where(text_of(condition)) == condition


def test_columns_are_listed_once_in_the_order_of_the_text() -> None:
    assert columns_of(parse_where("b == 1 or not (a == 2 and b in [3])")) == ["b", "a"]


@pytest.mark.parametrize(
    ("text", "character", "said"),
    [
        ("success = true", 9, "found =: write == to compare"),
        ("a <> 1", 3, "write !="),
        ("a && b", 3, "expected ==, !=, <, <=, >, >=, in or contains; found &&: write and"),
        ("a == 1 || b == 2", 8, "expected and, or, or the end; found ||: write or"),
        ("!a", 1, "found !: write not"),
        ("name is null", 6, "write == null"),
        ("task like '%cup%'", 6, "write contains"),
        ("task =~ 'cup.*'", 6, "there are no patterns"),
        ("task contains cup", 15, "put a text in quotes, 'cup'"),
        ("task contains 5", 15, "contains looks for a text in quotes"),
        ("1 < length", 1, "write the column first"),
        ("'success' == true", 1, "a column's name without quotes"),
        ("5 < length < 9", 1, "write the column first"),
        ("length > 5 < 9", 12, "join two of them with and"),
        ("a < true", 5, "true can be compared with == and != only"),
        ("a >= null", 6, "null can be compared with == and != only"),
        ("a == 'b", 6, "has no closing '"),
        ("`a == 1", 1, "has no closing `"),
        ("`` == 1", 1, "or no name"),
        ("a in (1, 2)", 6, "expected a list after in"),
        ("a in []", 7, "found ]"),
        ("a in [1 2]", 9, "expected , or ]"),
        ("a in [1, 'b']", 10, "all texts, all numbers or all booleans"),
        ("a in [1, true]", 10, "all texts, all numbers or all booleans"),
        ("a in [1, null]", 10, "null cannot be in a list"),
        ("a not == 1", 7, "expected in or contains after not"),
        ("a == ", 6, "found the end"),
        ("a == 1 and", 11, "expected a column, not or (; found the end"),
        ("(a == 1", 8, "the ) that closes the ( of character 1"),
        ("a == 1)", 7, "expected and, or, or the end; found )"),
        ("a == 1 b == 2", 8, "expected and, or, or the end; found b"),
        ("a == 5abc", 6, "is no number"),
        ("a == 1e999", 6, "too large"),
        ("a == 1_000", 6, "is no number"),
        ("a == ?", 6, "means nothing here"),
        ("a; b", 2, "';' means nothing here"),
        (r"a == '\d+'", 7, r"\d is no escape"),
        (r"a == '\ud83d'", 6, "half a character"),
        ("", 1, "is empty"),
        (" \n", 3, "is empty"),
    ],
)
def test_an_error_says_where_and_what_to_write(text: str, character: int, said: str) -> None:
    with pytest.raises(WhereError) as caught:
        parse_where(text)
    assert said in caught.value.finding
    assert caught.value.position == character - 1
    assert f"(at character {character}: " in str(caught.value)


def test_a_caret_stands_below_the_place() -> None:
    with pytest.raises(WhereError) as caught:
        parse_where(f"{'a == 1 and ' * 60}b\n\t= 2{' and c == 3' * 60}")
    _, shown, caret = str(caught.value).split("\n")
    assert shown[caret.index("^")] == "="
    assert len(shown) < 70


def nested(depth: int) -> str:
    return f"{'(' * depth}a{')' * depth}"


def test_nesting_is_limited_and_a_long_chain_is_not() -> None:
    assert parse_where(nested(MOST_NESTED)) == parse_where("a")
    for text in (nested(MOST_NESTED + 1), "not " * (MOST_NESTED + 1) + "a", "(not " * 30 + "a" + ")" * 30):
        with pytest.raises(WhereError, match=f"more than {MOST_NESTED}"):
            parse_where(text)
    assert parse_where(" or ".join(["(a)"] * 280)) == Or((parse_where("a"),) * 280)


def test_length_is_limited() -> None:
    with pytest.raises(WhereError, match=f"may have {LONGEST_WHERE}"):
        parse_where("a" * (LONGEST_WHERE + 1))


@pytest.mark.parametrize(
    "part", ["(", "not ", "a and ", "`", "'", "\\", "'\\", "a in [1,", "-", "1", "1e", "``", "a.", "_", "((a) or "]
)
def test_no_text_takes_long(part: str) -> None:
    begun = time.process_time()
    with pytest.raises(WhereError):
        parse_where((part * LONGEST_WHERE)[: LONGEST_WHERE - 1] + "!")
    assert time.process_time() - begun < 1


WORDS = [*"ab1.-'\"`\\()[],=<>! \n\té", " and ", " or ", " not ", " in ", " contains ", "null"]


@given(st.lists(st.sampled_from(WORDS)).map("".join))
def test_any_text_is_read_or_refused_at_one_of_its_places(text: str) -> None:
    try:
        condition = parse_where(text)
    except WhereError as error:
        assert 0 <= error.position <= len(text)
    else:
        assert parse_where(text_of(condition)) == condition
