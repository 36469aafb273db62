"""Log lines of all programs: one JSON object per line, in which no credential appears.

Fields: `time` (RFC 3339, UTC), `level`, `logger`, `message`; `job` where a record names the uid of one; those of
`extra={"fields": {...}}`; and `exception`, the traceback.

>>> _log.info("job created", extra={"fields": {"job_id": "…", "key_id": "ci"}})
"""

import json
import logging
from datetime import UTC, datetime

from typing_extensions import override

from augmentation_api.redaction import without_credentials


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON. Subclasses add fields that all records of a program have."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self.context(record),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # Libraries log requests and answers, at times with headers; a client may have put a key into a path.
        clean = {name: without_credentials(text) if isinstance(text, str) else text for name, text in line.items()}
        # Again as a whole: the value of a field may be a list.
        return without_credentials(json.dumps(clean, default=str))

    def context(self, record: logging.LogRecord) -> dict[str, object]:
        """Fields between `message` and those of the record: the uid of a job where the record has one."""
        job = getattr(record, "job", None)
        return {"job": job} if job else {}
