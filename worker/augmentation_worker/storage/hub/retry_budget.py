"""Retries of requests to a hub: one policy below every request, bounded in time and reported to the status.

It is part of the HTTP transport, which all requests pass, whichever method of huggingface_hub makes them.
huggingface_hub has a backoff of its own for some requests; it never starts, as an answer that calls for it either
does not get through here or ends in HubUnreachable, which it does not catch. The one exception are bodies that stream
from a file: those cannot be sent a second time from here, and huggingface_hub, which can, does.

A commit is not repeated from here either: that its answer is lost does not say that it was not made.
"""

import re
import threading
import time
from dataclasses import dataclass, field
from itertools import count

import httpx2
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import hf_request_event_hook

from augmentation_api.counted import counted
from augmentation_kube import connection_failure
from augmentation_worker.storage.hub.destinations import Destinations, checked_transport
from augmentation_worker.storage.hub.empty_pages import EmptyPages
from augmentation_worker.storage.hub.error_codes import ErrorCodes
from augmentation_worker.storage.hub.rate_limits import WINDOWS, RateLimits, asked_wait, read_limits, window_of
from augmentation_worker.storage.port import OnNotice, OnRetry

TOO_MANY_REQUESTS = 429
RETRYABLE_STATUSES = frozenset({408, TOO_MANY_REQUESTS, 500, 502, 503, 504})
GATEWAY_TIMEOUT = 504
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 10.0
_TRANSIENT_ERRORS = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError)
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_TIMEOUT = httpx2.Timeout(120.0, connect=10.0)
_COMMIT = re.compile(r"/commit/[^/]+$")


class HubUnreachable(Exception):
    """The hub did not answer, or not with more than a transient failure, until the retry budget was spent."""


class HubUntrusted(Exception):
    """The hub's certificate cannot be verified: no retry changes that. The text is a clause about the certificate."""


class CommitUnanswered(Exception):
    """A commit was sent, and what became of it is not known.

    Args:
        problem: what came instead of an answer, for a message.
        at_work: whether the hub may be at work on it still.
    """

    def __init__(self, problem: str, *, at_work: bool) -> None:
        super().__init__(problem)
        self.at_work = at_work


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

    def spend(self, attempt: int, problem: str, asked: float | None = None, *, least_seconds: float = 0.0) -> float:
        """Seconds to wait before the retry number `attempt`.

        Args:
            attempt: from 1 on.
            problem: what was wrong, for a message.
            asked: seconds that the hub asks to wait. What asks for none, or has a clock that is slow, is asked again
                at once, and then as if it had not said so.
            least_seconds: at least this much may be spent, unless nothing may.

        Raises:
            HubUnreachable: nothing is left.
        """
        now = time.monotonic()
        with self._lock:
            self._failing_since = self._failing_since or now
            left = self._failing_since + (max(self.seconds, least_seconds) if self.seconds else 0.0) - now
        wait = _backoff(attempt) if asked is None else max(asked, _backoff(attempt - 1))
        if wait > left:
            raise HubUnreachable(f"{problem}; tried {counted(attempt, 'time')}")
        self.on_retry(attempt, problem)
        return wait


class RetryingTransport(httpx2.BaseTransport):
    """Retries a request while the hub fails in a transient way."""

    def __init__(self, inner: httpx2.BaseTransport, budget: RetryBudget) -> None:
        self._inner = inner
        self._budget = budget

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, as often as the budget allows. Raises HubUnreachable, HubUntrusted or CommitUnanswered."""
        for attempt in count(1):
            outcome: httpx2.Response | Exception
            try:
                outcome = self._inner.handle_request(request)
            except _TRANSIENT_ERRORS as error:
                refused = connection_failure.untrusted_certificate(error)
                if refused is not None:
                    raise HubUntrusted(refused) from error
                outcome = error
            if isinstance(outcome, httpx2.Response) and outcome.status_code not in RETRYABLE_STATUSES:
                self._budget.restore()
                return outcome
            problem = _described(request, outcome)
            if _is_commit_without_answer(request, outcome):
                raise CommitUnanswered(problem, at_work=_may_be_at_work(outcome))
            asked, least = _limits(outcome)
            wait = self._budget.spend(attempt, problem, asked, least_seconds=least)
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


def install(budget: RetryBudget, endpoint: str, token: str | None, shards: int, on_notice: OnNotice) -> None:
    """Retry every later request of huggingface_hub in this process within this budget, and keep to the rate limits.

    The endpoint decides where the hub's answers may send this process; the token is for the hub alone. `shards` pods
    share the hub's limits.
    """
    destinations, pages = Destinations(endpoint), EmptyPages()

    def transport() -> httpx2.BaseTransport:
        limited = RateLimits(
            ErrorCodes(checked_transport(destinations, token), destinations),
            destinations,
            shards,
            lambda sentence: on_notice("waiting", sentence),
        )
        return RetryingTransport(limited, budget)

    set_client_factory(
        lambda: httpx2.Client(
            transport=transport(),
            event_hooks={"request": [hf_request_event_hook], "response": [pages.check]},
            follow_redirects=True,
            timeout=_TIMEOUT,
        )
    )


def _backoff(failures: int) -> float:
    """Seconds to wait after this many failures in a row, 0 or more."""
    return min(FIRST_WAIT_SECONDS * 2 ** min(failures - 1, 10), LONGEST_WAIT_SECONDS) if failures else 0.0


def _described(request: httpx2.Request, outcome: httpx2.Response | Exception) -> str:
    # Without the query: URLs of blobs carry signatures.
    what = f"{request.method} {request.url.copy_with(query=None, userinfo=None)}"
    if isinstance(outcome, Exception):
        return f"{what} failed: {connection_failure.describe(outcome)}"
    return f"{what} was answered with {outcome.status_code}"


def _limits(outcome: httpx2.Response | Exception) -> tuple[float | None, float]:
    """Seconds that the hub asks to wait, and the least that may be spent on waiting for it."""
    if isinstance(outcome, Exception):
        return None, 0.0
    if outcome.status_code != TOO_MANY_REQUESTS:
        return asked_wait(outcome), 0.0
    window = window_of(read_limits(outcome))
    return asked_wait(outcome), WINDOWS * window + LONGEST_WAIT_SECONDS


def _is_commit_without_answer(request: httpx2.Request, outcome: httpx2.Response | Exception) -> bool:
    if request.method != "POST" or not _COMMIT.search(request.url.path):
        return False
    if isinstance(outcome, Exception):
        return not isinstance(outcome, _NOT_SENT)
    return outcome.status_code != TOO_MANY_REQUESTS


def _may_be_at_work(outcome: httpx2.Response | Exception) -> bool:
    if isinstance(outcome, Exception):
        return isinstance(outcome, httpx2.TimeoutException)
    return outcome.status_code == GATEWAY_TIMEOUT
