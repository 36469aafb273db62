"""Work on thousands of jobs in turns with everything else: no request waits for another one's list.

All requests of a process share one event loop. A list of ten thousand jobs is some tens of milliseconds of work, the
first time some hundreds; liveness probes and status reads are answered in between.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

TURN_SECONDS = 0.005
SLICE = 50

Item = TypeVar("Item")


async def in_turns(items: Sequence[Item], size: int = SLICE) -> AsyncIterator[Sequence[Item]]:
    """Slices of a sequence that does not change, one after the other, with a pause after every few milliseconds."""
    began = time.perf_counter()
    for start in range(0, len(items), size):
        yield items[start : start + size]
        if time.perf_counter() - began > TURN_SECONDS:
            await asyncio.sleep(0)
            began = time.perf_counter()
