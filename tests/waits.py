"""Waits of the code under test, recorded in place of waiting."""

import asyncio
import threading
import time
from typing import Any

import pytest


def record_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have time.sleep and asyncio.sleep return at once; gives the seconds that they were called with.

    Only in this thread: a hub of an earlier test, or a watch of an encoder, sleeps in another one of this process.
    """
    seconds: list[float] = []
    test, really, really_in_loop = threading.get_ident(), time.sleep, asyncio.sleep

    def sleep(wanted: float) -> None:
        if threading.get_ident() == test:
            seconds.append(wanted)
        else:
            really(wanted)

    async def sleep_in_loop(wanted: float, result: Any = None) -> Any:
        if threading.get_ident() != test:
            return await really_in_loop(wanted, result)
        seconds.append(wanted)
        return result

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(asyncio, "sleep", sleep_in_loop)
    return seconds
