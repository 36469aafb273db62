"""Limits on the structure of a request, checked before it is parsed: they bound the cost of parsing.

A body is small (64 KiB), but that is enough for ten thousand fields, each of which is a sentence in a response, or for
a nesting deeper than a parser's stack. Counting stops at the limit.
"""

import re

from augmentation_gateway.problem import FieldProblem, invalid

MAX_DEPTH = 16
MAX_MEMBERS = 1000
MAX_PARAMETERS = 100

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*+"?|[\[\]{},]', re.DOTALL)
"""A string or a structural character. It never backtracks: linear time for any text."""
_TOKENS_OF_A_MEMBER = 4
_OPENING, _CLOSING, _COMMA = frozenset(b"[{"), frozenset(b"]}"), ord(",")


def check_json(body: bytes) -> None:
    """Raise Problem 422 for a body with too much nesting or too many members; whether it is JSON is not checked."""
    if b"\0" in body:
        # Python's parser would accept UTF-16 and UTF-32 too, in which nothing can be counted here (RFC 8259, 8.1).
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
    """Raise Problem 422 for a query with too many parameters."""
    if query.count(b"&") >= MAX_PARAMETERS:
        cause = f"The query has more than {MAX_PARAMETERS} parameters, more than there are"
        raise invalid([FieldProblem(("query",), "too_many_parameters", cause, "shorten it")])


def _refused(what: str, kind: str) -> Exception:
    return invalid([FieldProblem(("body",), kind, f"The body {what}", "shorten it")])
