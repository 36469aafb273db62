"""One builder at a time, and one command at a time per cluster."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devcluster.progress import say


@contextmanager
def held(path: Path, purpose: str) -> Iterator[None]:
    """Hold an advisory lock on `path`; while another process has it, say so once and wait.

    The kernel lets go of the lock when the holder dies, however it dies, so a killed run leaves nothing to clean up.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            say(f"  ... waiting for another devcluster command (process {holder}) to finish {purpose}")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
