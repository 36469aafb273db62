"""Logs of the gateway: one JSON object per line, with the id of the request that is being answered."""

import logging
import sys

from typing_extensions import override

from augmentation_gateway.observability import request_id
from augmentation_kube.json_logs import JsonFormatter


class RequestFormatter(JsonFormatter):
    """Adds `request_id` to each line that is logged while a request is answered."""

    @override
    def context(self, record: logging.LogRecord) -> dict[str, object]:
        current = request_id.current()
        return {"request_id": current} if current else {}


def configure(level: str) -> None:
    """Send every logger of the process to stderr as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RequestFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # uvicorn reports each start and stop in six lines; what matters of them is logged here.
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.root.level))
