"""Steps with elapsed time on standard error: a live line on a terminal, plain lines elsewhere.

Standard output stays free for what a command answers, so that `env` and `tool` can be used in a shell.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TextIO

# How often a step that is still running says so where lines cannot be rewritten (CI logs).
PLAIN_HEARTBEAT_SECONDS = 60.0
LIVE_SECONDS = 0.5
WIDTH = 120


def elapsed(seconds: float) -> str:
    """1.2 s, 47 s, 3 min 05 s: short and of a width that does not jump about."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


class Step:
    """One named piece of work; `detail` is what it is busy with just now."""

    def __init__(self, name: str, stream: TextIO | None = None) -> None:
        self.name = name
        self.detail = ""
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        if not self._live:
            self._print(f"  ... {self.name}")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        mark = "ok " if kind is None else "no "
        self._print(f"{self._clear()}  {mark} {self.name}  {elapsed(time.monotonic() - self._started)}")

    def _tick(self) -> None:
        while not self._ended.wait(LIVE_SECONDS if self._live else PLAIN_HEARTBEAT_SECONDS):
            line = f"  ... {self.name}  {elapsed(time.monotonic() - self._started)}  {self.detail}"
            if self._live:
                self._stream.write(self._clear() + line[:WIDTH])
                self._stream.flush()
            else:
                self._print(line[:WIDTH])

    def _clear(self) -> str:
        return "\r\x1b[K" if self._live else ""

    def _print(self, line: str) -> None:
        self._stream.write(line.rstrip() + "\n")
        self._stream.flush()


@contextmanager
def step(name: str) -> Iterator[Step]:
    """Show that `name` runs, how long it has been running, and how it ended."""
    with Step(name) as running:
        yield running


def say(line: str) -> None:
    """Print one line for the user, between the steps."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
