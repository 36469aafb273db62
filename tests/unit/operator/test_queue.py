"""The built-in queue: its order and slots, and the status of a job that waits."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from augmentation_api import ConditionType, FailureReason, State
from augmentation_api.status import Condition
from augmentation_operator.queueing.built_in import Place, SlotQueues
from tests.unit.operator.simulated_cluster import AUGMENT, PROVISION, SimulatedCluster

SLOT = Place(has_slot=True, position=0, depth=1, limit=1)
SECOND = Place(has_slot=False, position=1, depth=2, limit=1)


def body(uid: str, *, since: int = 0, state: str = "running", slot: bool | None = None, **more: Any) -> dict[str, Any]:
    """A resolved job as the API sends it; `slot` None: its status has no Admitted condition."""
    conditions = [] if slot is None else [{"type": "Admitted", "status": str(slot)}]
    return {
        "metadata": {"uid": uid, "namespace": more.get("namespace", "robots")},
        "spec": {key: value for key, value in more.items() if key in ("priorityClassName", "suspend", "cancel")},
        "status": {
            "state": state,
            "className": more.get("className", "gpu"),
            "shardCount": 1,
            "queuedAt": f"2026-01-01T00:00:{since:02}Z",
            "conditions": conditions,
            "phases": [{"name": "augment", "status": more.get("augment", "pending")}],
        },
    }


class Slots:
    """The queues, and the jobs that were woken."""

    def __init__(self, *bodies: dict[str, Any], **priorities: int) -> None:
        self.woken: list[str] = []
        self.priorities = priorities
        self.queues = SlotQueues(lambda: dict(self.priorities), self.woken.append)
        for body in bodies:
            self.queues.observe(body)

    def place(self, uid: str, limit: int = 1) -> tuple[bool, int, int]:
        place = self.queues.place_of(uid, limit)
        assert place is not None
        return place.has_slot, place.position, place.depth


def test_waiting_jobs_are_served_in_fifo_order() -> None:
    slots = Slots(body("late", since=9), body("early", since=1))
    assert slots.place("early") == (True, 0, 2)
    assert slots.place("late") == (False, 1, 2)


def test_higher_priority_goes_before_an_earlier_time() -> None:
    slots = Slots(body("early", since=1), body("urgent", since=9, priorityClassName="urgent"), urgent=1000)
    assert slots.place("urgent") == (True, 0, 2)
    assert slots.place("early") == (False, 1, 2)


def test_recorded_slot_is_never_taken_away() -> None:
    slots = Slots(body("holder", since=9, slot=True), body("urgent", priorityClassName="urgent"), urgent=1000)
    assert slots.place("holder")[0]
    assert slots.place("urgent") == (False, 0, 1)


def test_granted_slot_is_reserved_until_it_is_recorded() -> None:
    slots = Slots(body("first", since=1))
    assert slots.place("first")[0]
    slots.queues.grant("first")
    slots.queues.observe(body("urgent", priorityClassName="urgent"))
    slots.queues.observe(body("first", since=1))  # a worker wrote something meanwhile
    assert not slots.place("urgent")[0]
    slots.queues.revoke(body("first", since=1))
    assert slots.place("urgent")[0]


def test_each_namespace_and_each_class_has_its_own_slots() -> None:
    slots = Slots(body("a", slot=True), body("b", namespace="elsewhere"), body("c", className="cpu"))
    assert slots.place("b")[0]
    assert slots.place("c")[0]


def test_next_job_is_woken_when_a_slot_becomes_free() -> None:
    slots = Slots(body("holder", slot=True), body("late", since=9), body("early", since=1))
    assert slots.woken == []
    slots.queues.observe(body("holder", slot=True, augment="completed"))
    assert slots.woken == ["early"]
    slots.queues.forget("holder")
    assert slots.woken == ["early"]


def test_suspended_finished_or_deleted_job_frees_its_slot() -> None:
    for left in (body("holder", slot=False, suspend=True), body("holder", slot=True, state="failed"), None):
        slots = Slots(body("holder", slot=True), body("next"))
        assert not slots.place("next")[0]
        if left:
            slots.queues.observe(left)
        else:
            slots.queues.forget("holder")
        assert slots.place("next")[0]


def test_slot_of_a_suspended_job_is_free_once_that_is_recorded() -> None:
    slots = Slots(body("holder", slot=True), body("next"))
    slots.queues.observe(body("holder", slot=True, suspend=True))
    assert not slots.place("next")[0]
    slots.queues.observe(body("holder", slot=True))  # resumed before the operator has stopped it
    assert (slots.place("holder")[0], slots.place("next")[0]) == (True, False)
    slots.queues.observe(body("holder", slot=False, suspend=True))
    assert slots.woken == ["next"]


def test_deleted_job_kept_by_a_finalizer_frees_its_slot() -> None:
    slots = Slots(body("holder", slot=True), body("next"))
    kept = body("holder", slot=True)
    kept["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    slots.queues.observe(kept)
    assert slots.place("next")[0]
    assert slots.woken == ["next"]


def test_job_being_cancelled_keeps_its_slot_but_does_not_wait_for_one() -> None:
    slots = Slots(body("holder", slot=True, cancel=True), body("waiting", cancel=True), body("next"))
    assert not slots.place("next")[0]
    assert slots.queues.place_of("waiting", 1) is None


def test_job_provisioned_before_there_was_a_limit_has_a_slot() -> None:
    old = body("old")
    old["status"]["phases"].append({"name": "provision", "status": "completed"})
    slots = Slots(old, body("next"))
    assert slots.place("old")[0]
    assert not slots.place("next")[0]


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["come", "ask", "end", "lose"])), max_size=60))
def test_slots_never_exceed_the_limit_and_none_is_left_free(
    steps: list[tuple[str, str]],
) -> None:
    limit, slots, waiting, holding = 2, Slots(), set[str](), set[str]()
    for uid, step in steps:
        if step == "come" and uid not in waiting | holding:
            slots.queues.observe(body(uid))
            waiting.add(uid)
        elif step == "ask" and uid in waiting and slots.place(uid, limit)[0]:
            slots.queues.grant(uid)
            slots.queues.observe(body(uid, slot=True))
            waiting.remove(uid)
            holding.add(uid)
        elif step == "end":
            slots.queues.observe(body(uid, state="completed"))
            waiting.discard(uid)
            holding.discard(uid)
        elif step == "lose":
            slots.queues.forget(uid)
            waiting.discard(uid)
            holding.discard(uid)
        assert len(holding) <= limit
        free = sum(slots.place(uid, limit)[0] for uid in waiting)
        assert free == min(len(waiting), limit - len(holding))


# The status of a job that waits.


def admitted(cluster: SimulatedCluster) -> Condition:
    condition = cluster.status.condition(ConditionType.ADMITTED)
    assert condition is not None
    return condition


def waiting(**spec: Any) -> SimulatedCluster:
    cluster = SimulatedCluster(**spec)
    cluster.place = SECOND
    cluster.reach(AUGMENT)
    return cluster


def test_waiting_job_creates_no_pods_and_shows_its_position() -> None:
    cluster = waiting()
    assert not cluster.has_job(AUGMENT)
    assert cluster.status.queue is not None
    assert (cluster.status.queue.position, cluster.status.queue.depth) == (1, 2)
    assert (admitted(cluster).status, admitted(cluster).reason) == ("False", "Queued")
    assert cluster.status.message == (
        "waiting in the queue: 1 of 2 jobs is ahead (limits.maxJobsPerNamespace of class cpu is 1)"
    )
    assert cluster.status.current_phase == PROVISION
    assert cluster.decide().requeue_after is not None


def test_slot_is_recorded_before_anything_is_created() -> None:
    cluster = waiting()
    cluster.place = SLOT
    cluster.reconcile()
    assert admitted(cluster).status == "True"
    assert not cluster.has_job(AUGMENT)
    cluster.reconcile()
    assert cluster.has_job(AUGMENT)
    assert cluster.status.queue is None


def test_job_with_a_slot_completes() -> None:
    cluster = waiting()
    cluster.place = SLOT
    cluster.settle()
    cluster.finish_augment()
    cluster.finish_publish()
    assert cluster.status.state == State.COMPLETED


def test_queue_time_does_not_count_towards_the_deadline() -> None:
    cluster = waiting(activeDeadlineSeconds=60)
    cluster.pass_time(3600)
    cluster.settle()
    assert cluster.status.state == State.RUNNING
    cluster.place = SLOT
    cluster.settle()
    assert cluster.fails_after(60)


def test_suspended_job_frees_its_slot_and_queues_again_when_resumed() -> None:
    cluster = SimulatedCluster()
    cluster.place = SLOT
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.change(suspend=True)
    cluster.place = None
    cluster.settle()
    assert (admitted(cluster).status, admitted(cluster).reason) == ("False", "Suspended")
    cluster.end_terminating_pods()
    cluster.change(suspend=False)
    cluster.place = SECOND
    cluster.settle()
    assert not cluster.running_pods
    cluster.place = SLOT
    cluster.settle()
    assert cluster.running_pods


def test_removed_limit_admits_all_jobs() -> None:
    cluster = waiting()
    cluster.place = None
    cluster.settle()
    assert admitted(cluster).reason == "NoLimit"
    assert cluster.has_job(AUGMENT)


def test_new_attempt_queues_again() -> None:
    cluster = SimulatedCluster()
    cluster.place = SLOT
    cluster.reach(AUGMENT)
    cluster.start_pod(AUGMENT)
    cluster.fail_pod(AUGMENT, failure=FailureReason.SOURCE_INVALID, message="no")
    cluster.settle()
    cluster.end_terminating_pods()
    cluster.retry()
    cluster.place = SECOND
    cluster.settle()
    assert (admitted(cluster).status, admitted(cluster).reason) == ("False", "Queued")


def test_waiting_job_can_be_cancelled() -> None:
    cluster = waiting()
    cluster.change(cancel=True)
    cluster.settle()
    assert cluster.status.state == State.CANCELLED
