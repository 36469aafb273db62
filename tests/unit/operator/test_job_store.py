"""The job store: the newest version of job_state job, whole except for managedFields, and its counts."""

from typing import Any

from augmentation_api import State
from augmentation_operator.cache.job_store import JobStore


def job(uid: str, version: int, state: str | None = None, *shards: str) -> dict[str, Any]:
    metadata = {"uid": uid, "namespace": "robots", "resourceVersion": str(version), "managedFields": [{"manager": "x"}]}
    status = {
        "state": state,
        "shards": [{"index": index, "state": shard} for index, shard in enumerate(shards)],
    }
    return {"metadata": metadata, "spec": {"cancel": False}, **({"status": status} if state else {})}


def test_stored_job_is_whole_except_for_managed_fields() -> None:
    store, seen = JobStore(), job("a", 5, "running", "pending")
    assert store.observe(seen)
    assert store.body("a") == {**seen, "metadata": {"uid": "a", "namespace": "robots", "resourceVersion": "5"}}
    assert store.body("b") is None


def test_older_version_never_replaces_a_newer_one() -> None:
    store = JobStore()
    store.observe(job("a", 10, "completed"))
    assert not store.observe(job("a", 9, "running"))
    assert store.unfinished() == []
    assert store.observe(job("a", 11, "running"))
    assert store.unfinished() == ["a"]


def test_namespace_state_and_shards_are_available_without_unpacking() -> None:
    store = JobStore()
    for job_state in (
        job("a", 1),
        job("b", 2, "running", "running", "completed"),
        job("c", 3, "completed", "completed"),
    ):
        store.observe(job_state)
    assert [(job_state.namespace, job_state.state, job_state.shards) for job_state in store.all()] == [
        ("robots", State.QUEUED, ()),
        ("robots", State.RUNNING, ("running", "completed")),
        ("robots", State.COMPLETED, ()),
    ]


def test_job_is_under_way_from_its_first_status_until_its_end() -> None:
    store = JobStore()
    for version, (state, expected) in enumerate(
        [(None, False), ("queued", True), ("running", True), ("failed", False)]
    ):
        store.observe(job("a", version, state))
        assert (store.is_under_way("a"), store.under_way) == (expected, int(expected))
    assert not store.is_under_way("b")
    store.observe(job("b", 1, "running"))
    store.forget("b")
    assert store.under_way == 0


def test_augmenting_jobs_are_counted() -> None:
    store, counts = JobStore(), []
    for version, shards in enumerate(
        [(), ("running", "running"), ("completed", "running"), ("completed", "completed")]
    ):
        store.observe(job("a", version, "running", *shards))
        store.observe(job("b", version, "running", "failed"))
        counts.append(store.augmenting)
    assert counts == [0, 1, 1, 0]


def test_deleted_job_is_forgotten() -> None:
    store = JobStore()
    store.observe(job("a", 1))
    store.forget("a")
    store.forget("never seen")
    assert ("a" in store, list(store), store.body("a")) == (False, [], None)
