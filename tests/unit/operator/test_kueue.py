"""Jobs in a queue of Kueue's: it alone starts and stops the augment Job, and the status says what it waits for."""

from typing import Any

import pytest

from augmentation_api import ConditionType, PhaseName, State
from augmentation_api.status import Condition
from augmentation_api.vocabulary import REQUIRES_ACTION
from augmentation_operator.children.job import ANNOTATION_MIN_PARALLELISM, LABEL_QUEUE, LABEL_WORKLOAD_PRIORITY
from tests.unit.operator.simulated_cluster import AUGMENT, PROVISION, PUBLISH, RESOLVE, SimulatedCluster, make_class
from tests.unit.operator.simulated_kueue import PENDING, SimulatedKueue


def queued(phase: PhaseName = AUGMENT, kueue: SimulatedKueue | None = None, **spec: Any) -> SimulatedCluster:
    cluster = SimulatedCluster(**{"queueName": "team-a", **spec})
    cluster.kueue = kueue or SimulatedKueue()
    cluster.reach(phase)
    return cluster


def running(**spec: Any) -> SimulatedCluster:
    cluster = queued(**spec)
    cluster.admit()
    cluster.start_pod(AUGMENT, 0)
    cluster.report_shard(0, state="running")
    cluster.settle()
    return cluster


def admitted(cluster: SimulatedCluster) -> Condition:
    condition = cluster.status.condition(ConditionType.ADMITTED)
    assert condition is not None
    return condition


def admission(cluster: SimulatedCluster) -> tuple[str, str]:
    return admitted(cluster).status, admitted(cluster).reason


# Waiting jobs, and what they report meanwhile.


@pytest.mark.parametrize("place", ["job", "class"])
def test_augment_job_is_created_suspended_with_its_queue_name(place: str) -> None:
    cluster = (
        SimulatedCluster(queueName="team-a")
        if place == "job"
        else SimulatedCluster(classes=(make_class(queueName="team-a"),))
    )
    cluster.kueue = SimulatedKueue()
    cluster.reach(AUGMENT)
    job = cluster.job_of(AUGMENT)
    assert job.labels[LABEL_QUEUE] == "team-a"
    assert job.suspended
    assert not cluster.running_pods


def test_the_queue_of_the_job_goes_before_that_of_its_class() -> None:
    cluster = SimulatedCluster(queueName="team-a", classes=(make_class(queueName="everybody"),))
    cluster.kueue = SimulatedKueue()
    cluster.reach(AUGMENT)
    assert cluster.job_of(AUGMENT).labels[LABEL_QUEUE] == "team-a"


def test_the_small_pods_of_resolve_and_publish_wait_in_no_queue() -> None:
    cluster = queued()
    cluster.admit()
    cluster.finish_augment()
    for phase in (RESOLVE, PUBLISH):
        assert LABEL_QUEUE not in cluster.job_of(phase).labels
        assert not cluster.job_of(phase).suspended


def test_a_job_that_waits_shows_its_place_and_what_kueue_says() -> None:
    cluster = queued()
    assert admission(cluster) == ("False", "Queued")
    assert cluster.status.message == f"waiting in queue team-a: 1 of 2 jobs is ahead ({PENDING})"
    assert cluster.status.queue is not None
    assert (cluster.status.queue.position, cluster.status.queue.depth) == (1, 2)
    assert cluster.status.current_phase == PROVISION
    assert cluster.decide().requeue_after is not None


def test_places_that_are_not_known_are_left_out() -> None:
    cluster = queued(kueue=SimulatedKueue(ahead=None))
    assert cluster.status.queue is None
    assert cluster.status.message == f"waiting in queue team-a ({PENDING})"


def test_a_job_that_is_admitted_runs_to_its_end() -> None:
    cluster = queued()
    cluster.admit()
    cluster.settle()
    assert admission(cluster) == ("True", "Admitted")
    assert cluster.status.queue is None
    assert cluster.status.message == "waiting for a node"
    cluster.finish_augment()
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED
    assert admission(cluster) == ("True", "Admitted")


