"""Numbers of data and video files, from which the templates of info.json make paths."""

from typing import NamedTuple


class FileNumber(NamedTuple):
    """A (chunk, file) pair. Orders as the files do. In LeRobot v2.1 the file is the episode's index."""

    chunk: int
    file: int

    def following(self, chunks_size: int) -> "FileNumber":
        """The next number with at most `chunks_size` files a chunk."""
        return FileNumber(self.chunk, self.file + 1) if self.file + 1 < chunks_size else FileNumber(self.chunk + 1, 0)
