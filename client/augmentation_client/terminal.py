"""Safe output of a server's text on a terminal: escape sequences, line breaks and bidi controls are escaped."""

import sys
from typing import TextIO


def printable(text: str) -> str:
    """Escape all unprintable characters of a text, on one line."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def say(text: str, file: TextIO | None = None) -> None:
    """Print a text as one line, escaped."""
    print(printable(text), file=file or sys.stdout, flush=True)
