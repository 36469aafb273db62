"""The thread that keeps the status up to date: the work never waits for the API server, nor fails with one write."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from tenacity import Retrying, before_sleep_log, retry_if_exception_type, stop_after_delay, wait_exponential

from augmentation_api import FailureReason
from augmentation_api.status import BadEpisodes, OutputStatus, PreviewStatus, Shard, SourceStatus
from augmentation_worker import secrecy
from augmentation_worker.cluster.connection import RETRY_SECONDS, ApiServerUnavailable
from augmentation_worker.cluster.job import JobResource
from augmentation_worker.cluster.report import Report
from augmentation_worker.failure import WorkerFailure, describe

INTERVAL_SECONDS = 2.0
"""Least time between two writes of one pod."""
_SECONDS_PER_SHARD = 0.25
_LONGEST_WAIT_SECONDS = 15.0
_CLOSING_WAIT_SECONDS = 0.5
_log = logging.getLogger(__name__)


def interval_for(shard_count: int) -> float:
    """Seconds between a shard's writes: all shards of a job together write at most four times a second.

    The API server merges each write into the whole status, so the cost of a write grows with the shards
    (measured: 25 ms with 16 shards, 200 ms with 100).
    """
    return max(INTERVAL_SECONDS, _SECONDS_PER_SHARD * shard_count)


def first_write_after(shard: int, shard_count: int) -> float:
    """Seconds that a shard waits before its first write, so that many pods that start together keep to that, too."""
    return _SECONDS_PER_SHARD * shard if interval_for(shard_count) > INTERVAL_SECONDS else 0.0


class Reporter:
    """Writes a Report whenever it has changed, at most every `interval` seconds, from a thread of its own.

    Args:
        job: whose status.
        report: to begin with.
        interval: seconds between writes.
        first_after: seconds from the first change to the first write.
        retry_seconds: how long writes may fail before the pod fails.
    """

    def __init__(
        self,
        job: JobResource,
        report: Report,
        *,
        interval: float = INTERVAL_SECONDS,
        first_after: float = 0.0,
        retry_seconds: float = RETRY_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._job = job
        self._report = report
        self._interval, self._first_after = interval, first_after
        self._retry_seconds = retry_seconds
        self._now = now
        self._changed = threading.Condition()
        self._dirty = False
        self._closing = False
        self._failure: WorkerFailure | None = None
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        self._thread.start()

    @property
    def report(self) -> Report:
        """The report so far."""
        with self._changed:
            return self._report

    def event(
        self,
        status: str,
        message: str,
        *,
        error: str | None = None,
        retry_attempt: int | None = None,
        data: Mapping[str, str] | None = None,
    ) -> None:
        """Add an event. Returns at once."""
        now = self._now()
        self._update(
            lambda report: report.with_event(status, message, now, error=error, retry_attempt=retry_attempt, data=data)
        )

    def set_shard(self, entry: Shard) -> None:
        """Replace the shard's entry. Returns at once."""
        stamped = entry.model_copy(update={"updated_at": self._now()})
        self._update(lambda report: replace(report, shard=stamped))

    def set_datasets(self, *, source: SourceStatus | None = None, output: OutputStatus | None = None) -> None:
        """Set the source or the output in the status. Returns at once."""
        self._update(lambda report: replace(report, source=source or report.source, output=output or report.output))

    def set_preview(self, preview: PreviewStatus) -> None:
        """Set the preview in the status. Returns at once."""
        self._update(lambda report: replace(report, preview=preview))

    def set_bad_episodes(self, bad_episodes: BadEpisodes) -> None:
        """Set what cannot be used of the source. Returns at once."""
        self._update(lambda report: replace(report, bad_episodes=bad_episodes))

    def check(self) -> None:
        """Raise WorkerFailure if the status can no longer be written."""
        if self._failure is not None:
            raise self._failure

    def close(self, timeout: float) -> None:
        """Write what is left, for `timeout` seconds at most, and stop. Raises WorkerFailure if that did not work."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        self.check()
        with self._changed:
            if self._dirty or self._thread.is_alive():
                raise WorkerFailure(
                    FailureReason.KUBERNETES_UNAVAILABLE, "the last status could not be written in time"
                )

    def _update(self, change: Callable[[Report], Report]) -> None:
        with self._changed:
            self._report = change(self._report)
            self._dirty = True
            self._changed.notify()

    def _run(self) -> None:
        retrying = Retrying(
            retry=retry_if_exception_type(ApiServerUnavailable),
            wait=wait_exponential(multiplier=2 * self._interval, max=max(self._interval, _LONGEST_WAIT_SECONDS)),
            stop=stop_after_delay(self._retry_seconds),
            before_sleep=before_sleep_log(_log, logging.WARNING),
            sleep=self._wait_before_retry,
            reraise=True,
        )
        try:
            if self._first_after and self._wait_for_change():
                self._wait_until_closing(self._first_after)
            while self._wait_for_change():
                retrying(self._write)
                self._wait_until_closing(self._interval)
        except ApiServerUnavailable as error:
            self._fail(FailureReason.KUBERNETES_UNAVAILABLE, f"no status could be written: {error}")
        except WorkerFailure as failure:
            self._fail(failure.reason, failure.message)
        except Exception as error:  # the thread must not end without a word
            _log.exception("the status could not be written")
            self._fail(FailureReason.INTERNAL_ERROR, f"the status could not be written: {describe(error)}")

    def _wait_for_change(self) -> bool:
        """Wait for something to write. False: the pod is done, and everything is written."""
        with self._changed:
            self._changed.wait_for(lambda: self._dirty or self._closing)
            return self._dirty

    def _write(self) -> None:
        """Write the report as it is now."""
        with self._changed:
            report, self._dirty = self._report, False
        try:
            self._job.apply_status(report.field_manager, secrecy.fit_status(report.to_status()))
        except ApiServerUnavailable:
            with self._changed:
                self._dirty = True
            raise

    def _wait_before_retry(self, seconds: float) -> None:
        if self._closing:
            time.sleep(min(self._interval, _CLOSING_WAIT_SECONDS))
        else:
            self._wait_until_closing(seconds)

    def _wait_until_closing(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, timeout=seconds)

    def _fail(self, reason: FailureReason, message: str) -> None:
        with self._changed:
            self._failure = WorkerFailure(reason, message)
