"""Processor time and memory of the processes that a benchmark measures, from /proc."""

import os
import re
from pathlib import Path


def processor_seconds(process: int) -> float:
    """What a process has spent on processors, in all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> tuple[float, float]:
    """Resident memory of a process in MiB: now, and at its most."""
    text = Path(f"/proc/{process}/status").read_text()
    now, most = (re.search(rf"{name}:\s+(\d+) kB", text) for name in ("VmRSS", "VmHWM"))
    assert now is not None and most is not None
    return int(now[1]) / 1024, int(most[1]) / 1024