# What somebody has to put right.


def test_job_reports_that_kueue_is_not_installed_and_continues_once_it_is() -> None:
    kueue = SimulatedKueue(installed=False)
    cluster = queued(kueue=kueue)
    assert admission(cluster) == ("False", "KueueNotInstalled")
    assert (cluster.status.message or "").startswith("queueName 'team-a': Kueue (0.15 or newer) is not installed")
    assert not cluster.has_job(AUGMENT)
    assert cluster.decide().requeue_after is not None
    kueue.installed = True
    cluster.settle()
    cluster.admit()
    cluster.settle()
    assert admission(cluster) == ("True", "Admitted")


def test_a_queue_that_does_not_exist_is_named_with_the_fix() -> None:
    cluster = queued(queueName="teem-a")
    assert admission(cluster) == ("False", "QueueNotFound")
    assert cluster.status.message == (
        "queueName 'teem-a': there is no such LocalQueue in namespace 'default': create it, or correct queueName in "
        "the AugmentationClass or in a new job"
    )
    assert not cluster.has_job(AUGMENT)


def test_a_queue_name_that_is_corrected_in_the_class_is_followed() -> None:
    cluster = SimulatedCluster(classes=(make_class(queueName="teem-a"),))
    cluster.kueue = SimulatedKueue()
    cluster.reach(AUGMENT)
    assert admission(cluster) == ("False", "QueueNotFound")
    cluster.classes = (make_class(queueName="team-a"),)
    cluster.settle()
    assert admission(cluster) == ("False", "Queued")


def test_a_queue_that_is_stopped_keeps_the_place_and_says_why() -> None:
    cluster = queued(kueue=SimulatedKueue(queue_problem="ClusterQueue is stopped"))
    assert admission(cluster) == ("False", "QueueInactive")
    assert cluster.status.message == "waiting in queue team-a, which is not active: ClusterQueue is stopped"
    assert cluster.has_job(AUGMENT)


def test_workload_deactivated_by_a_user_stays_inactive_and_is_named() -> None:
    cluster = running()
    assert cluster.kueue is not None
    workload = next(iter(cluster.kueue.workloads.values()))
    cluster.kueue.activate(workload.name, False, cluster.now, by_operator=False)
    cluster.evict(reason="Deactivated")
    cluster.settle()
    assert admission(cluster) == ("False", "Deactivated")
    assert f"its Workload {workload.name} is deactivated" in (cluster.status.message or "")
    assert cluster.status.preemption_count is None
    for suspend in (True, False):
        cluster.change(suspend=suspend)
        cluster.settle()
        assert not workload.active


def test_a_job_that_kueue_cannot_start_fails_with_kueues_reason() -> None:
    cluster = queued()
    assert cluster.kueue is not None
    next(iter(cluster.kueue.workloads.values())).refusal = "conflict for nodeSelector gpu: l4 and a100"
    cluster.settle()
    assert cluster.status.state == State.FAILED
    failed = cluster.status.condition(ConditionType.FAILED)
    assert failed is not None
    assert failed.reason == "QueueRefused"
    assert "conflict for nodeSelector gpu: l4 and a100" in failed.message
    assert not cluster.has_job(AUGMENT)


def test_a_queue_that_sends_its_jobs_to_other_clusters_is_refused() -> None:
    cluster = queued()
    cluster.job_of(AUGMENT).change(managedBy="kueue.x-k8s.io/multikueue")
    cluster.settle()
    failed = cluster.status.condition(ConditionType.FAILED)
    assert failed is not None
    assert failed.reason == "QueueRefused"
    assert "queue team-a sends its Jobs to other clusters (MultiKueue)" in failed.message
    assert not cluster.has_job(AUGMENT)


NEVER = (
    "couldn't assign flavors to pod set main: insufficient quota for pods in flavor any, previously considered podsets "
    "requests (0) + current podset request (4) > maximum capacity (3)"
)


