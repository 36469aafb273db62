"""The display matrix of MP4: how a player turns frames, which cameras that are mounted upside down or on end record.

PyAV decodes frames as they are stored and has no word for the matrix; players and some decoders follow it. So copies
get their source's, in the bytes of the track header, where ISO/IEC 14496-12 (8.3.2) puts it.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MATRIX_BYTES = 36
"""Nine numbers of 32 bits."""
_UNCHANGED = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_MOST_BOXES = 256
"""Boxes that are looked at in one place: files have a dozen, and one per fragment behind their header."""
_MATRIX_OFFSET = {0: 40, 1: 52}
"""Where the matrix begins in a track header's content, by its version."""
_HANDLER = slice(8, 12)
"""What kind of track it is, in a handler box's content."""


def read_display_matrix(file: BinaryIO) -> bytes | None:
    """The matrix of a file's first video track, as it is stored; None for a file that is shown as it is.

    Args:
        file: seekable; of one that is not MP4 nothing is read but its first bytes.
    """
    place = _place(file)
    if place is None:
        return None
    file.seek(place)
    matrix = file.read(MATRIX_BYTES)
    return None if len(matrix) < MATRIX_BYTES or matrix == _UNCHANGED else matrix


def write_display_matrix(path: Path, matrix: bytes) -> None:
    """Give the first video track of an MP4 file another matrix. Raises ValueError where it has no track header."""
    if len(matrix) != MATRIX_BYTES:
        raise ValueError(f"a display matrix has {MATRIX_BYTES} bytes, not {len(matrix)}")
    with path.open("r+b") as file:
        place = _place(file)
        if place is None:
            raise ValueError(f"{path}: no video track to show in another way")
        file.seek(place)
        file.write(matrix)


def _place(file: BinaryIO) -> int | None:
    """Where the matrix of the first video track begins in the file."""
    movie = next((box for name, *box in _boxes(file, 0, file.seek(0, 2)) if name == b"moov"), None)
    for name, begin, end in _boxes(file, *movie) if movie else ():
        if name != b"trak":
            continue
        parts = {part: (first, last) for part, first, last in _boxes(file, begin, end)}
        media = {part: (first, last) for part, first, last in _boxes(file, *parts.get(b"mdia", (0, 0)))}
        if b"tkhd" not in parts or b"hdlr" not in media:
            continue
        file.seek(media[b"hdlr"][0])
        if file.read(_HANDLER.stop)[_HANDLER] != b"vide":
            continue
        file.seek(parts[b"tkhd"][0])
        version = file.read(1)
        offset = _MATRIX_OFFSET.get(version[0]) if version else None
        return None if offset is None else parts[b"tkhd"][0] + offset
    return None


def _boxes(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes between two places: their names, and where their content begins and ends."""
    for _ in range(_MOST_BOXES):
        file.seek(begin)
        header = file.read(16)
        if begin + 8 > end or len(header) < 8:
            return
        size, name, content = int.from_bytes(header[:4]), header[4:8], begin + 8
        if size == 1 and len(header) == 16:
            size, content = int.from_bytes(header[8:]), begin + 16
        following = end if size == 0 else begin + size
        if following < content or following > end:
            return
        yield name, content, following
        begin = following
