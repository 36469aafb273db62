"""Opening video files: their format is checked before FFmpeg sees them, so that FFmpeg never guesses.

FFmpeg opens dozens of formats, among them text files that name other files. Datasets have MP4 or Matroska (WebM), and
a file of neither is refused by its first bytes. FFmpeg's allocations are limited: two thousand bytes of
MP4 can announce a hundred million frames, for whose index it would take gigabytes.
"""

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import BinaryIO

import av
import av.container

from augmentation_worker.bounded import lfs_pointer

MOST_STREAMS = 64
LARGEST_ALLOCATION = 512 * 2**20
"""Bytes per allocation: a frame of 8192 x 8192 with 10 bits and full chroma fits, and an index of 22 million."""
_OWN_FILE, _NO_PROTOCOL = {"protocol_whitelist": "file"}, {"protocol_whitelist": "none"}
"""No protocol of FFmpeg is called `none`: nothing but the content that it is given is read."""
_MP4_BOXES = (b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide")
_MATROSKA = b"\x1a\x45\xdf\xa3"
_OTHERS = {
    b"ffconcat": "a list of other files (ffconcat)",
    b"#EXTM3U": "a list of other files (an HLS playlist)",
    b"<MPD": "a list of other files (a DASH manifest)",
    b"<?xml": "an XML document (such as a DASH manifest)",
    b"v=0": "a description of a network stream (SDP)",
    b"[playlist]": "a list of other files",
    lfs_pointer.BEGINNING: f"a Git LFS pointer in place of the file itself ({lfs_pointer.WAY_OUT})",
    b"RIFF": "a RIFF file, such as AVI",
    b"\x89PNG": "an image (PNG)",
    b"\xff\xd8\xff": "an image (JPEG)",
    b"GIF8": "an image (GIF)",
    b"PK\x03\x04": "a ZIP archive",
    b"OggS": "an Ogg file",
    b"FLV": "a Flash video",
}


class VideoInvalid(ValueError):
    """A video file cannot be used: says which file, which frame and what was found there.

    Trying again does not help; the file has to be replaced or its episode left out.

    Attributes:
        path: the file.
        frame: index of the first bad frame, counted from the start of the file; None if it is the file as a whole.
        finding: what was found, as a clause.
    """

    def __init__(self, path: Path, finding: str, *, frame: int | None = None) -> None:
        self.path = path
        self.frame = frame
        self.finding = finding
        super().__init__(f"{path}: {finding}" if frame is None else f"{path}: frame {frame}: {finding}")


def format_of(head: bytes) -> str:
    """FFmpeg's name of the format of a file that begins so. Raises ValueError, which says what it is instead."""
    if head[4:8] in _MP4_BOXES:
        return "mp4"
    if head.startswith(_MATROSKA):
        return "matroska"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    other = next((what for start, what in _OTHERS.items() if text.startswith(start)), None)
    raise ValueError(f"it is {other or ('something else' if head else 'empty')}, not MP4 or Matroska")


def open_container(path: Path, content: BinaryIO | None = None) -> av.container.InputContainer:
    """Open a file for reading: this file alone, as what it is.

    Args:
        path: the file.
        content: where its bytes are read from, if not from `path`: a seekable file that is kept open meanwhile.

    Raises:
        VideoInvalid: it cannot be opened.
    """
    limit_allocations()
    try:
        if content is None:
            with path.open("rb") as file:
                name = format_of(file.read(64))
            container = av.open(f"file:{os.fspath(path)}", mode="r", format=name, options=_OWN_FILE)
        else:
            content.seek(0)
            name = format_of(content.read(64))
            content.seek(0)
            container = av.open(content, mode="r", format=name, options=_NO_PROTOCOL)
    except av.FFmpegError as error:
        raise VideoInvalid(path, f"cannot be opened as a video: {error.strerror}") from error
    except (OSError, ValueError) as error:
        raise VideoInvalid(path, f"cannot be opened as a video: {error}") from error
    if len(container.streams) > MOST_STREAMS:
        container.close()
        raise VideoInvalid(path, f"holds {len(container.streams)} streams, more than {MOST_STREAMS}")
    return container


@cache
def limit_allocations() -> None:
    """Make FFmpeg refuse a single allocation above LARGEST_ALLOCATION, from now on in this process.

    PyAV has no word for it, so FFmpeg's own function is called, in the library that PyAV has loaded.
    """
    library = ctypes.CDLL(str(av._core.__file__))
    library.av_max_alloc.argtypes = [ctypes.c_size_t]
    library.av_max_alloc.restype = None
    library.av_max_alloc(LARGEST_ALLOCATION)
