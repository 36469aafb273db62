"""SIGTERM stops a worker at once, whatever code it meets, and not while it publishes."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from augmentation_worker import termination
from augmentation_worker.failure import Terminated

IN_A_CALLBACK = """
import ctypes, os, signal, time
from augmentation_worker import termination
from augmentation_worker.failure import Terminated

termination.install()

@ctypes.CFUNCTYPE(None)
def called_by_c():
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):
        pass

try:
    called_by_c()
    time.sleep(60)
    print("went on")
except Terminated:
    print("stopped")
"""


@pytest.fixture(autouse=True)
def _handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process ends by these tests, and the handlers that were there come back."""
    monkeypatch.setattr(threading.Timer, "start", lambda timer: None)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = [(which, signal.getsignal(which)) for which in (signal.SIGTERM, signal.SIGALRM)]
    termination.install()
    try:
        yield
    finally:
        termination.disarm()
        for which, handler in before:
            signal.signal(which, handler)


def test_sigterm_stops_a_worker_where_it_is() -> None:
    with pytest.raises(Terminated):
        os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_while_publishing_is_logged_and_does_not_stop_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    termination.finish_first()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(2 * termination.AGAIN_SECONDS)  # nor does a later signal
    assert [record.message for record in caplog.records] == [
        "asked to stop: the result is being published, which is finished first"
    ]


def test_a_signal_that_arrives_while_c_code_calls_python_is_not_lost() -> None:
    done = subprocess.run([sys.executable, "-c", IN_A_CALLBACK], capture_output=True, text=True, check=False)
    assert done.stdout == "stopped\n", done.stderr
    assert not done.stderr


def test_terminated_that_was_swallowed_is_raised_again() -> None:
    with contextlib.suppress(BaseException):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    with pytest.raises(Terminated):
        time.sleep(10)


def test_cleaning_up_after_terminated_is_not_disturbed() -> None:
    cleaned = False
    with pytest.raises(Terminated):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        finally:
            time.sleep(0.3)
            cleaned = True
    termination.disarm()
    time.sleep(0.2)
    assert cleaned
