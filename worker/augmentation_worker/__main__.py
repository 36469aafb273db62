"""`augmentation-worker`: one phase of a job in the pod that the operator made for it, or whole jobs on this machine."""

import argparse
import gc
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from augmentation_api import FailureReason, PhaseName
from augmentation_api.worker_contract import TerminationMessage
from augmentation_worker import console, secrecy, termination
from augmentation_worker.cluster.connection import connected
from augmentation_worker.cluster.job import ClusterJob, LocalJob
from augmentation_worker.cluster.manifest import ConfigMapManifests, LocalManifests
from augmentation_worker.failure import TERMINATED_EXIT_CODE, Terminated, WorkerFailure
from augmentation_worker.local import commands
from augmentation_worker.media.video import encoder_watch
from augmentation_worker.run import run_phase, unexpected_failure
from augmentation_worker.settings import Settings, termination_message_path

PHASES = (PhaseName.RESOLVE, PhaseName.AUGMENT, PhaseName.PUBLISH)
INTERRUPTED_EXIT_CODE = 130
_LOCAL_STATUS_SECONDS = 0.2
_COLLECTION_THRESHOLDS = (50_000, 20, 50)
"""Metadata and records are millions of lists without cycles: by Python's own thresholds, to look for cycles among them
takes longer than to read them."""
_log = logging.getLogger("augmentation_worker")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for. Returns the exit code: 0, one of FailureReason's, 130 or 143 for one that was stopped."""
    parser = argparse.ArgumentParser(prog="augmentation-worker", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    commands.add_to(verbs)
    for phase in PHASES:
        verbs.add_parser(phase.value, help=f"the {phase} phase, in a pod").set_defaults(phase=phase)
    asked = parser.parse_args(arguments)
    secrecy.keep_surroundings(os.environ)
    gc.set_threshold(*_COLLECTION_THRESHOLDS)
    with console.guarded():
        termination.install()
        if "phase" in asked:
            return _exit_code_of(lambda: _run_phase(asked.phase, os.environ), _write_termination_message)
        return _exit_code_of(lambda: asked.command(asked), _print_failure)


def _exit_code_of(work: Callable[[], None], on_failure: Callable[[WorkerFailure], None]) -> int:
    encoder_watch.WATCH.on_stall = partial(_end_stalled, on_failure)
    try:
        work()
    except Terminated:
        termination.disarm()
        _log.info("asked to stop: what is recorded stays")
        return TERMINATED_EXIT_CODE
    except KeyboardInterrupt:
        print("stopped: what is done stays, and the same command goes on from there", file=sys.stderr)
        return INTERRUPTED_EXIT_CODE
    except WorkerFailure as failure:
        on_failure(failure)
        return failure.reason.exit_code
    except BaseException as error:
        # A panic of a library in Rust is no Exception to Python, https://pyo3.rs/main/doc/pyo3/panic/.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        unexpected = unexpected_failure(error)
        on_failure(unexpected)
        return unexpected.reason.exit_code
    return 0


def _end_stalled(on_failure: Callable[[WorkerFailure], None], seconds: float) -> None:
    """End a process whose encoder will never answer: the thread that waits for it cannot be reached otherwise."""
    failure = WorkerFailure(
        FailureReason.INTERNAL_ERROR,
        f"the video encoder has not answered for {seconds:.0f} s, and nothing else was done: the process ends. What "
        "is done stays: begun again, it goes on from there",
    )
    on_failure(failure)
    sys.stderr.flush()
    os._exit(failure.reason.exit_code)


def _run_phase(phase: PhaseName, environment: Mapping[str, str]) -> None:
    settings = Settings.from_environment(environment)
    if folder := settings.local_job:
        job, manifests = LocalJob(folder), LocalManifests(folder / "manifests")
        run_phase(phase, settings, environment, job, manifests, status_interval=_LOCAL_STATUS_SECONDS)
        return
    with connected(settings.kubeconfig) as connection:
        cluster_job, config_maps = ClusterJob(connection, settings), ConfigMapManifests(connection, settings)
        run_phase(phase, settings, environment, cluster_job, config_maps)


def _print_failure(failure: WorkerFailure) -> None:
    print(f"{failure.reason}: {failure.message}", file=sys.stderr)


def _write_termination_message(failure: WorkerFailure) -> None:
    _log.error("%s: %s", failure.reason, failure.message)
    message = TerminationMessage(reason=failure.reason, message=failure.message)
    try:
        termination_message_path(os.environ).write_text(message.encode())
    except OSError as error:
        _log.warning("no termination message: %s", error)


if __name__ == "__main__":
    sys.exit(main())
