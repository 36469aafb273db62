"""Escape untrusted text to one printable line, which can neither control a terminal nor forge a log line.

Text of a dataset, a hub or a pod ends up in a status, a log or a terminal. Escape sequences, line breaks and invisible
bidi controls are shown escaped: `\\x1b`, `\\n`, `\\u202e`.
"""

from typing import Final

CUT_MARK: Final = "…"
"""Marks the end of a truncated text."""


def printable(text: str, limit: int | None = None) -> str:
    """Escape all unprintable characters of a text, on one line.

    Args:
        text: untrusted text.
        limit: maximum length of the result, in characters; a longer text is truncated.
    """
    if limit is not None:
        text = text[: limit + 1]  # escaping never makes a text shorter
    shown = text if text.isprintable() else "".join(map(_shown, text))
    if limit is None or len(shown) <= limit:
        return shown
    return shown[: max(0, limit - len(CUT_MARK))] + CUT_MARK


def _shown(character: str) -> str:
    """Escape a control, format or private-use character, a surrogate, or a space other than U+0020."""
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()
