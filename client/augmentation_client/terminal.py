"""Text of a server as it may be shown on a terminal: escape sequences, line breaks and turned text become visible."""

from __future__ import annotations

import sys
from typing import TextIO


def printable(text: str) -> str:
    """`text` in printable characters alone, on one line."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def say(text: str, file: TextIO | None = None) -> None:
    """Print one line, whatever a server put into it."""
    print(printable(text), file=file or sys.stdout, flush=True)
