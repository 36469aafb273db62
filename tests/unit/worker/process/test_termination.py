"""What a worker does when it is asked to stop."""

import os
import signal
import subprocess
import sys
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
    time.sleep(5)
    print("went on")
except Terminated:
    print("stopped")
"""


@pytest.fixture(autouse=True)
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(termination, "GRACE_SECONDS", 3600)  # it would end the test run
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # given back afterwards
    termination.install()
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_worker_that_is_asked_to_stop_stops_where_it_is() -> None:
    with pytest.raises(Terminated):
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_worker_that_makes_its_result_visible_finishes_that_first() -> None:
    termination.finish_first()
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_that_comes_while_c_code_calls_python_is_not_lost() -> None:
    done = subprocess.run([sys.executable, "-c", IN_A_CALLBACK], capture_output=True, text=True, check=False)
    assert done.stdout == "stopped\n", done.stderr
    assert not done.stderr
