"""A path inside a dataset, as one type: whatever has it names a file below the dataset's folder and nothing else."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

MAX_PATH_BYTES = 1024
MAX_PART_BYTES = 255
"""Longest file name that common file systems take."""
_MOST_SHOWN, _MOST_KINDS = 120, 6
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\\\\\ud800-\udfff]")
"""What ends a line or a name in some program on the way, separates folders on another system, or is not UTF-8."""


class PathRefused(ValueError):
    """A text is not a path inside a dataset. The message shows it with every unusual character escaped.

    Attributes:
        finding: what is wrong with it, as a clause.
    """

    def __init__(self, path: str, finding: str) -> None:
        super().__init__(f"the path {shown(path)} {finding}")
        self.finding = finding


class DatasetPath(str):
    """A path inside a dataset: relative, in POSIX form, and with no part that leads anywhere but down.

    It is the text itself, so it can be compared, sorted and stored as one. There is no other way to make it than this
    check; where a function asks for a DatasetPath, no other check is needed.

    Args:
        text: the path.

    Raises:
        PathRefused: an absolute path; an empty part, `.` or `..`; a backslash or a control character; what is not
            UTF-8; more than MAX_PATH_BYTES, or MAX_PART_BYTES a part.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check a text, unless it was checked before."""
        if type(text) is cls:
            return text
        finding = _finding(text)
        if finding is not None:
            raise PathRefused(text, finding)
        return super().__new__(cls, text)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of its folders, then of the file."""
        return tuple(self.split("/"))

    @property
    def name(self) -> str:
        """The file's name."""
        return self.rsplit("/", 1)[-1]

    @property
    def folder(self) -> tuple[str, ...]:
        """Names of its folders."""
        return self.parts[:-1]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Fields of this type are texts that are checked."""
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


def checked_listing(paths: Iterable[str]) -> list[DatasetPath]:
    """The paths of a dataset's files, as a storage names them.

    Names that differ in case or in their Unicode form only are other files, as they are on Linux and on hubs.

    Raises:
        PathRefused: one is no path, is listed twice, or is a file and a folder at once.
    """
    checked = [DatasetPath(path) for path in paths]
    files: set[str] = set()
    for path in checked:
        if path in files:
            raise PathRefused(path, "is listed twice")
        files.add(path)
    for path in checked:
        end = path.rfind("/")
        while end > 0:
            if path[:end] in files:
                raise PathRefused(path[:end], f"is a file and also the folder of {shown(path)}")
            end = path.rfind("/", 0, end)
    return checked


def shown(path: str) -> str:
    """A path for a message: quoted, of bounded length, and with whatever could forge a line or a terminal escaped."""
    text = path if len(path) <= _MOST_SHOWN else f"{path[:_MOST_SHOWN]}…"
    return repr(text)


def kinds_of(paths: Iterable[str]) -> str:
    """The most frequent kinds of files, by the ends of their names, for a message."""
    kinds = Counter(PurePosixPath(path).suffix or PurePosixPath(path).name for path in paths)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(_MOST_KINDS)) or "no files"


def _finding(text: str) -> str | None:
    if text.startswith("/"):
        return "is absolute: it has to be relative to the dataset's folder"
    if forbidden := _FORBIDDEN.search(text):
        return f"holds the character {forbidden.group()!a}, which the names of a dataset's files may not have"
    parts = text.split("/")
    odd = next((part for part in parts if part in ("", ".", "..")), None)
    if odd is not None:
        return f"has the part {odd!r}: it has to name a file below the dataset's folder"
    return _excess(text, parts)


def _excess(text: str, parts: Sequence[str]) -> str | None:
    if text.isascii():
        longest, size = max(map(len, parts)), len(text)
    else:
        longest, size = max(len(part.encode()) for part in parts), len(text.encode())
    if longest > MAX_PART_BYTES:
        return f"has a name of {longest} bytes: at most {MAX_PART_BYTES} are allowed"
    if size > MAX_PATH_BYTES:
        return f"has {size} bytes: at most {MAX_PATH_BYTES} are allowed"
    return None
