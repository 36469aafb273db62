"""What no job may have, also where the API server lets it pass."""

import pytest

from augmentation_api import ConditionType, State
from tests.unit.operator.simulated_cluster import RESOLVE, SimulatedCluster


@pytest.mark.parametrize("priority", ["system-node-critical", "system-cluster-critical"])
def test_job_with_a_system_priority_class_fails_before_it_has_pods(priority: str) -> None:
    cluster = SimulatedCluster(priorityClassName=priority)
    cluster.settle()
    assert cluster.status.state == State.FAILED
    assert not cluster.jobs
    failed = cluster.status.condition(ConditionType.FAILED)
    assert failed is not None
    assert failed.reason == "SpecInvalid"
    assert "spec.priorityClassName" in failed.message
    assert "name another one, or leave it out" in failed.message
    assert priority in failed.message


def test_any_other_priority_is_the_api_servers_to_judge() -> None:
    cluster = SimulatedCluster(priorityClassName="systematic")
    cluster.settle()
    assert cluster.job_of(RESOLVE).spec["template"]["spec"]["priorityClassName"] == "systematic"
