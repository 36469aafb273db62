"""Status is written when something changed, never because time passed: each write would wake every watcher."""

from collections.abc import Callable

import pytest

from augmentation_api import FailureReason
from augmentation_operator.reconcile.decision import operator_part
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster
from tests.unit.operator.simulated_kueue import SimulatedKueue


def new() -> SimulatedCluster:
    return SimulatedCluster()


def held_without_class() -> SimulatedCluster:
    return SimulatedCluster(classes=())


def suspended_from_the_beginning() -> SimulatedCluster:
    return SimulatedCluster(suspend=True)


def suspended_between_phases() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.change(suspend=True)
    cluster.report_source()
    cluster.succeed_pod(RESOLVE)
    return cluster


def suspended_in_augment() -> SimulatedCluster:
    cluster = one_shard_running()
    cluster.change(suspend=True)
    cluster.settle()
    cluster.end_terminating_pods()
    return cluster


def resumed() -> SimulatedCluster:
    cluster = suspended_in_augment()
    cluster.settle()
    cluster.pass_time(30)
    cluster.change(suspend=False)
    return cluster


def resolve_runs() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    return cluster


def report_is_awaited() -> SimulatedCluster:
    cluster = resolve_runs()
    cluster.succeed_pod(RESOLVE)
    return cluster


def waits_for_a_node() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.wait_for_node(AUGMENT)
    return cluster


def image_cannot_be_pulled() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.wait_in_container(RESOLVE, "ErrImagePull", "manifest unknown")
    return cluster


def container_cannot_be_configured() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.wait_in_container(RESOLVE, "CreateContainerConfigError", "no such key")
    return cluster


def one_shard_running() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT, 0)
    cluster.report_shard(0, state="running", frames={"total": 1500, "done": 100}, framesPerSecond=33.333)
    return cluster


def one_shard_running_and_one_waiting() -> SimulatedCluster:
    cluster = one_shard_running()
    cluster.wait_for_node(AUGMENT, index=1)
    return cluster


def one_shard_running_and_one_without_image() -> SimulatedCluster:
    cluster = one_shard_running()
    cluster.wait_in_container(AUGMENT, "ImagePullBackOff", "no space left on device", index=1)
    return cluster


def shards_running_on_two_nodes() -> SimulatedCluster:
    cluster = one_shard_running()
    cluster.start_pod(AUGMENT, 1, node="node-b")
    return cluster


def shard_tries_again() -> SimulatedCluster:
    cluster = one_shard_running()
    cluster.fail_pod(AUGMENT, exit_code=137, index=0)
    return cluster


def more_failures_than_events() -> SimulatedCluster:
    cluster = SimulatedCluster(parallelism=8)
    cluster.reach(AUGMENT)
    for _ in range(2):
        for index in range(8):
            cluster.start_pod(AUGMENT, index)
            cluster.fail_pod(AUGMENT, index=index)
    return cluster


def shard_lost_its_node() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT, 0)
    cluster.settle()
    cluster.lose_pod(AUGMENT, 0)
    return cluster


def class_is_gone() -> SimulatedCluster:
    cluster = one_shard_running()
    cluster.settle()
    cluster.classes = ()
    return cluster


def publish_runs() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.reach(PUBLISH)
    cluster.start_pod(PUBLISH)
    return cluster


def publish_reported_and_runs_on() -> SimulatedCluster:
    cluster = publish_runs()
    cluster.report_output()
    return cluster


def publish_report_is_awaited() -> SimulatedCluster:
    cluster = publish_runs()
    cluster.succeed_pod(PUBLISH)
    return cluster


def completed() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.complete()
    return cluster


def completed_and_kept_for_a_while() -> SimulatedCluster:
    cluster = SimulatedCluster(ttlSecondsAfterFinished=3600)
    cluster.complete()
    return cluster


def failed() -> SimulatedCluster:
    cluster = one_shard_running()
    cluster.fail_pod(AUGMENT, failure=FailureReason.SOURCE_INVALID, message="no such video")
    return cluster


def waits_without_kueue() -> SimulatedCluster:
    cluster = SimulatedCluster(queueName="team-a")
    cluster.reach(AUGMENT)
    return cluster


def waits_in_a_queue() -> SimulatedCluster:
    cluster = SimulatedCluster(queueName="team-a")
    cluster.kueue = SimulatedKueue()
    cluster.reach(AUGMENT)
    return cluster


def runs_from_a_queue() -> SimulatedCluster:
    cluster = waits_in_a_queue()
    cluster.admit()
    cluster.start_pod(AUGMENT)
    return cluster


def preempted_by_the_queue() -> SimulatedCluster:
    cluster = runs_from_a_queue()
    cluster.settle()
    cluster.evict()
    return cluster


def suspended_in_a_queue() -> SimulatedCluster:
    cluster = runs_from_a_queue()
    cluster.change(suspend=True)
    return cluster


def cancelling() -> SimulatedCluster:
    cluster = one_shard_running()
    cluster.change(cancel=True)
    return cluster


def cancelled() -> SimulatedCluster:
    cluster = cancelling()
    cluster.settle()
    cluster.end_terminating_pods()
    return cluster


def deadline_is_near() -> SimulatedCluster:
    cluster = SimulatedCluster(activeDeadlineSeconds=3600)
    cluster.settle()
    cluster.start_pod(RESOLVE)
    return cluster


STEADY_STATES = [
    new,
    held_without_class,
    suspended_from_the_beginning,
    suspended_between_phases,
    suspended_in_augment,
    resumed,
    resolve_runs,
    report_is_awaited,
    waits_for_a_node,
    image_cannot_be_pulled,
    container_cannot_be_configured,
    one_shard_running,
    one_shard_running_and_one_waiting,
    one_shard_running_and_one_without_image,
    shards_running_on_two_nodes,
    shard_tries_again,
    more_failures_than_events,
    shard_lost_its_node,
    class_is_gone,
    publish_runs,
    publish_reported_and_runs_on,
    publish_report_is_awaited,
    completed,
    completed_and_kept_for_a_while,
    failed,
    waits_without_kueue,
    waits_in_a_queue,
    runs_from_a_queue,
    preempted_by_the_queue,
    suspended_in_a_queue,
    cancelling,
    cancelled,
    deadline_is_near,
]


@pytest.mark.parametrize("situation", STEADY_STATES)
def test_status_does_not_change_because_time_passes(situation: Callable[[], SimulatedCluster]) -> None:
    cluster = situation()
    cluster.settle()
    for seconds in (1, 7, 30):
        cluster.pass_time(seconds)
        decision = cluster.decide()
        assert operator_part(decision.status) == operator_part(cluster.status)
        assert not decision.create
        assert not decision.patches


@pytest.mark.parametrize("situation", STEADY_STATES)
def test_repeated_decision_creates_and_deletes_nothing_more(situation: Callable[[], SimulatedCluster]) -> None:
    cluster = situation()
    decision = cluster.decide()
    assert cluster.decide() == decision
    jobs, objects = {*cluster.jobs}, {*cluster.objects}
    cluster.settle()
    cluster.settle()
    assert len(cluster.created_jobs) == len(set(cluster.created_jobs))
    assert jobs - {*cluster.jobs} <= {*decision.delete_jobs}, "a child disappears"
    assert objects <= {*cluster.objects}


@pytest.mark.parametrize("situation", STEADY_STATES)
def test_decided_status_fits_its_schema(situation: Callable[[], SimulatedCluster]) -> None:
    cluster = situation()
    cluster.settle()
    decided = cluster.decide().status
    assert type(decided).model_validate(decided.to_wire()) == decided
