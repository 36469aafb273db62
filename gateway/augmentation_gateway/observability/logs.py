"""Logs of the gateway: one JSON object per line, with the id of the current request, at a limited rate."""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from typing_extensions import override

from augmentation_gateway.observability import request_id
from augmentation_kube.json_logs import JsonFormatter

LINES_PER_SECOND: Final = 10.0
BURST_LINES: Final = 100.0


class RequestFormatter(JsonFormatter):
    """Adds `request_id` to each line that is logged while a request is answered."""

    @override
    def context(self, record: logging.LogRecord) -> dict[str, object]:
        current = request_id.current()
        return {"request_id": current} if current else {}


class LogLimit:
    """A token bucket for log lines that anybody can cause: a flood must not fill a disk.

    The next line that is logged says how many were left out before it.

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


def configure(level: str) -> None:
    """Send every logger of the process to stderr as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RequestFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # uvicorn reports each start and stop in six lines; what matters of them is logged here.
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.root.level))
