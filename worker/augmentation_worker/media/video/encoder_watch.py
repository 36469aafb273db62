"""Finds encoders that will never answer, so that a shard ends and is tried again rather than waiting for ever.

The threads of SVT-AV1 can come to wait for each other, seen with 4.1.0 and reported of 2.3 and 3.1
(linuxserver/docker-ffmpeg#116): the call into the encoder then never returns, no thread of the process runs any more,
and to Kubernetes the pod looks healthy. Nothing in the process can end such a call; ending the process does.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Final

LONGEST_IDLE_SECONDS: Final = 300.0
"""How long a call may take in which the process does nothing. The longest ones that are busy take seconds."""
_CHECKS: Final = 20
"""Looks at the process in this time: one that was stopped as a whole has to be idle in all of them afterwards."""
_IDLE_SHARE: Final = 0.01
"""Share of a core below which a process is idle: what its threads that write the status take."""
_log = logging.getLogger(__name__)


class EncoderWatch:
    """Watches the calls into encoders, from all threads of this process.

    Args:
        longest_idle: seconds of a call without work of the process, after which it is given up.
        on_stall: called once, in a thread of its own, with the seconds that the call has taken; it ends the process.

    Attributes:
        on_stall: may be set to another.
    """

    def __init__(self, longest_idle: float, on_stall: Callable[[float], None]) -> None:
        self._interval = longest_idle / _CHECKS
        self.on_stall = on_stall
        self._began: dict[int, float] = {}
        self._number = count()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Watch the call in this block."""
        number = next(self._number)
        self._began[number] = time.monotonic()
        if self._thread is None:
            self._start()
        try:
            yield
        finally:
            del self._began[number]

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="encoder-watch", daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        suspect, idle, spent = -1, 0, time.process_time()
        while True:
            time.sleep(self._interval)
            before, spent = spent, time.process_time()
            oldest = min(self._began.copy(), default=-1)
            is_idle = spent - before < _IDLE_SHARE * self._interval
            idle = idle + 1 if is_idle and oldest == suspect and oldest >= 0 else 0
            suspect = oldest
            if idle >= _CHECKS and (began := self._began.get(oldest)) is not None:
                self.on_stall(time.monotonic() - began)
                return


def _report(seconds: float) -> None:
    _log.critical("the video encoder has not answered for %.0f s: end this process, and start it again", seconds)


WATCH: Final = EncoderWatch(LONGEST_IDLE_SECONDS, _report)
"""That of this process, whose program says how it is ended: see `EncoderWatch.on_stall`."""
