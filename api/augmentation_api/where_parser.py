"""The parser of `where`: a text to the condition of where_clause.py. It reads no data.

The grammar is in docs/lerobot-datasets.md. Reading takes time in proportion to the text, and the nesting is limited.
"""

import difflib
import re
from collections.abc import Iterator
from enum import StrEnum
from math import isinf
from typing import NamedTuple, NoReturn

from augmentation_api.where_clause import (
    CONSTANTS,
    KEYWORDS,
    NAME,
    And,
    Column,
    Comparison,
    Condition,
    Membership,
    Not,
    Operator,
    Or,
    Test,
    Value,
    WhereError,
    text_of_value,
)

LONGEST_WHERE = 2000
"""Most characters of a condition."""
MOST_NESTED = 50
"""Most parentheses and `not` around a comparison."""


def parse_where(where: str) -> Condition:
    """Read a condition. Raises WhereError, with what was expected and the place."""
    if len(where) > LONGEST_WHERE:
        raise WhereError(f"has {len(where)} characters, and may have {LONGEST_WHERE}", where, LONGEST_WHERE)
    return _Parser(where).parse()


class _Kind(StrEnum):
    NAME = "a column"
    KEYWORD = "a keyword"
    NUMBER = "a number"
    TEXT = "a text"
    SIGN = "a sign"
    END = "the end"


class _Token(NamedTuple):
    kind: _Kind
    text: str
    """Of a keyword in small letters, of a quoted column without its backticks."""
    value: Value
    position: int


_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SIGN = re.compile(r"==|!=|<=|>=|<>|&&|\|\||=~|[<>=!()\[\],&|~*/+%-]")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_BACKTICKS = re.compile(r"`((?:[^`]|``)+)`")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\\": "\\", "'": "'", '"': '"', "/": "/"}
_WORDS = ("contains", "and", "or", "not", "in")
_COMPARISONS = frozenset(operator.value for operator in Operator if operator is not Operator.CONTAINS)
_INSTEAD = {
    "=": "write == to compare",
    "<>": "write !=",
    "&&": "write and",
    "&": "write and",
    "||": "write or",
    "|": "write or",
    "!": "write not",
    "~": "write not",
    "is": "write == null or != null",
    "like": "write contains for a part of a text",
    "ilike": "write contains for a part of a text",
    "has": "write contains for a part of a text",
    "startswith": "write contains for a part of a text",
    "matches": "write contains for a part of a text; there are no patterns",
    "=~": "write contains for a part of a text; there are no patterns",
    "between": "write two comparisons with and: length >= 10 and length <= 20",
}
"""What other languages write, and what is written here."""
_LONGEST_QUOTE = 60