@pytest.mark.parametrize(
    ("pod_set", "reason"),
    [
        ({"count": 4}, "ExceedsQuota"),
        ({"count": 4, "minCount": 4}, "ExceedsQuota"),
        # Three at once would fit, and Kueue takes what it gets.
        ({"count": 4, "minCount": 1}, "Queued"),
    ],
)
def test_job_that_never_fits_requires_action_and_starts_once_the_quota_is_raised(
    pod_set: dict[str, int], reason: str
) -> None:
    cluster = queued()
    assert cluster.kueue is not None
    workload = next(iter(cluster.kueue.workloads.values()))
    workload.reason, workload.pod_set = NEVER, pod_set
    cluster.pass_time(10)
    cluster.settle()
    assert admission(cluster) == ("False", reason)
    if reason == "ExceedsQuota":
        assert cluster.status.message is not None
        assert cluster.status.message.startswith(
            "this job asks for more than queue team-a has in all (pods of flavor any: 4 for 4 pods, of 3 in all), so "
            "that it cannot start: have an administrator raise the quota"
        )
        assert admitted(cluster).reason in REQUIRES_ACTION
    assert cluster.status.is_true(ConditionType.STALLED) is (reason == "ExceedsQuota")
    cluster.admit()
    cluster.settle()
    assert admission(cluster) == ("True", "Admitted")
    assert cluster.status.is_true(ConditionType.RECONCILING)
    assert not cluster.status.is_true(ConditionType.STALLED)


# Parallelism: what Kueue starts a Job with, and what is changed while it runs.


def test_kueue_may_start_a_job_with_fewer_shards_and_the_message_says_with_how_many() -> None:
    cluster = queued(parallelism=4)
    job = cluster.job_of(AUGMENT)
    assert job.to_wire()["metadata"]["annotations"][ANNOTATION_MIN_PARALLELISM] == "1"
    job.change(parallelism=2)  # as Kueue does that admits it
    cluster.admit()
    cluster.settle()
    assert job.spec["parallelism"] == 2
    assert admitted(cluster).message == (
        "admitted by Kueue from queue team-a with 2 concurrent shards; the job asks for 4, which counts when it is "
        "admitted again"
    )


@pytest.mark.parametrize(("parallelism", "least", "annotations"), [(1, 1, None), (4, 1000, None), (4, 2, "2")])
def test_least_parallelism_is_named_only_where_it_is_less(
    parallelism: int, least: int, annotations: str | None
) -> None:
    cluster = SimulatedCluster(queueName="team-a", parallelism=parallelism, classes=(make_class(minParallelism=least),))
    cluster.kueue = SimulatedKueue()
    cluster.reach(AUGMENT)
    metadata = cluster.job_of(AUGMENT).to_wire()["metadata"]
    assert metadata.get("annotations", {}).get(ANNOTATION_MIN_PARALLELISM) == annotations


def test_change_of_parallelism_reaches_a_waiting_job_and_waits_while_one_runs() -> None:
    cluster = queued(parallelism=4)
    cluster.change(parallelism=1)
    cluster.settle()
    job = cluster.job_of(AUGMENT)
    assert job.spec["parallelism"] == 1
    assert ANNOTATION_MIN_PARALLELISM not in job.to_wire()["metadata"]["annotations"]
    cluster.admit()
    cluster.settle()
    cluster.change(parallelism=3)
    cluster.settle()
    assert job.spec["parallelism"] == 1
    assert "the job asks for 3" in admitted(cluster).message
    cluster.evict()
    cluster.settle()
    assert job.spec["parallelism"] == 3
    assert job.to_wire()["metadata"]["annotations"][ANNOTATION_MIN_PARALLELISM] == "1"


def test_change_of_the_least_parallelism_reaches_a_waiting_job() -> None:
    cluster = queued(parallelism=4)
    cluster.classes = (make_class(minParallelism=2),)
    cluster.settle()
    assert cluster.job_of(AUGMENT).to_wire()["metadata"]["annotations"][ANNOTATION_MIN_PARALLELISM] == "2"


