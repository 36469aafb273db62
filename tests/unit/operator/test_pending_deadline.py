"""spec.pendingDeadlineSeconds: a job fails whose pods never run, whatever it waits for."""

from collections.abc import Callable
from typing import Any

import pytest

from augmentation_api import ConditionType, PhaseName, PhaseStatus, State
from augmentation_operator.queueing.built_in import Place
from tests.unit.operator.simulated_cluster import AUGMENT, PROVISION, PUBLISH, RESOLVE, SimulatedCluster
from tests.unit.operator.simulated_kueue import SimulatedKueue

LIMIT = 600


def waiting(phase: PhaseName) -> SimulatedCluster:
    """A job that has just begun to wait for the first pod of a phase."""
    cluster = SimulatedCluster(pendingDeadlineSeconds=LIMIT)
    cluster.reach(phase)
    return cluster


def waiting_in_kueue() -> SimulatedCluster:
    cluster = SimulatedCluster(pendingDeadlineSeconds=LIMIT, queueName="team-a")
    cluster.kueue = SimulatedKueue()
    cluster.reach(AUGMENT)
    return cluster


def waiting_for_a_slot() -> SimulatedCluster:
    cluster = SimulatedCluster(pendingDeadlineSeconds=LIMIT)
    cluster.settle()
    cluster.place = Place(has_slot=False, position=3, depth=4, limit=1)
    cluster.finish_resolve()
    return cluster


def reason(cluster: SimulatedCluster) -> str:
    failed = cluster.status.condition(ConditionType.FAILED)
    return failed.reason if failed is not None else ""


@pytest.mark.parametrize(
    ("begin", "phase"),
    [
        (lambda: waiting(RESOLVE), RESOLVE),
        (lambda: waiting(AUGMENT), PROVISION),
        (lambda: waiting(PUBLISH), PUBLISH),
        (waiting_in_kueue, PROVISION),
        (waiting_for_a_slot, PROVISION),
    ],
)
def test_job_whose_pods_never_run_fails(begin: Callable[[], SimulatedCluster], phase: PhaseName) -> None:
    cluster = begin()
    cluster.pass_time(LIMIT - 1)
    cluster.settle()
    assert cluster.status.state in (State.QUEUED, State.RUNNING)
    cluster.pass_time(1)
    cluster.settle()
    assert (cluster.status.state, reason(cluster)) == (State.FAILED, "PendingDeadlineExceeded")
    assert cluster.phase_status(phase) == PhaseStatus.FAILED
    assert f"spec.pendingDeadlineSeconds ({LIMIT} s)" in (cluster.status.message or "")
    assert all(pod.terminating for pod in cluster.running_pods)


def test_message_says_what_the_job_waited_for() -> None:
    cluster = waiting(AUGMENT)
    cluster.wait_for_node(AUGMENT, "0/3 nodes are available")
    cluster.settle()
    cluster.pass_time(LIMIT)
    cluster.settle()
    assert "waiting for a node: 0/3 nodes are available" in (cluster.status.message or "")


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_time_in_which_pods_run_does_not_count(phase: PhaseName) -> None:
    cluster = waiting(phase)
    cluster.pass_time(LIMIT - 1)
    cluster.start_pod(phase)
    cluster.settle()
    cluster.pass_time(10 * LIMIT)
    cluster.settle()
    assert cluster.status.state == State.RUNNING


def test_time_in_which_the_job_is_suspended_does_not_count() -> None:
    cluster = waiting(RESOLVE)
    cluster.change(suspend=True)
    cluster.settle()
    cluster.pass_time(10 * LIMIT)
    cluster.settle()
    cluster.change(suspend=False)
    cluster.settle()
    cluster.pass_time(LIMIT - 1)
    cluster.settle()
    assert cluster.status.state == State.QUEUED
    cluster.pass_time(1)
    cluster.settle()
    assert cluster.status.state == State.FAILED


def test_time_after_kueue_took_the_nodes_back_counts() -> None:
    cluster = waiting_in_kueue()
    cluster.admit()
    cluster.settle()
    cluster.start_pod(AUGMENT)
    cluster.settle()
    cluster.pass_time(10 * LIMIT)
    cluster.settle()
    cluster.evict()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    cluster.pass_time(LIMIT)
    cluster.settle()
    assert reason(cluster) == "PendingDeadlineExceeded"


def test_next_attempt_waits_as_long() -> None:
    cluster = waiting(RESOLVE)
    cluster.pass_time(LIMIT)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.retry()
    for _ in range(2):
        cluster.settle()
        cluster.pass_time(1)
    assert cluster.status.state == State.QUEUED
    cluster.pass_time(LIMIT - 10)
    cluster.settle()
    assert cluster.status.state == State.QUEUED


def test_decision_comes_when_the_time_is_over() -> None:
    cluster = waiting(RESOLVE)
    cluster.pass_time(LIMIT - 5)
    requeue = cluster.decide().requeue_after
    assert requeue is not None
    assert requeue.total_seconds() == 5


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_pod_that_has_run_and_is_gone_with_its_node_counts(phase: PhaseName) -> None:
    cluster = waiting(phase)
    cluster.start_pod(phase)
    cluster.settle()
    cluster.pass_time(2 * LIMIT)
    cluster.settle()
    cluster.lose_pod(phase)
    for _ in range(2):
        cluster.settle()
        assert cluster.status.state == State.RUNNING
        cluster.pass_time(2 * LIMIT)


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT])
@pytest.mark.parametrize("deadline", ["pendingDeadlineSeconds", "activeDeadlineSeconds"])
def test_deadlines_hold_without_the_class(phase: PhaseName, deadline: str) -> None:
    spec: dict[str, Any] = {deadline: LIMIT}
    cluster = SimulatedCluster(**spec)
    cluster.reach(phase)
    if deadline == "activeDeadlineSeconds":
        cluster.start_pod(phase)
        cluster.settle()
    cluster.classes = ()
    cluster.pass_time(LIMIT // 2)
    cluster.settle()
    assert cluster.status.state in (State.QUEUED, State.RUNNING)
    cluster.pass_time(LIMIT // 2)
    cluster.settle()
    assert f"spec.{deadline} ({LIMIT} s)" in (cluster.status.message or "")
    assert cluster.status.state == State.FAILED
    assert all(pod.terminating for pod in cluster.running_pods)
