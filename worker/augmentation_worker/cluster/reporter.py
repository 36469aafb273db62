"""Keeping the status up to date from the side: the work never waits for Kubernetes, nor dies of a write that failed."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from augmentation_api import FailureReason
from augmentation_api.status import OutputStatus, Shard, SourceStatus
from augmentation_worker import secrecy
from augmentation_worker.cluster.job import JobResource, StatusUnavailable
from augmentation_worker.cluster.manifest import PATIENCE_SECONDS
from augmentation_worker.cluster.report import Report
from augmentation_worker.failure import WorkerFailure, unforeseen_words

INTERVAL_SECONDS = 2.0
"""Writes of one pod are at least so far apart."""
_SECONDS_PER_SHARD = 0.25
_LONGEST_WAIT_SECONDS = 15.0
_log = logging.getLogger(__name__)


def interval_for(shard_count: int) -> float:
    """Seconds between a shard's writes: all shards of a job together write at most four times a second.

    The API server merges each write into the whole status, so a write costs more the more shards there are (seen: 25
    ms with 16 shards, 200 ms with 100).
    """
    return max(INTERVAL_SECONDS, _SECONDS_PER_SHARD * shard_count)


class Reporter:
    """Writes a Report whenever it has changed, at most every `interval` seconds, from a thread of its own.

    Args:
        job: whose status.
        report: to begin with.
        interval: seconds between writes.
        patience: seconds for which writes may fail before the pod has to give up.
    """

    def __init__(
        self,
        job: JobResource,
        report: Report,
        *,
        interval: float = INTERVAL_SECONDS,
        patience: float = PATIENCE_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._job = job
        self._report = report
        self._interval = interval
        self._patience = patience
        self._now = now
        self._changed = threading.Condition()
        self._dirty = False
        self._closing = False
        self._failure: WorkerFailure | None = None
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        self._thread.start()

    @property
    def report(self) -> Report:
        """What has been said so far."""
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
        """Say that something happened. Returns at once."""
        now = self._now()
        self._update(
            lambda report: report.with_event(status, message, now, error=error, retry_attempt=retry_attempt, data=data)
        )

    def shard(self, entry: Shard) -> None:
        """Replace the shard's entry. Returns at once."""
        stamped = entry.model_copy(update={"updated_at": self._now()})
        self._update(lambda report: replace(report, shard=stamped))

    def found(self, *, source: SourceStatus | None = None, output: OutputStatus | None = None) -> None:
        """Say what the source or the output is. Returns at once."""
        self._update(lambda report: replace(report, source=source or report.source, output=output or report.output))

    def check(self) -> None:
        """Raise WorkerFailure if the status cannot be written any more."""
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
        failing_since: float | None = None
        wait = self._interval
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._dirty or self._closing)
                if not self._dirty:
                    return
                report, self._dirty = self._report, False
            try:
                self._job.apply_status(report.field_manager, secrecy.fit_status(report.to_status()))
                failing_since, wait = None, self._interval
            except StatusUnavailable as error:
                _log.warning("the status could not be written: %s", error)
                failing_since = failing_since or time.monotonic()
                if time.monotonic() - failing_since > self._patience:
                    self._give_up(FailureReason.KUBERNETES_UNAVAILABLE, f"no status could be written: {error}")
                    return
                wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
                with self._changed:
                    self._dirty = True
                    closing = self._closing
                if closing:
                    time.sleep(min(self._interval, 0.5))
            except WorkerFailure as failure:
                self._give_up(failure.reason, failure.message)
                return
            except Exception as error:  # the thread must not end without a word
                _log.exception("the status could not be written")
                self._give_up(
                    FailureReason.INTERNAL_ERROR, f"the status could not be written: {unforeseen_words(error)}"
                )
                return
            with self._changed:
                self._changed.wait_for(lambda: self._closing, timeout=wait)

    def _give_up(self, reason: FailureReason, message: str) -> None:
        with self._changed:
            self._failure = WorkerFailure(reason, message)
