"""The Events of a job: its history in a few lines of `kubectl describe`, each line once."""

import pytest

from augmentation_api import AugmentationJobStatus, FailureReason, PhaseName, PhaseStatus
from augmentation_api.status import Phase
from augmentation_operator.reconcile.kubernetes_events import NOTE_LIMIT, KubernetesEvent, kubernetes_events
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster


class Listener:
    """Collects the Events of a job."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster, self.last = cluster, AugmentationJobStatus()
        self.heard: list[KubernetesEvent] = []

    def listen(self) -> list[tuple[str, bool]]:
        new = kubernetes_events(self.last, self.cluster.status)
        self.last = self.cluster.status
        self.heard += new
        return [(each.reason, each.is_warning) for each in new]


def test_events_of_a_whole_job_are_in_order() -> None:
    cluster = SimulatedCluster()
    listener = Listener(cluster)
    cluster.reach(RESOLVE)
    assert listener.listen() == [("ResolveStarted", False)]
    cluster.finish_resolve()
    assert listener.listen() == [("ProvisionStarted", False)]
    cluster.start_pod(AUGMENT)
    cluster.settle()
    assert listener.listen() == [("AugmentStarted", False)]
    cluster.finish_augment()
    assert listener.listen() == [("PublishStarted", False)]
    cluster.finish_publish()
    assert listener.listen() == [("Published", False)]


def test_what_one_write_reports_is_one_event_and_a_warning_another() -> None:
    cluster = SimulatedCluster()
    listener = Listener(cluster)
    cluster.reach(RESOLVE)
    cluster.finish_resolve()
    listener.listen()
    cluster.start_pod(AUGMENT)
    cluster.settle()
    listener.listen()
    assert listener.heard[-1].message == "running on node-a; augment has begun"
    cluster.fail_pod(AUGMENT, failure=FailureReason.SOURCE_INVALID, message="episode 3 is broken")
    cluster.settle()
    events = kubernetes_events(AugmentationJobStatus(), cluster.status)
    assert [event.reason for event in events if event.is_warning] == ["SourceInvalid"]
    assert len([event for event in events if not event.is_warning]) == 1


def test_end_of_a_phase_is_an_event_if_nothing_else_implies_it() -> None:
    before = AugmentationJobStatus(phases=[Phase(name=RESOLVE, status=PhaseStatus.IN_PROGRESS)])
    after = AugmentationJobStatus(phases=[Phase(name=RESOLVE, status=PhaseStatus.COMPLETED)])
    assert [each.reason for each in kubernetes_events(before, after)] == ["ResolveCompleted"]


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_a_failure_is_a_warning_with_its_reason(phase: PhaseName) -> None:
    cluster = SimulatedCluster()
    cluster.reach(phase)
    cluster.start_pod(phase)
    cluster.settle()
    listener = Listener(cluster)
    listener.listen()
    cluster.fail_pod(phase, failure=FailureReason.SOURCE_INVALID, message="episode 3 is broken")
    cluster.settle()
    assert listener.listen() == [("SourceInvalid", True)]
    assert listener.heard[-1].message == "episode 3 is broken"


def test_obstacle_is_one_warning() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    listener = Listener(cluster)
    listener.listen()
    cluster.wait_for_node(AUGMENT, "0/3 nodes are available")
    cluster.settle()
    assert listener.listen() == [("Unschedulable", True)]
    cluster.wait_for_node(AUGMENT, "0/4 nodes are available")
    cluster.settle()
    assert listener.listen() == []


def test_progress_is_no_event() -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.settle()
    listener = Listener(cluster)
    listener.listen()
    cluster.report_shard(0, state="running", frames={"total": 1500, "done": 10})
    cluster.settle()
    assert listener.listen() == []


def test_the_same_thing_at_another_time_is_another_event_and_otherwise_the_same() -> None:
    job = SimulatedCluster().job
    once = KubernetesEvent("Running", "running on node-a", False, "2026-01-01T00:00:00Z")
    again = KubernetesEvent("Running", "running on node-a", False, "2026-01-01T01:00:00Z")
    names = [each.manifest(job, "now")["metadata"]["name"] for each in (once, once, again)]
    assert names[0] == names[1] != names[2]


def test_a_long_message_is_cut_to_what_an_event_may_hold() -> None:
    long = KubernetesEvent("Failed", "x" * 5000, True, "")
    assert len(long.manifest(SimulatedCluster().job, "now")["message"]) == NOTE_LIMIT
