"""A rate limit for log lines that anybody can cause: a flood must not fill a disk."""

import logging
import time
from collections.abc import Callable
from typing import Any

LINES_PER_SECOND = 10.0
BURST_LINES = 100.0


class LogLimit:
    """A token bucket of log lines. The next line that is logged says how many were left out before it.

    Args:
        logger: to which the lines go.
        now: a monotonic clock, in seconds.
    """

    def __init__(self, logger: logging.Logger, now: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._now = now
        self._lines = BURST_LINES
        self._at = now()
        self._left_out = 0

    def info(self, message: str, fields: dict[str, Any]) -> None:
        """Log a line, or leave it out."""
        now = self._now()
        self._lines = min(BURST_LINES, self._lines + (now - self._at) * LINES_PER_SECOND)
        self._at = now
        if self._lines < 1:
            self._left_out += 1
            return
        self._lines -= 1
        if self._left_out:
            fields = {**fields, "lines_left_out": self._left_out}
            self._left_out = 0
        self._logger.info(message, extra={"fields": fields})
