"""Retries of requests to a hub: one policy below every request, bounded in time and reported to the status.

It is part of the HTTP transport, which all requests pass, whichever method of huggingface_hub makes them.
huggingface_hub has a backoff of its own for some requests; it never starts, as an answer that calls for it either
does not get through here or ends in HubUnreachable, which it does not catch. The one exception are bodies that stream
from a file: those cannot be sent a second time from here, and huggingface_hub, which can, does.
"""

import threading
import time
from dataclasses import dataclass, field
from itertools import count

import httpx2
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import hf_request_event_hook

from augmentation_kube import connection_failure
from augmentation_worker.storage.hub.destinations import checked_transport
from augmentation_worker.storage.port import OnRetry

RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 10.0
_TRANSIENT_ERRORS = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError)
_TIMEOUT = httpx2.Timeout(120.0, connect=10.0)


class HubUnreachable(Exception):
    """The hub did not answer, or not with more than a transient failure, until the retry budget was spent."""


@dataclass
class RetryBudget:
    """How long a hub may fail without a single answer in between; one budget for all threads.

    Args:
        seconds: total, from the first failure on.
        on_retry: called before every retry.
    """

    seconds: float
    on_retry: OnRetry
    _failing_since: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def restore(self) -> None:
        """Start over: a request got through."""
        with self._lock:
            self._failing_since = None

    def spend(self, attempt: int, problem: str, asked_wait: float | None) -> float:
        """Seconds to wait before the retry number `attempt`. Raises HubUnreachable when nothing is left."""
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


class RetryingTransport(httpx2.BaseTransport):
    """Retries a request while the hub fails in a transient way."""

    def __init__(self, inner: httpx2.BaseTransport, budget: RetryBudget) -> None:
        self._inner = inner
        self._budget = budget

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, as often as the budget allows. Raises HubUnreachable."""
        for attempt in count(1):
            outcome: httpx2.Response | Exception
            try:
                outcome = self._inner.handle_request(request)
            except _TRANSIENT_ERRORS as error:
                outcome = error
            if isinstance(outcome, httpx2.Response) and outcome.status_code not in RETRYABLE_STATUSES:
                self._budget.restore()
                return outcome
            wait = self._budget.spend(attempt, _described(request, outcome), _asked_wait(outcome))
            if not isinstance(request.stream, httpx2.ByteStream):
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome
            if isinstance(outcome, httpx2.Response):
                outcome.close()
            time.sleep(wait)
        raise AssertionError("counting does not end")

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def install(budget: RetryBudget, endpoint: str, token: str | None) -> None:
    """Retry every later request of huggingface_hub in this process within this budget.

    The endpoint decides where the hub's answers may send this process; the token is for the hub alone.
    """
    set_client_factory(
        lambda: httpx2.Client(
            transport=RetryingTransport(checked_transport(endpoint, token), budget),
            event_hooks={"request": [hf_request_event_hook]},
            follow_redirects=True,
            timeout=_TIMEOUT,
        )
    )


def _described(request: httpx2.Request, outcome: httpx2.Response | Exception) -> str:
    # Without the query: URLs of blobs carry signatures.
    what = f"{request.method} {request.url.copy_with(query=None, userinfo=None)}"
    if isinstance(outcome, Exception):
        return f"{what} failed: {connection_failure.describe(outcome)}"
    return f"{what} was answered with {outcome.status_code}"


def _asked_wait(outcome: httpx2.Response | Exception) -> float | None:
    text = outcome.headers.get("Retry-After", "") if isinstance(outcome, httpx2.Response) else ""
    return float(text) if text.isdecimal() else None
