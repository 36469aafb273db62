"""What is recorded stays: children that vanish, old news and restarts take nothing back and repeat nothing."""

import pytest

from augmentation_api import ConditionType, PhaseName, PhaseStatus, State
from augmentation_operator.reconcile.decision import operator_part
from augmentation_operator.reconcile.observation import Observation
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster, make_class


@pytest.mark.parametrize("gone", [RESOLVE, AUGMENT])
def test_finished_phase_is_not_repeated_when_its_job_is_deleted_by_a_user(gone: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(PUBLISH)
    cluster.delete_job(gone)
    cluster.settle()
    assert cluster.phase_status(gone) == PhaseStatus.COMPLETED
    assert not cluster.has_job(gone)
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_unfinished_phase_restarts_when_its_job_is_deleted_by_a_user(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()
    cluster.delete_job(phase)
    cluster.settle()
    assert cluster.has_job(phase)
    assert cluster.status.state == State.RUNNING


def test_recreated_augment_job_has_the_same_number_of_shards() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.classes = (make_class(framesPerShard=100),)
    cluster.delete_job(AUGMENT)
    cluster.settle()
    assert cluster.job_of(AUGMENT).completions == 2


def test_number_of_shards_is_recorded_before_anything_is_created_from_it() -> None:
    # Killed between creating the Job and writing the status, the next process would else compute another number.
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.start_pod(RESOLVE)
    cluster.report_source()
    cluster.succeed_pod(RESOLVE)
    while not cluster.has_job(AUGMENT):
        recorded = cluster.status.shard_count
        cluster.reconcile()
    assert recorded == 2


@pytest.mark.parametrize("phase", [AUGMENT, PUBLISH])
def test_old_news_about_the_children_takes_no_phase_back(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    old = [cluster.observe()]
    cluster.settle()
    old.append(cluster.observe())
    cluster.start_pod(RESOLVE)
    cluster.settle()
    old.append(cluster.observe())
    cluster.report_source()
    cluster.succeed_pod(RESOLVE)
    cluster.settle()
    if phase == PUBLISH:
        old.append(cluster.observe())
        cluster.finish_augment()
    done = [name for name in PhaseName if cluster.phase_status(name) == PhaseStatus.COMPLETED]
    for seen in old:
        decided = cluster.decide(seen).status
        assert all(decided.phase(name) == cluster.status.phase(name) for name in done)


def test_a_completed_job_is_not_touched_by_any_news() -> None:
    cluster = SimulatedCluster()
    cluster.complete()
    for seen in (Observation(), cluster.observe()):
        decision = cluster.decide(seen)
        assert operator_part(decision.status) == operator_part(cluster.status)
        assert not decision.create
        assert not decision.apply


def test_finished_job_leaves_no_pods_even_if_they_are_observed_late() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    late = cluster.observe()
    cluster.change(cancel=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.CANCELLED
    assert cluster.decide(late).delete_jobs == (cluster.job_name(AUGMENT),)


def test_condition_of_another_writer_is_ignored_and_left_alone() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    cluster.report(
        "somebody-else",
        conditions=[
            {
                "type": "quota.example/Reserved",
                "status": "True",
                "reason": "Reserved",
                "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
    )
    cluster.change(ttlSecondsAfterFinished=5)
    decided = cluster.decide().status
    assert [condition["type"] for condition in operator_part(decided)["conditions"]] == [
        ConditionType.ACCEPTED,
        ConditionType.READY,
        ConditionType.RECONCILING,
    ]


def test_a_conditions_transition_time_moves_only_with_its_status() -> None:
    cluster = SimulatedCluster()
    cluster.settle()
    accepted = cluster.status.condition(ConditionType.ACCEPTED)
    cluster.pass_time(600)
    cluster.change(ttlSecondsAfterFinished=5)
    cluster.settle()
    later = cluster.status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert later is not None
    assert later.last_transition_time == accepted.last_transition_time
    assert later.observed_generation == 2
