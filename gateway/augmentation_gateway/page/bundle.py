"""The page's files, read once. All but index.html are served under a path with the digest of all files.

Browsers cache that path for good, and modules that import one another by relative names are always of one release; only
`/` itself is revalidated.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Self

INDEX: Final = "index.html"
_FOLDER: Final = b"{{files}}"
"""Placeholder in index.html for the path of the other files."""
_COMMENT_LINE: Final = re.compile(rb"^[ ]*(//|/\*|\*/|\* ).*\n", re.MULTILINE)
"""A line of a script or a style sheet that holds only a comment; browsers do not get it."""
_MEDIA_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True)
class PageFile:
    """A file as it is served.

    Attributes:
        body: its bytes.
        compressed: the same, by gzip.
        media_type: for Content-Type.
        tag: its ETag.
    """

    body: bytes
    compressed: bytes
    media_type: str
    tag: str

    @classmethod
    def of(cls, name: str, body: bytes) -> Self:
        """A file by its name and content. Raises KeyError for an unknown file type."""
        digest = hashlib.sha256(body).hexdigest()[:32]
        # mtime=0: the same bytes at every replica.
        return cls(body, gzip.compress(body, mtime=0), _MEDIA_TYPES[name.rpartition(".")[2]], f'"{digest}"')


@dataclass(frozen=True)
class Bundle:
    """All files of the page.

    Attributes:
        version: digest of them all.
        files: by name; index.html names their folder, `page/<version>`.
    """

    version: str
    files: Mapping[str, PageFile]


@cache
def page_bundle() -> Bundle:
    """The files of this release."""
    folder = files("augmentation_gateway.page").joinpath("files")
    contents = {path.name: _COMMENT_LINE.sub(b"", path.read_bytes()) for path in folder.iterdir()}
    version = hashlib.sha256(b"".join(name.encode() + contents[name] for name in sorted(contents))).hexdigest()[:16]
    contents[INDEX] = contents[INDEX].replace(_FOLDER, f"page/{version}".encode())
    return Bundle(version, {name: PageFile.of(name, body) for name, body in contents.items()})
