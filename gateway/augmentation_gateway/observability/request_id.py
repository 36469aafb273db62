"""One id per request, in every line that is logged for it and in its response."""

import itertools
import re
import uuid
from collections.abc import Iterable
from contextvars import ContextVar

HEADER = "X-Request-ID"
_SAFE = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# Unique, at a tenth of the cost of a UUID per request.
_PROCESS = uuid.uuid4().hex
_numbers = itertools.count(1)
_current: ContextVar[str] = ContextVar("request_id", default="")


def begin(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Take the id that the client or a proxy has sent, or create one."""
    sent = next((value for name, value in headers if name == b"x-request-id"), None)
    # Anything but a plain word could imitate a line of the log or another header.
    usable = sent is not None and _SAFE.fullmatch(sent)
    request_id = sent.decode() if usable and sent is not None else f"{_PROCESS}-{next(_numbers):x}"
    _current.set(request_id)
    return request_id


def current() -> str:
    """The id of the current request; empty outside of one."""
    return _current.get()