@pytest.mark.parametrize("suspend", [False, True])
def test_change_of_parallelism_without_kueue_counts_at_once(suspend: bool) -> None:
    cluster = SimulatedCluster(parallelism=3)
    cluster.reach(AUGMENT)
    cluster.settle()
    assert len(cluster.running_pods) <= 3
    shards = cluster.status.shard_count
    cluster.change(parallelism=1, suspend=suspend)
    cluster.settle()
    assert cluster.job_of(AUGMENT).spec["parallelism"] == 1
    cluster.change(parallelism=1000, suspend=False)
    cluster.settle()
    assert cluster.status.shard_count == shards
    assert cluster.job_of(AUGMENT).spec["parallelism"] == shards


# WorkloadPriorityClass.


@pytest.mark.parametrize("place", ["job", "class"])
def test_augment_job_has_its_workload_priority(place: str) -> None:
    name: dict[str, Any] = {"workloadPriorityClassName": "urgent"}
    of_class = {} if place == "job" else name
    of_job = name if place == "job" else {}
    cluster = SimulatedCluster(queueName="team-a", **of_job, classes=(make_class(**of_class),))
    cluster.kueue = SimulatedKueue()
    cluster.reach(AUGMENT)
    assert cluster.job_of(AUGMENT).labels[LABEL_WORKLOAD_PRIORITY] == "urgent"
    assert LABEL_WORKLOAD_PRIORITY not in cluster.job_of(RESOLVE).labels


# Preemption.


def test_preemption_by_kueue_is_counted_once_and_the_job_continues_when_readmitted() -> None:
    cluster = running()
    cluster.evict()
    cluster.settle()
    assert admission(cluster) == ("False", "Preempted")
    assert cluster.status.preemption_count == 1
    assert (cluster.status.message or "").startswith("preempted: Kueue gave the quota to another job")
    assert cluster.status.phase(AUGMENT).events[-1].status == "preempted"
    cluster.end_terminating_pods()
    cluster.pass_time(30)
    cluster.settle()
    assert cluster.status.preemption_count == 1
    assert not cluster.running_pods
    assert cluster.status.condition(ConditionType.PLACED) is None

    cluster.admit()
    cluster.settle()
    assert admission(cluster) == ("True", "Admitted")
    assert cluster.status.condition(ConditionType.PLACED) is None
    cluster.finish_augment()
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED


def test_each_preemption_counts() -> None:
    cluster = running()
    for times in (1, 2):
        cluster.pass_time(60)
        cluster.evict()
        cluster.settle()
        cluster.end_terminating_pods()
        assert cluster.status.preemption_count == times
        cluster.admit()
        cluster.start_pod(AUGMENT, 0)
        cluster.settle()


def test_other_evictions_by_kueue_are_reported_with_their_reason() -> None:
    cluster = running()
    cluster.evict(reason="ClusterQueueStopped")
    cluster.settle()
    assert admission(cluster) == ("False", "Evicted")
    assert (cluster.status.message or "").startswith("stopped by Kueue (ClusterQueueStopped)")


# Suspending: a Job that is merely suspended would be started again by Kueue at once.


@pytest.mark.parametrize("runs", [True, False])
def test_suspend_deactivates_the_workload_and_resume_queues_it_again(runs: bool) -> None:
    cluster = running() if runs else queued()
    assert cluster.kueue is not None
    (workload,) = cluster.kueue.workloads.values()
    cluster.change(suspend=True)
    cluster.settle()
    cluster.end_terminating_pods()
    assert not workload.active
    assert admission(cluster) == ("False", "Suspended")
    assert not cluster.running_pods
    assert cluster.status.queue is None
    cluster.pass_time(60)
    cluster.change(suspend=False)
    cluster.settle()
    assert workload.active
    assert admission(cluster) == ("False", "Queued")
    cluster.admit()
    cluster.settle()
    assert cluster.running_pods
    assert cluster.status.preemption_count is None


def test_a_job_that_was_held_by_an_operator_that_died_is_let_go() -> None:
    cluster = running()
    assert cluster.kueue is not None
    (workload,) = cluster.kueue.workloads.values()
    cluster.change(suspend=True)
    cluster.reconcile_and_die()
    assert not workload.active
    cluster.change(suspend=False)
    cluster.settle()
    assert workload.active


