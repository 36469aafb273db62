"""`where`: which episodes a job selects, as a condition on what the dataset says of each. where_parser.py reads it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

Value = bool | int | float | str | None
"""A literal: true or false, a number, a text, null."""


class Operator(StrEnum):
    """How a comparison compares, as it is written."""

    EQUAL = "=="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"


@dataclass(frozen=True)
class Column:
    """The name of a column. `position` is where it is written, from 0."""

    name: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Comparison:
    """A column compared with a value. `position` is where the operator is written."""

    column: Column
    operator: Operator
    value: Value
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Membership:
    """A column that has one of several values, all texts, all numbers or all booleans."""

    column: Column
    values: tuple[Value, ...]
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    part: "Condition"


@dataclass(frozen=True)
class And:
    """Two or more conditions, all of which hold."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Or:
    """Two or more conditions, of which at least one holds."""

    parts: tuple["Condition", ...]


Test = Comparison | Membership
"""What looks at one column."""
Condition = Test | Not | And | Or


NAME = re.compile(r"[^\W\d][\w./]*")
"""A column's name that needs no backticks, unless it is a keyword."""
CONSTANTS: Mapping[str, Value] = MappingProxyType({"true": True, "false": False, "null": None, "none": None})
KEYWORDS = frozenset({"and", "or", "not", "in", "contains", *CONSTANTS})
"""In small letters; they are read in any."""
_WINDOW = 60


class WhereError(ValueError):
    """What is wrong with a condition, and where: as text, a line that stands alone and below it the place with a caret.

    Attributes:
        finding: what is wrong, with the fix.
        position: of the character at which it is wrong, from 0.
        line: the finding and the place, on one line.
        place: the condition around it, and on a second line a caret below it.
    """

    def __init__(self, finding: str, where: str, position: int) -> None:
        self.finding, self.position = finding, position
        rest = _shown(where[position : position + _WINDOW // 2]).strip() or "its end"
        self.line = f"{finding} (at character {position + 1}: {rest})"
        self.place = _marked(where, position)
        super().__init__(f"{self.line}\n{self.place}")


def columns_of(condition: Condition) -> list[str]:
    """The names of the columns that a condition looks at, in the order in which it names them first."""
    return list(dict.fromkeys(test.column.name for test in tests_of(condition)))


def tests_of(condition: Condition) -> Iterator[Test]:
    """The comparisons that a condition is made of, from left to right."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from tests_of(part)
        case Not(part):
            yield from tests_of(part)
        case _:
            yield condition


def text_of(condition: Condition) -> str:
    """A condition as text that `parse_where` reads as the same."""
    match condition:
        case Comparison(column, operator, value):
            return f"{quoted_name(column.name)} {operator} {text_of_value(value)}"
        case Membership(column, values):
            return f"{quoted_name(column.name)} in [{', '.join(map(text_of_value, values))}]"
        case Not(part):
            return f"not {_enclosed(part) if isinstance(part, And | Or) else text_of(part)}"
        case And(parts):
            return " and ".join(_enclosed(part) if isinstance(part, And | Or) else text_of(part) for part in parts)
        case Or(parts):
            return " or ".join(_enclosed(part) if isinstance(part, Or) else text_of(part) for part in parts)


def text_of_value(value: Value) -> str:
    """A literal as it is written."""
    if isinstance(value, str):
        inner = json.dumps(value, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
        return f"'{inner}'"
    return repr(value) if isinstance(value, float) else json.dumps(value)


def quoted_name(name: str) -> str:
    """A column's name as it is written: in backticks where that is necessary."""
    plain = NAME.fullmatch(name) is not None and name.lower() not in KEYWORDS
    return name if plain else "`" + name.replace("`", "``") + "`"


def _enclosed(condition: Condition) -> str:
    return f"({text_of(condition)})"


def _marked(where: str, position: int) -> str:
    """The part of a condition around a place, and below it a caret under the place."""
    start = max(0, min(position - _WINDOW // 2, len(where) - _WINDOW))
    stop = start + _WINDOW
    before, after = "…" if start else "", "…" if stop < len(where) else ""
    return f"  {before}{_shown(where[start:stop])}{after}\n  {' ' * (len(before) + position - start)}^"


def _shown(text: str) -> str:
    # What has no width or breaks the line would move the caret.
    return "".join(character if character.isprintable() else " " for character in text)
