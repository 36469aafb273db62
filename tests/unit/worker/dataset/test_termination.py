"""What a worker does when it is asked to stop."""

import os
import signal
from collections.abc import Iterator

import pytest

from augmentation_worker import termination
from augmentation_worker.failure import Terminated


@pytest.fixture(autouse=True)
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(termination, "GRACE_SECONDS", 3600)  # it would end the test run
    termination.install()
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_worker_that_is_asked_to_stop_stops_where_it_is() -> None:
    with pytest.raises(Terminated):
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_worker_that_makes_its_result_visible_finishes_that_first() -> None:
    termination.finish_first()
    os.kill(os.getpid(), signal.SIGTERM)
