"""One phase from start to end: the job is read, the reporter started, the phase run, and a failure reported."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module

from augmentation_api import AugmentationJob, FailureReason, PhaseName
from augmentation_api.identifiers import phase_field_manager, shard_field_manager
from augmentation_worker.cluster.connection import retry_until_available
from augmentation_worker.cluster.job import JobResource
from augmentation_worker.cluster.manifest import ShardManifests
from augmentation_worker.cluster.report import SHARE_OF_PHASE, Report, Share
from augmentation_worker.cluster.reporter import Reporter, first_write_after, interval_for
from augmentation_worker.failure import Terminated, WorkerFailure, describe
from augmentation_worker.formats.registry import CONVENTIONS
from augmentation_worker.phases.session import Session
from augmentation_worker.settings import Settings
from augmentation_worker.storage.disk import is_disk_full, scratch_full
from augmentation_worker.storage.port import StorageContext
from augmentation_worker.storage.registry import JobStorage
from augmentation_worker.transforms.key_version import FIRST_KEY_VERSION, KEY_VERSION, effective_spec

LAST_STATUS_SECONDS = 20.0
"""How long a pod that is done waits for its last status to be written."""
FAILURE_STATUS_SECONDS = 5.0
"""The same for a pod that has failed: its termination message holds the failure too."""
STOP_SECONDS = 2.0
"""The same for a pod that is asked to stop."""
_log = logging.getLogger(__name__)


def run_phase(
    phase: PhaseName,
    settings: Settings,
    environment: Mapping[str, str],
    job: JobResource,
    manifests: ShardManifests,
    *,
    status_interval: float | None = None,
) -> None:
    """Run a phase, and write the status every `status_interval` seconds; by default as the number of shards allows.

    Raises WorkerFailure, reported in the status already as far as that was possible.
    """
    body = retry_until_available(job.read)
    is_shard = phase is PhaseName.AUGMENT
    report = Report(
        field_manager=shard_field_manager(settings.shard_index or 0) if is_shard else phase_field_manager(phase),
        phase=phase,
        share=Share.of_shard(settings.shard_count or 1) if is_shard else SHARE_OF_PHASE,
    ).resumed_from(body.status, settings.shard_index if is_shard else None)
    interval, first_after = status_interval or 0.0, 0.0
    if status_interval is None:
        shards = settings.shard_count or 1
        interval, first_after = interval_for(shards), first_write_after(settings.shard_index or 0, shards)
    reporter = Reporter(job, report, interval=interval, first_after=first_after)
    try:
        context = StorageContext(
            body,
            environment,
            settings.scratch,
            CONVENTIONS,
            _retry_event(reporter),
            manifests,
            reporter.event,
        )
        session = Session(
            settings=settings,
            job=_effective(body, phase),
            storage=JobStorage(context),
            manifests=manifests,
            reporter=reporter,
        )
        _work_of(phase)(session)
    except Terminated:
        reporter.event("stopped", "The pod was asked to stop; what is recorded stays")
        with suppress(WorkerFailure):
            reporter.close(STOP_SECONDS)
        raise
    except WorkerFailure as failure:
        _report_failure(reporter, phase, failure, settings)
        raise
    except Exception as error:
        unexpected = unexpected_failure(error)
        _report_failure(reporter, phase, unexpected, settings)
        raise unexpected from error
    reporter.close(LAST_STATUS_SECONDS)


def _effective(job: AugmentationJob, phase: PhaseName) -> AugmentationJob:
    """The job with everything said that its spec leaves out, as the release meant it that resolves or resolved it."""
    source = job.status.source
    resolved = (source.key_version if source is not None else None) or FIRST_KEY_VERSION
    version = KEY_VERSION if phase is PhaseName.RESOLVE else resolved
    return job.model_copy(update={"spec": effective_spec(job.spec, version)})


def _work_of(phase: PhaseName) -> Callable[[Session], None]:
    """The phase's function, its namesake in the module of its name: only that of augment imports what makes pixels."""
    work: Callable[[Session], None] = getattr(import_module(f"augmentation_worker.phases.{phase}"), phase.value)
    return work


def _retry_event(reporter: Reporter) -> Callable[[int, str], None]:
    def on_retry(attempt: int, problem: str) -> None:
        _log.warning("retrying a request to the storage (retry %d): %s", attempt, problem)
        reporter.event("retrying", "A request to the storage failed: retrying", error=problem, retry_attempt=attempt)

    return on_retry


def unexpected_failure(error: BaseException) -> WorkerFailure:
    """The failure for an unexpected error; the log has its traceback."""
    if is_disk_full(error):
        return scratch_full()
    _log.error("unexpected error", exc_info=error)
    return WorkerFailure(FailureReason.INTERNAL_ERROR, f"unexpected error (see the log): {describe(error)}")


def _report_failure(reporter: Reporter, phase: PhaseName, failure: WorkerFailure, settings: Settings) -> None:
    """Try to report in the status why the phase failed."""
    subject = f"Shard {settings.shard_index}" if phase is PhaseName.AUGMENT else f"Phase {phase}"
    reporter.event("failed", f"{subject} failed: {failure.reason}", error=failure.message)
    begin = time.monotonic()
    try:
        reporter.close(FAILURE_STATUS_SECONDS)
    except WorkerFailure as unreported:
        _log.warning("the failure did not reach the status (%.0f s): %s", time.monotonic() - begin, unreported)
