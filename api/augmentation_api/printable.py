"""Text from outside as one line that is safe to show: what could steer a terminal or forge a line is escaped.

A dataset, a hub or a pod chooses words that end in a status, a log or a terminal. Escape sequences, line breaks and
the invisible characters that turn the direction of reading become what they are: `\\x1b`, `\\n`, `\\u202e`.
"""

from typing import Final

CUT_MARK: Final = "…"
"""Stands at the end of a text that was cut."""


def printable(text: str, limit: int | None = None) -> str:
    """`text` in printable characters alone, on one line.

    Args:
        text: of whoever.
        limit: most characters of what comes back; a longer text loses its end.
    """
    if limit is not None:
        text = text[: limit + 1]  # no character becomes less than one
    shown = text if text.isprintable() else "".join(map(_shown, text))
    if limit is None or len(shown) <= limit:
        return shown
    return shown[: max(0, limit - len(CUT_MARK))] + CUT_MARK


def _shown(character: str) -> str:
    """Escaped if it is a control, format or private character, a surrogate, or a space other than the plain one."""
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()