def test_a_job_that_is_suspended_before_it_is_queued_is_handed_over_once_it_is_resumed() -> None:
    cluster = queued(RESOLVE)
    cluster.change(suspend=True)
    cluster.settle()
    cluster.change(suspend=False)
    cluster.settle()
    cluster.finish_resolve()
    assert admission(cluster) == ("False", "Queued")


def test_operator_suspends_the_job_itself_once_kueue_is_uninstalled() -> None:
    cluster = running()
    assert cluster.kueue is not None
    cluster.kueue.installed = False
    cluster.change(suspend=True)
    cluster.settle()
    assert cluster.job_of(AUGMENT).suspended
    cluster.change(suspend=False)
    cluster.settle()
    assert admission(cluster) == ("False", "KueueNotInstalled")


# Limits count from admission.


def test_the_wait_in_kueues_queue_does_not_count_towards_the_deadline() -> None:
    cluster = queued(activeDeadlineSeconds=60)
    cluster.pass_time(3600)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    cluster.admit()
    cluster.settle()
    assert cluster.fails_after(60)


def test_placement_time_limit_counts_from_admission() -> None:
    placements = [{"name": "best", "timeLimitSeconds": 120}, {"name": "other"}]
    cluster = SimulatedCluster(queueName="team-a", classes=(make_class(placements=placements),))
    cluster.kueue = SimulatedKueue()
    cluster.reach(AUGMENT)
    first = cluster.job_name(AUGMENT)
    cluster.pass_time(3600)
    cluster.settle()
    assert cluster.job_name(AUGMENT) == first
    cluster.admit()
    cluster.settle()
    cluster.pass_time(119)
    cluster.settle()
    assert cluster.job_name(AUGMENT) == first
    cluster.pass_time(1)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.job_name(AUGMENT) != first
    assert cluster.job_of(AUGMENT).suspended
    assert admission(cluster) == ("False", "Queued")


def test_new_attempt_is_queued_again() -> None:
    cluster = running()
    cluster.change(cancel=True)
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.settle()
    assert cluster.status.state == State.CANCELLED
    cluster.retry()
    cluster.settle()
    assert admission(cluster) == ("False", "Queued")


def test_a_job_that_waits_in_kueues_queue_can_be_cancelled() -> None:
    cluster = queued()
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.status.state == State.CANCELLED
    assert not cluster.has_job(AUGMENT)


# Jobs that name no queue, where Kueue takes them all the same.


def test_jobs_that_kueue_queues_without_a_name_are_not_started_by_the_operator() -> None:
    cluster = SimulatedCluster()
    cluster.kueue = SimulatedKueue(manages_all=True)
    cluster.settle()
    cluster.settle()
    assert cluster.job_of(RESOLVE).suspended
    assert admission(cluster) == ("False", "QueueNotNamed")
    assert "set queueName in the AugmentationClass or in a new job" in (cluster.status.message or "")


def test_all_jobs_are_queued_where_kueue_manages_every_job() -> None:
    cluster = SimulatedCluster(queueName="team-a")
    cluster.kueue = SimulatedKueue(manages_all=True)
    cluster.settle()
    assert cluster.job_of(RESOLVE).labels[LABEL_QUEUE] == "team-a"
    cluster.admit(RESOLVE)
    cluster.finish_resolve()
    cluster.admit(AUGMENT)
    cluster.finish_augment()
    cluster.admit(PUBLISH)
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED


def test_a_queue_that_is_the_default_of_its_namespace_is_waited_in_like_any_other() -> None:
    cluster = SimulatedCluster()
    cluster.kueue = SimulatedKueue(queues={"default"})
    cluster.settle()
    # Kueue's webhook puts the label there before anybody sees the Job.
    cluster.job_of(RESOLVE).move_to("default")
    cluster.settle()
    assert admission(cluster) == ("False", "Queued")
    cluster.admit(RESOLVE)
    cluster.settle()
    assert admission(cluster) == ("True", "Admitted")
    cluster.start_pod(RESOLVE)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
