"""Start the operator: `augmentation-operator`, or `python -m augmentation_operator`."""

import asyncio
import json
import logging
import os
import secrets
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import kopf

from augmentation_api.redaction import without_credentials
from augmentation_operator.manifests.network_policy import read_workers_egress
from augmentation_operator.process.handlers import Operator, register

ENV_NAMESPACES = "AUGMENTATION_NAMESPACES"
"""Comma list of the namespaces to serve; empty: the whole cluster."""
ENV_LIVENESS = "AUGMENTATION_LIVENESS_ADDRESS"
"""Address of the liveness endpoint, host:port."""
ENV_METRICS = "AUGMENTATION_METRICS_ADDRESS"
"""Address of /metrics, host:port; empty: none."""
ENV_LEASE_NAMESPACE = "AUGMENTATION_LEASE_NAMESPACE"
"""Namespace of the Lease by which one of several operators is chosen to act; empty: this is the only one."""
ENV_IDENTITY = "AUGMENTATION_IDENTITY"
"""Name of this candidate: that of its pod, in which a process starts only once the one before it is gone."""

ENV_WORKERS_EGRESS = "AUGMENTATION_WORKERS_EGRESS_FILE"
"""File of the chart that says what workers may connect to; empty: no NetworkPolicies are kept for them."""


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON: time, level, logger, message and, where there are, job id, other fields and traceback."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **({"job": job} if (job := getattr(record, "job", None)) else {}),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        # Libraries log what they were answered and asked, at times with its headers.
        clean = {name: without_credentials(each) if isinstance(each, str) else each for name, each in entry.items()}
        return json.dumps(clean)


def main() -> None:
    """Run until SIGTERM."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # the kubelet's probes
    namespaces = [name.strip() for name in os.environ.get(ENV_NAMESPACES, "").split(",") if name.strip()]
    metrics_host, _, metrics_port = os.environ.get(ENV_METRICS, "").rpartition(":")
    egress_file = os.environ.get(ENV_WORKERS_EGRESS)
    operator = Operator(
        namespaces,
        lease_namespace=os.environ.get(ENV_LEASE_NAMESPACE) or None,
        identity=os.environ.get(ENV_IDENTITY) or f"{socket.gethostname()}-{secrets.token_hex(4)}",
        metrics_address=(metrics_host, int(metrics_port)) if metrics_port else None,
        workers_egress=read_workers_egress(Path(egress_file)) if egress_file else None,
        on_end=lambda: os.kill(os.getpid(), signal.SIGTERM),
    )
    register(operator)
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
