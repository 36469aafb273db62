"""SIGTERM: a pod that is asked to stop does so at once, unless it is about to publish its result."""

import logging
import os
import signal
import sys
import threading
from types import FrameType

from augmentation_worker.failure import TERMINATED_EXIT_CODE, Terminated

GRACE_SECONDS = 8.0
"""After SIGTERM the process ends within this time, whatever its threads are waiting for."""
AGAIN_SECONDS = 0.05
_log = logging.getLogger(__name__)


def install() -> None:
    """Let SIGTERM raise Terminated in the main thread, wherever it is."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    signal.signal(signal.SIGALRM, _on_alarm)
    before = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        # It was raised where nothing can be: in a function that C code called, such as numba's when it compiles, or
        # while an object was freed. It is raised again in a moment, when the main thread is elsewhere.
        if issubclass(unraisable.exc_type, Terminated):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        else:
            before(unraisable)

    sys.unraisablehook = hook


def disarm() -> None:
    """Raise Terminated no more: what had to stop has stopped."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def finish_first() -> None:
    """Ignore SIGTERM from here on: what is left is short, and stopping halfway would make the status wrong.

    Called before the publishing commit. A job that is cancelled in that moment is then seen to be published, instead
    of being called cancelled while its dataset is there. The kubelet's grace period still bounds it.
    """
    signal.signal(signal.SIGTERM, _on_sigterm_while_publishing)


def _on_sigterm_while_publishing(_signal: int, _frame: FrameType | None) -> None:
    _log.info("asked to stop: the result is being published, which is finished first")


def _on_sigterm(_signal: int, _frame: FrameType | None) -> None:
    # Threads may wait for the hub for a minute; Kubernetes would kill the process before.
    timer = threading.Timer(GRACE_SECONDS, os._exit, [TERMINATED_EXIT_CODE])
    timer.daemon = True
    timer.start()
    signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
    raise Terminated


def _on_alarm(_signal: int, _frame: FrameType | None) -> None:
    """Raise Terminated again where it was lost: C code, such as pyarrow's as it imports pandas, may swallow it."""
    signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
    if not _is_being_handled():
        raise Terminated


def _is_being_handled() -> bool:
    """Whether something is cleaning up because of Terminated just now."""
    error = sys.exception()
    while error is not None and not isinstance(error, Terminated):
        error = error.__context__
    return error is not None
