"""Logs as one JSON object a line, in which no API key and no token appears.

>>> logger.info("job created", extra={"fields": {"job_id": "…", "key_id": "ci"}})
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from augmentation_api.redaction import without_credentials
from augmentation_gateway.observability import request_id


class JsonFormatter(logging.Formatter):
    """time, level, logger, message, the request's id, the fields given, and the traceback of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.current():
            line["request_id"] = current
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        # Nobody logs a key on purpose; a client that puts one into a URL makes it part of a path that is logged.
        clean = {name: without_credentials(each) if isinstance(each, str) else each for name, each in line.items()}
        # Once more as a whole: what a field holds may be a list.
        return without_credentials(json.dumps(clean, default=str))


def configure(level: str) -> None:
    """Send every logger of the process to stderr as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # uvicorn reports each start and stop in six lines; what matters of them is logged here.
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.root.level))
