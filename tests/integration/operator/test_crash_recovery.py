"""The operator may be killed at any point: the next process continues, and creates nothing twice."""

import json
import signal
import time

import pytest

from tests.integration.operator.cluster import Cluster, OperatorProcess
from tests.integration.operator.jobs import Job, StandInKubelet, augment, publish, resolve


def uids(job: Job) -> dict[str, str]:
    """The uid of each phase's Job."""
    return {phase: child["metadata"]["uid"] for phase, child in job.children().items()}


def test_kill_in_every_phase_creates_no_job_twice(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    operator.kill()
    job = Job(cluster)  # made while nobody looks
    operator.restart()
    job.await_pods("resolve")
    resolving = uids(job)

    operator.kill()  # the phase ends while nobody looks
    worker = resolve(job, kubelet)
    operator.restart()
    job.await_pods("augment")

    operator.kill()
    augment(job, kubelet, worker)
    operator.restart()
    job.await_pods("publish")
    publishing = uids(job)

    operator.kill()
    publish(job, kubelet, worker)
    operator.restart()
    job.until_state("completed")
    assert uids(job) == publishing
    assert publishing["resolve"] == resolving["resolve"]
    assert job.status.get("retryCount", 0) == 0


@pytest.mark.parametrize("milliseconds", [20, 100])
def test_kill_during_a_reconcile_loses_and_repeats_nothing(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet, milliseconds: int
) -> None:
    job = Job(cluster)
    time.sleep(milliseconds / 1000)
    operator.kill()
    seen = uids(job)
    operator.restart()
    job.await_pods("resolve")
    job.until(lambda job: job.phases().get("resolve") == "in_progress")
    assert len(job.children()) == 1
    assert uids(job) | seen == uids(job)


def test_cancel_while_the_operator_is_down_is_carried_out_after_its_start(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster)
    (pod,) = job.await_pods("resolve")
    kubelet.start(pod)
    operator.kill()
    job.change(cancel=True)
    operator.restart()
    job.until(lambda job: kubelet.end_deleted_pods(job, "resolve"))
    job.until_state("cancelled")


def test_job_deleted_while_the_operator_is_down_causes_no_errors(operator: OperatorProcess, cluster: Cluster) -> None:
    job = Job(cluster)
    job.await_pods("resolve")
    operator.kill()
    cluster.delete(job.path())
    operator.restart()
    other = Job(cluster)
    other.await_pods("resolve")


def test_operator_stops_soon_after_sigterm_without_warnings(operator: OperatorProcess) -> None:
    begin = len(operator.log)
    asked = time.monotonic()
    assert operator.stop(signal.SIGTERM) == 0
    assert time.monotonic() - asked < 30
    levels = {json.loads(line)["level"] for line in operator.log[begin:].splitlines()}
    assert levels <= {"info"}


def test_probes_are_not_logged(operator: OperatorProcess) -> None:
    operator.await_ready()
    assert "healthz" not in operator.log
