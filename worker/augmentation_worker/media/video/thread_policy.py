"""The scheduling of this process, which SVT-AV1 changes."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def same_scheduling() -> Iterator[None]:
    """Keep this thread's scheduling policy, and give it to the threads that begin in the block.

    SVT-AV1 run by root gives its threads, and the one that opens it, real-time scheduling at the highest priority
    (SCHED_FIFO 99), which every process that this thread starts later inherits: on a machine of few cores nothing else
    then runs, not even the kubelet.
    """
    if sys.platform != "linux":  # the only system where it does so
        yield
        return
    tasks = Path("/proc/self/task")
    before = {int(task.name) for task in tasks.glob("*")} - {threading.get_native_id()}
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in {int(task.name) for task in tasks.glob("*")} - before:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                os.sched_setscheduler(thread, policy, parameters)
