"""Ask a hub that does not answer again: one retry policy below every request, bounded in time and told to the status.

It sits in the HTTP transport, because only there all requests pass, whichever huggingface_hub method makes them.
huggingface_hub has a backoff of its own for some requests; it never starts, as an answer that calls for it either
does not get through here or ends in HubUnreachable, which it does not catch. The one exception are bodies that stream
from a file: those cannot be sent again from here, and huggingface_hub, which can, does.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import hf_request_event_hook

from augmentation_kube import connection_failure
from augmentation_worker.storage.hub.destinations import checked_transport

PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 10.0
_PASSING_ERRORS = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError)
_TIMEOUT = httpx2.Timeout(120.0, connect=10.0)

OnRetry = Callable[[int, str], None]
"""Called with the number of the coming attempt (1 is the first retry) and what was wrong with the last."""


class HubUnreachable(Exception):
    """The hub did not answer, or answered that it cannot now, until patience ran out."""


@dataclass
class Patience:
    """How long the hub may fail without a single answer in between; shared by all threads.

    Args:
        seconds: total, from the first failure on.
        on_retry: told of every retry.
    """

    seconds: float
    on_retry: OnRetry
    _failing_since: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self) -> None:
        """A request got through: what failed before is forgotten."""
        with self._lock:
            self._failing_since = None

    def wait_after(self, attempt: int, problem: str, asked_wait: float | None) -> float:
        """Seconds to wait before the retry number `attempt`. Raises HubUnreachable when patience has run out."""
        now = time.monotonic()
        with self._lock:
            self._failing_since = self._failing_since or now
            left = self._failing_since + self.seconds - now
        wait = (
            asked_wait if asked_wait is not None else min(FIRST_WAIT_SECONDS * 2 ** (attempt - 1), LONGEST_WAIT_SECONDS)
        )
        if wait > left:
            raise HubUnreachable(f"{problem}; tried {attempt} times")
        self.on_retry(attempt, problem)
        return wait


class PatientTransport(httpx2.BaseTransport):
    """Sends a request again while the hub fails in a way that may pass."""

    def __init__(self, inner: httpx2.BaseTransport, patience: Patience) -> None:
        self._inner = inner
        self._patience = patience

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request, as often as patience allows. Raises HubUnreachable."""
        attempt = 1
        while True:
            failure: Exception | None = None
            response: httpx2.Response | None = None
            try:
                response = self._inner.handle_request(request)
            except _PASSING_ERRORS as error:
                failure = error
            if response is not None and response.status_code not in PASSING_STATUSES:
                self._patience.answered()
                return response
            wait = self._patience.wait_after(attempt, _described(request, response, failure), _asked_wait(response))
            if not isinstance(request.stream, httpx2.ByteStream):
                if response is not None:
                    return response
                raise failure or AssertionError("neither an answer nor an error")
            if response is not None:
                response.close()
            time.sleep(wait)
            attempt += 1

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def install(patience: Patience, endpoint: str, token: str | None) -> None:
    """Make every later request of huggingface_hub in this process patient in this way.

    Args:
        patience: how often a request is sent again.
        endpoint: base URL of the hub, which decides where its answers may send this process.
        token: for the hub alone.
    """
    set_client_factory(
        lambda: httpx2.Client(
            transport=PatientTransport(checked_transport(endpoint, token), patience),
            event_hooks={"request": [hf_request_event_hook]},
            follow_redirects=True,
            timeout=_TIMEOUT,
        )
    )


def _described(request: httpx2.Request, response: httpx2.Response | None, failure: Exception | None) -> str:
    # Without the query: URLs of blobs carry signatures.
    what = f"{request.method} {request.url.copy_with(query=None, userinfo=None)}"
    if response is not None:
        return f"{what} was answered with {response.status_code}"
    return f"{what} failed: {connection_failure.describe(failure) if failure else 'no answer'}"


def _asked_wait(response: httpx2.Response | None) -> float | None:
    text = response.headers.get("Retry-After", "") if response is not None else ""
    return float(text) if text.isdecimal() else None
