"""Start the operator: `augmentation-operator`, or `python -m augmentation_operator`."""

import asyncio
import json
import logging
import os
import socket
import sys
from datetime import UTC, datetime
from typing import Any, cast

import kopf

from augmentation_operator.handlers import Operator, register

ENV_NAMESPACES = "AUGMENTATION_NAMESPACES"
"""Comma list of the namespaces to serve; empty: the whole cluster."""
ENV_LIVENESS = "AUGMENTATION_LIVENESS_ADDRESS"
"""Address of the liveness endpoint, host:port."""


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON: time, level, logger, message and, if there is one, the traceback."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def main() -> None:
    """Run until SIGTERM."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # the kubelet's probes
    namespaces = [name.strip() for name in os.environ.get(ENV_NAMESPACES, "").split(",") if name.strip()]
    register(Operator(namespaces))
    asyncio.run(
        kopf.operator(
            standalone=True,
            # kopf's own guess asks for a user's name, which a pod's user has not.
            identity=cast(Any, socket.gethostname()),
            clusterwide=not namespaces,
            namespaces=namespaces,
            liveness_endpoint=f"http://{os.environ.get(ENV_LIVENESS, '0.0.0.0:8080')}/healthz",
        )
    )


if __name__ == "__main__":
    main()
