"""Which changes of a status are written at once, and which are deferred when there are many jobs."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from augmentation_operator.reconcile.decision import operator_part
from augmentation_operator.scale import COUNTERS_INTERVAL, DEFERRABLE_WRITES_PER_SECOND, MAX_DEFERRAL, status_delay
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster

AT_ONCE = timedelta(0)
MANY = 2000
Happens = Callable[[SimulatedCluster], object]


def delay_of_first_write(cluster: SimulatedCluster, happens: Happens, jobs: int) -> timedelta:
    """The delay of the first write after something happens."""
    happens(cluster)
    before, after = operator_part(cluster.status), operator_part(cluster.decide().status)
    return status_delay(before, after, under_way=jobs, augmenting=jobs // 2)


def reached(*course: Happens, **spec: Any) -> SimulatedCluster:
    cluster = SimulatedCluster(**spec)
    if course:
        cluster.settle()
    for happens in course:
        happens(cluster)
        cluster.settle()
        cluster.pass_time(1)
    return cluster


def resolved(cluster: SimulatedCluster) -> None:
    cluster.report_source()
    cluster.succeed_pod(RESOLVE)


def augmented(cluster: SimulatedCluster) -> None:
    for pod in [pod for pod in cluster.running_pods if pod.phase == AUGMENT]:
        cluster.report_shard(pod.index, state="completed")
        cluster.succeed_pod(AUGMENT, pod.index)


def nothing(cluster: SimulatedCluster) -> None:
    pass


ON_RESOLVE: tuple[Happens, ...] = (lambda cluster: cluster.start_pod(RESOLVE),)
ON_AUGMENT: tuple[Happens, ...] = (*ON_RESOLVE, resolved)
AUGMENTING: tuple[Happens, ...] = (
    *ON_AUGMENT,
    lambda cluster: cluster.start_pod(AUGMENT, 0),
    lambda cluster: cluster.start_pod(AUGMENT, 1),
)


@pytest.mark.parametrize(
    ("course", "happens"),
    [
        pytest.param((nothing,), lambda cluster: cluster.start_pod(RESOLVE), id="a pod runs"),
        pytest.param(ON_AUGMENT, lambda cluster: cluster.start_pod(AUGMENT), id="it has a node"),
    ],
)
def test_informational_changes_are_deferred_with_many_jobs(course: tuple[Happens, ...], happens: Happens) -> None:
    assert delay_of_first_write(reached(*course), happens, 1) == AT_ONCE
    assert delay_of_first_write(reached(*course), happens, 3 * DEFERRABLE_WRITES_PER_SECOND) == timedelta(seconds=3)
    assert delay_of_first_write(reached(*course), happens, MANY) == MAX_DEFERRAL


@pytest.mark.parametrize(
    ("course", "happens"),
    [
        pytest.param((), nothing, id="a new job"),
        pytest.param(ON_RESOLVE, resolved, id="the number of shards"),
        pytest.param(AUGMENTING, augmented, id="its slot is free"),
        pytest.param(AUGMENTING, lambda cluster: cluster.fail_pod(AUGMENT), id="a pod failed"),
        pytest.param(AUGMENTING, lambda cluster: cluster.preempt_pod(AUGMENT), id="a pod was taken away"),
        pytest.param(AUGMENTING, lambda cluster: cluster.change(suspend=True), id="suspended"),
        pytest.param(ON_AUGMENT, lambda cluster: cluster.wait_for_node(AUGMENT), id="no node"),
        pytest.param(
            (*AUGMENTING, augmented),
            lambda cluster: (cluster.start_pod(PUBLISH), cluster.report_output(), cluster.succeed_pod(PUBLISH)),
            id="completed",
        ),
    ],
)
def test_critical_fields_are_written_at_once(course: tuple[Happens, ...], happens: Happens) -> None:
    assert delay_of_first_write(reached(*course), happens, MANY) == AT_ONCE


def test_progress_alone_is_written_less_often_the_more_jobs_augment() -> None:
    def half_done(cluster: SimulatedCluster) -> None:
        cluster.report_shard(0, state="running", frames={"total": 1500, "done": 700})

    assert delay_of_first_write(reached(*AUGMENTING), half_done, 1) == COUNTERS_INTERVAL
    assert delay_of_first_write(reached(*AUGMENTING), half_done, MANY) == timedelta(seconds=50)
