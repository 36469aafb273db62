"""SIGTERM is heeded, whatever code it meets."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from augmentation_worker import termination
from augmentation_worker.failure import Terminated


@pytest.fixture(autouse=True)
def _handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process ends by these tests, and the handlers that were there come back."""
    monkeypatch.setattr(threading.Timer, "start", lambda timer: None)
    before = [(which, signal.getsignal(which)) for which in (signal.SIGTERM, signal.SIGALRM)]
    hook = sys.unraisablehook
    termination.install()
    try:
        yield
    finally:
        termination.ended()
        for which, handler in before:
            signal.signal(which, handler)
        sys.unraisablehook = hook


def test_an_end_that_was_swallowed_is_raised_again() -> None:
    with contextlib.suppress(BaseException):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    with pytest.raises(Terminated):
        time.sleep(10)


def test_what_cleans_up_for_the_end_is_not_disturbed() -> None:
    cleaned = False
    with pytest.raises(Terminated):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        finally:
            time.sleep(0.3)
            cleaned = True
    termination.ended()
    time.sleep(0.2)
    assert cleaned
