"""How many cores this process may use."""

import math
import os
from pathlib import Path

CGROUP_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
"""cgroup v2's "quota period" in microseconds, or "max period": how a container's CPU limit reaches it."""


def usable_cores(cpu_limit: Path = CGROUP_CPU_LIMIT) -> int:
    """Cores that this process may keep busy: at least 1.

    Codecs count the node's cores: in a pod limited to 4 of 96 they would start 96 threads, each with buffers.
    """
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = cpu_limit.read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):
        pass  # no cgroup v2, no limit
    return max(1, cores)
