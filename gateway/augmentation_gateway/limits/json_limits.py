"""How much structure a request may have, checked before anything is made of it: parsing costs what is counted here.

A body is small (64 KiB), but of that size it may have ten thousand fields, of which each is a sentence in an answer, or
be nested deeper than a parser's stack. Counting ends with what is too much.
"""

import re

from augmentation_gateway.problem import FieldProblem, invalid

MAX_DEPTH = 16
MAX_MEMBERS = 1000
MAX_PARAMETERS = 100

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*+"?|[\[\]{},]', re.DOTALL)
"""A string, or what gives a text its structure. It cannot go back: the time is linear, whatever the text."""
_TOKENS_OF_A_MEMBER = 4
_OPENING, _CLOSING, _COMMA = frozenset(b"[{"), frozenset(b"]}"), ord(",")


def check_json(body: bytes) -> None:
    """Raise Problem 422 for a body that is nested too deep or has too many members; whether it is JSON is not asked."""
    if b"\0" in body:
        # Python's parser would take UTF-16 and UTF-32 too, in which nothing can be counted here (RFC 8259, 8.1).
        raise invalid([FieldProblem(("body",), "json_invalid", "The body is not JSON in UTF-8", "send it so")])
    brackets = body.count(b"[") + body.count(b"{")
    members = body.count(b",")
    if brackets <= MAX_DEPTH and members <= MAX_MEMBERS:
        return
    depth = members = 0
    for number, token in enumerate(_TOKEN.finditer(body)):
        begins_with = body[token.start()]
        if begins_with in _OPENING:
            depth += 1
        elif begins_with in _CLOSING:
            depth -= 1
        elif begins_with == _COMMA:
            members += 1
        if depth > MAX_DEPTH:
            raise _refused(f"is nested more than {MAX_DEPTH} deep, more than any field is", "too_deep")
        if members > MAX_MEMBERS or number > _TOKENS_OF_A_MEMBER * MAX_MEMBERS:
            raise _refused(
                f"has more than {MAX_MEMBERS} fields and values, more than any job needs", "too_many_members"
            )


def check_query(query: bytes) -> None:
    """Raise Problem 422 for a query of too many parameters."""
    if query.count(b"&") >= MAX_PARAMETERS:
        cause = f"The query has more than {MAX_PARAMETERS} parameters, more than there are"
        raise invalid([FieldProblem(("query",), "too_many_parameters", cause, "shorten it")])


def _refused(what: str, kind: str) -> Exception:
    return invalid([FieldProblem(("body",), kind, f"The body {what}", "shorten it")])