class _Parser:
    """Recursive descent, one method per rule of the grammar."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._tokens = self._read_tokens()
        self._token = next(self._tokens)
        self._nested = 0

    def parse(self) -> Condition:
        if self._ended:
            self._fail("is empty: write a condition, as success == true, or leave the field out")
        condition = self._or()
        if not self._ended:
            self._fail(f"expected and, or, or the end; found {self._found()}{self._hint()}")
        return condition

    def _or(self) -> Condition:
        parts = [self._and()]
        while self._takes("or"):
            parts.append(self._and())
        return Or(tuple(parts)) if len(parts) > 1 else parts[0]

    def _and(self) -> Condition:
        parts = [self._not()]
        while self._takes("and"):
            parts.append(self._not())
        return And(tuple(parts)) if len(parts) > 1 else parts[0]

    def _not(self) -> Condition:
        if not self._is("not", "("):
            return self._comparison()
        self._nested += 1
        if self._nested > MOST_NESTED:
            self._fail(f"more than {MOST_NESTED} parentheses and `not` are nested here: write it flatter")
        opening = self._next()
        condition: Condition
        if opening.text == "not":
            condition = Not(self._not())
        else:
            condition = self._or()
            if not self._takes(")"):
                self._fail(
                    f"expected and, or, or the ) that closes the ( of character {opening.position + 1}; "
                    f"found {self._found()}{self._hint()}"
                )
        self._nested -= 1
        return condition

    def _comparison(self) -> Condition:
        column = self._column()
        token = self._token
        if token.kind is _Kind.SIGN and token.text in _COMPARISONS:
            self._next()
            return self._compared(column, Operator(token.text), token.position)
        if self._takes("not"):
            if not self._is("in", "contains"):
                self._fail(f"expected in or contains after not; found {self._found()}{self._hint()}")
            return Not(self._of_words(column))
        if self._is("in", "contains"):
            return self._of_words(column)
        if self._ended or self._is("and", "or", ")"):
            # A column of booleans may stand alone.
            return Comparison(column, Operator.EQUAL, True, column.position)
        self._fail(f"expected ==, !=, <, <=, >, >=, in or contains; found {self._found()}{self._hint()}")

    def _compared(self, column: Column, operator: Operator, position: int) -> Condition:
        value_token = self._token
        value = self._value(f"after {operator}")
        if operator not in (Operator.EQUAL, Operator.UNEQUAL) and (value is None or isinstance(value, bool)):
            self._fail(f"{text_of_value(value)} can be compared with == and != only", value_token)
        if self._token.text in _COMPARISONS:
            self._fail("a comparison cannot go on: join two of them with and")
        return Comparison(column, operator, value, position)

    def _of_words(self, column: Column) -> Test:
        """What follows a column after a word: in or contains."""
        word = self._next()
        if word.text == "contains":
            token = self._token
            value = self._value("after contains")
            if not isinstance(value, str):
                self._fail(f"contains looks for a text in quotes, as in contains 'cup'; found {token.text}", token)
            return Comparison(column, Operator.CONTAINS, value, word.position)
        if not self._takes("["):
            self._fail(f"expected a list after in, as in ['left', 'right']; found {self._found()}")
        values: list[Value] = []
        while True:
            token = self._token
            value = self._value("in the list")
            if value is None:
                self._fail("null cannot be in a list: add `or … == null`", token)
            if values and _sort_of(value) is not _sort_of(values[0]):
                self._fail("the values of a list are all texts, all numbers or all booleans", token)
            values.append(value)
            if self._takes("]"):
                return Membership(column, tuple(values), word.position)
            if not self._takes(","):
                self._fail(f"expected , or ]; found {self._found()}")

    def _column(self) -> Column:
        token = self._token
        if token.kind is not _Kind.NAME:
            finding = f"expected a column, not or (; found {self._found()}"
            if token.kind in (_Kind.NUMBER, _Kind.TEXT) or token.text in CONSTANTS:
                finding += ": write the column first, and a column's name without quotes or in `backticks`"
            self._fail(f"{finding}{self._hint()}")
        self._next()
        return Column(token.text, token.position)

    def _value(self, place: str) -> Value:
        token = self._token
        if token.kind in (_Kind.NUMBER, _Kind.TEXT) or (token.kind is _Kind.KEYWORD and token.text in CONSTANTS):
            self._next()
            return token.value
        what = "a number, a text in quotes, true, false or null"
        fix = f": put a text in quotes, {text_of_value(token.text)}" if token.kind is _Kind.NAME else ""
        self._fail(f"expected {what} {place}; found {self._found()}{fix}")

    @property
    def _ended(self) -> bool:
        return self._token.kind is _Kind.END

    def _is(self, *texts: str) -> bool:
        return self._token.kind in (_Kind.KEYWORD, _Kind.SIGN) and self._token.text in texts

    def _takes(self, text: str) -> bool:
        if not self._is(text):
            return False
        self._next()
        return True

    def _next(self) -> _Token:
        taken = self._token
        self._token = next(self._tokens, taken)
        return taken

    def _found(self) -> str:
        return "the end" if self._ended else _shortened(self._token.text)

    def _hint(self) -> str:
        text = self._token.text.lower()
        if self._token.kind not in (_Kind.SIGN, _Kind.NAME):
            return ""
        if text in _INSTEAD:
            return f": {_INSTEAD[text]}"
        close = difflib.get_close_matches(text[:_LONGEST_QUOTE], _WORDS, n=1, cutoff=0.7)
        return f": did you mean {close[0]}?" if close else ""

    def _fail(self, finding: str, token: _Token | None = None) -> NoReturn:
        raise WhereError(finding, self._where, (token or self._token).position)

    def _read_tokens(self) -> Iterator[_Token]:
        position = 0
        while True:
            while position < len(self._where) and self._where[position].isspace():
                position += 1
            if position == len(self._where):
                yield _Token(_Kind.END, "", None, position)
                return
            token, position = self._read_token(position)
            yield token

    def _read_token(self, position: int) -> tuple[_Token, int]:
        where, first = self._where, self._where[position]
        if first in "'\"":
            match = _QUOTED.match(where, position)
            if match is None:
                raise WhereError(f"the text that begins here has no closing {first}", where, position)
            return _Token(_Kind.TEXT, match.group(), self._unescaped(match), position), match.end()
        if first == "`":
            match = _BACKTICKS.match(where, position)
            if match is None:
                raise WhereError("the column that begins here has no closing `, or no name", where, position)
            return _Token(_Kind.NAME, match.group(1).replace("``", "`"), None, position), match.end()
        if (match := _NUMBER.match(where, position)) is not None:
            if NAME.match(where, match.end()) is not None:
                raise WhereError("is no number: put a text in quotes, a column's name in `backticks`", where, position)
            return _Token(_Kind.NUMBER, match.group(), self._number(match), position), match.end()
        if (match := NAME.match(where, position)) is not None:
            word = match.group().lower()
            if word in KEYWORDS:
                return _Token(_Kind.KEYWORD, word, CONSTANTS.get(word), position), match.end()
            return _Token(_Kind.NAME, match.group(), None, position), match.end()
        if (match := _SIGN.match(where, position)) is not None:
            return _Token(_Kind.SIGN, match.group(), None, position), match.end()
        raise WhereError(f"{first!r} means nothing here", where, position)

    def _unescaped(self, match: re.Match[str]) -> str:
        def character(escape: re.Match[str]) -> str:
            code = escape.group(1)
            if code[0] == "u" and len(code) > 1:
                return chr(int(code[1:], 16))
            if code not in _ESCAPES:
                place = match.start() + 1 + escape.start()
                raise WhereError(f"\\{code} is no escape: write \\\\ for a backslash", self._where, place)
            return _ESCAPES[code]

        text = _ESCAPE.sub(character, match.group()[1:-1])
        try:
            # \ud83d\ude00 are two halves of one character, as in JSON.
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError as error:
            raise WhereError(
                "the text has half a character (\\ud800 to \\udfff)", self._where, match.start()
            ) from error

    def _number(self, match: re.Match[str]) -> int | float:
        text = match.group()
        if text.lstrip("-").isdigit():
            return int(text)
        number = float(text)
        if isinf(number):
            raise WhereError("the number is too large", self._where, match.start())
        return number


def _sort_of(value: Value) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
