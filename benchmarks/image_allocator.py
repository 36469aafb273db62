"""The memory allocator as the worker's image sets it up, for benchmarks that measure what a pod would take."""

import os
import re
import sys
from pathlib import Path

_DOCKERFILE = Path(__file__).resolve().parents[1] / "worker" / "Dockerfile"


def allocator_settings() -> dict[str, str]:
    """glibc's environment variables in worker/Dockerfile. It reads them when a process begins."""
    return dict(re.findall(r"(MALLOC_\w+)=(\d+)", _DOCKERFILE.read_text()))


def restart_as_in_image() -> None:
    """Begin this program again with the image's settings, unless it has them: `python -m` and its arguments."""
    settings = allocator_settings()
    if any(os.environ.get(name) != value for name, value in settings.items()):
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **settings})
