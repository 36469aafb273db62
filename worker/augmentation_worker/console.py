"""stdout and stderr of the worker: whatever is written there holds no secrets and steers no terminal.

The end of a pod's log becomes its termination message where it left none (FallbackToLogsOnError), and with that part of
the job's status. So not only messages pass here but all that Python writes: log lines, tracebacks, warnings, progress
bars, what libraries print.
"""

import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO, cast

from augmentation_api.printable import printable
from augmentation_worker import secrecy

_LINE_LIMIT: Final = 65_536
"""Most characters that are held back for the end of their line."""
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


_log = logging.getLogger(__name__)


class LogFormat(logging.Formatter):
    """One line per record; what follows, such as a traceback, is indented: no text can look like another record."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """The line and, below it, the traceback."""
        return "\n    ".join(printable(line) for line in super().format(record).split("\n"))


class GuardedStream(io.TextIOBase):
    """Passes text on to `inner` line by line, without secrets; control characters are escaped."""

    def __init__(self, inner: TextIO) -> None:
        super().__init__()
        self._inner = inner
        # What moves within its own line is a progress bar; in a log it would hide the text before it.
        self._kept = frozenset("\n\t\r") if inner.isatty() else frozenset("\n\t")
        self._waiting = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        """Take text; whole lines go on at once."""
        with self._lock:
            waiting = self._waiting + text
            whole = waiting.rfind("\n") + 1
            if len(waiting) - whole > _LINE_LIMIT:
                whole = len(waiting)
            self._waiting = waiting[whole:]
            self._pass_on(waiting[:whole])
        return len(text)

    def flush(self) -> None:
        """Pass on what there is."""
        with self._lock:
            waiting, self._waiting = self._waiting, ""
            self._pass_on(waiting)
            self._inner.flush()

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return self._inner.isatty()

    def fileno(self) -> int:
        """Of the file below, for its size and settings."""
        return self._inner.fileno()

    def writable(self) -> bool:
        """It is."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the file below."""
        return self._inner.encoding

    def _pass_on(self, text: str) -> None:
        if text:
            clean = secrecy.redacted(text)
            self._inner.write("".join(one if one in self._kept else printable(one) for one in clean))


@contextmanager
def guarded() -> Iterator[None]:
    """Guard stdout and stderr of this process, and log to stderr."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _guarded(out), _guarded(err)
    at_first, hook = list(logging.root.handlers), threading.excepthook
    # A library that was imported before has set up its own way to stderr.
    moved = [(handler, handler.stream) for handler in _stream_handlers() if handler.stream in (out, err)]
    for handler, stream in moved:
        handler.setStream(sys.stdout if stream is out else sys.stderr)
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setFormatter(LogFormat())
    logging.basicConfig(level=logging.INFO, handlers=[to_stderr])
    # One line a request is noise, and its URLs may carry signatures.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    threading.excepthook = _log_uncaught_in_thread
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = out, err
        logging.root.handlers[:], threading.excepthook = at_first, hook
        for handler, stream in moved:
            handler.setStream(stream)


def _stream_handlers() -> list["logging.StreamHandler[TextIO]"]:
    loggers = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    handlers = [handler for logger in (logging.root, *loggers) for handler in logger.handlers]
    return [handler for handler in handlers if isinstance(handler, logging.StreamHandler)]


def _guarded(stream: TextIO) -> TextIO:
    return stream if isinstance(stream, GuardedStream) else cast(TextIO, GuardedStream(stream))


def _log_uncaught_in_thread(uncaught: threading.ExceptHookArgs) -> None:
    error = uncaught.exc_value
    if error is not None:
        _log.error("uncaught error in a thread", exc_info=(uncaught.exc_type, error, uncaught.exc_traceback))
