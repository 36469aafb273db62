"""A file that was checked and is held open, as a path for libraries that open by path."""

import os
import weakref
from pathlib import PosixPath
from typing import Self


class HeldFile(PosixPath):
    """The path of an open file of this process: whoever opens it gets the very file that was checked.

    The file is let go of with the last reference to this object, so keep it while its text is in use.
    """

    @classmethod
    def of(cls, descriptor: int) -> Self:
        """Take over an open descriptor."""
        held = cls(f"/proc/self/fd/{descriptor}")
        weakref.finalize(held, os.close, descriptor).atexit = False
        return held
