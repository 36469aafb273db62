"""The error for a video that is not what the dataset says it is."""

from pathlib import Path


class VideoInvalid(ValueError):
    """A video file cannot be used: says which file, which frame and what was found there.

    Trying again does not help; the file has to be replaced or its episode left out.

    Attributes:
        path: the file.
        frame: index of the first bad frame, counted from the start of the file; None if it is the file as a whole.
        found: what was found, as a clause.
    """

    def __init__(self, path: Path, found: str, *, frame: int | None = None) -> None:
        self.path = path
        self.frame = frame
        self.found = found
        super().__init__(f"{path}: {found}" if frame is None else f"{path}: frame {frame}: {found}")
