"""How many files this process may have open: a connection is one."""

from __future__ import annotations

import logging
import resource

logger = logging.getLogger(__name__)

OTHER_FILES = 256
"""What is open beside clients' connections: to Kubernetes, the hub, an issuer."""


def allow_connections(connections: int) -> None:
    """Raise the process's limit of open files to what so many connections take, as far as the machine lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, possible), hard))
    if possible < wanted:
        logger.warning(
            "fewer files may be open than connections: lower gateway.limits.connections, or raise the limit of files",
            extra={"fields": {"files": possible, "connections": connections}},
        )
