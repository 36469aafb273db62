"""`augmentation-worker resolve|augment|publish`: one phase of one job, in the pod that the operator made for it."""

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence

from augmentation_api import PhaseName
from augmentation_api.worker_contract import TerminationMessage
from augmentation_worker import termination
from augmentation_worker.cluster.job import ClusterJob, connected
from augmentation_worker.cluster.manifest import ConfigMapManifests
from augmentation_worker.failure import TERMINATED_EXIT_CODE, Terminated, WorkerFailure
from augmentation_worker.run import run_phase
from augmentation_worker.settings import Settings, termination_message_path

PHASES = (PhaseName.RESOLVE, PhaseName.AUGMENT, PhaseName.PUBLISH)
_log = logging.getLogger("augmentation_worker")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the phase that is named. Returns the exit code: 0, one of FailureReason's, or 143 after SIGTERM."""
    parser = argparse.ArgumentParser(prog="augmentation-worker", description=__doc__)
    parser.add_argument("phase", choices=[phase.value for phase in PHASES], help="which phase to run")
    phase = PhaseName(parser.parse_args(arguments).phase)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    # One line a request is noise, and its URLs may carry signatures.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    termination.install()
    try:
        _run_in_cluster(phase, os.environ)
    except Terminated:
        _log.info("asked to stop: what is recorded stays")
        return TERMINATED_EXIT_CODE
    except WorkerFailure as failure:
        _log.error("%s: %s", failure.reason, failure.message)
        _leave_last_words(failure, os.environ)
        return failure.reason.exit_code
    return 0


def _run_in_cluster(phase: PhaseName, environment: Mapping[str, str]) -> None:
    settings = Settings.from_environment(environment)
    with connected(environment.get("KUBECONFIG") or None) as connection:
        run_phase(phase, settings, ClusterJob(connection, settings), ConfigMapManifests(connection, settings))


def _leave_last_words(failure: WorkerFailure, environment: Mapping[str, str]) -> None:
    message = TerminationMessage(reason=failure.reason, message=failure.message)
    try:
        termination_message_path(environment).write_text(message.encode())
    except OSError as error:
        _log.warning("no termination message: %s", error)


if __name__ == "__main__":
    sys.exit(main())
