"""Jobs as they were last seen: the newest counts, and all of it comes back but who wrote what."""

from __future__ import annotations

from typing import Any

from augmentation_api import State
from augmentation_operator.cache.known_jobs import KnownJobs


def job(uid: str, version: int, state: str | None = None, *shards: str) -> dict[str, Any]:
    metadata = {"uid": uid, "namespace": "robots", "resourceVersion": str(version), "managedFields": [{"manager": "x"}]}
    status = {"state": state, "shards": [{"index": index, "state": each} for index, each in enumerate(shards)]}
    return {"metadata": metadata, "spec": {"cancel": False}, **({"status": status} if state else {})}


def test_a_job_comes_back_whole_but_for_who_wrote_what() -> None:
    known, seen = KnownJobs(), job("a", 5, "running", "pending")
    assert known.saw(seen)
    assert known.body("a") == {**seen, "metadata": {"uid": "a", "namespace": "robots", "resourceVersion": "5"}}
    assert known.body("b") is None


def test_an_older_version_never_replaces_a_newer_one() -> None:
    known = KnownJobs()
    known.saw(job("a", 10, "completed"))
    assert not known.saw(job("a", 9, "running"))
    assert known.unfinished() == []
    assert known.saw(job("a", 11, "running"))
    assert known.unfinished() == ["a"]


def test_what_is_counted_is_at_hand() -> None:
    known = KnownJobs()
    for each in (job("a", 1), job("b", 2, "running", "running", "completed"), job("c", 3, "completed", "completed")):
        known.saw(each)
    assert [(each.namespace, each.state, each.shards) for each in known.all()] == [
        ("robots", State.QUEUED, ()),
        ("robots", State.RUNNING, ("running", "completed")),
        ("robots", State.COMPLETED, ()),
    ]


def test_a_job_is_under_way_from_what_is_first_written_of_it_until_its_end() -> None:
    known = KnownJobs()
    for version, (state, expected) in enumerate(
        [(None, False), ("queued", True), ("running", True), ("failed", False)]
    ):
        known.saw(job("a", version, state))
        assert (known.is_under_way("a"), known.under_way) == (expected, int(expected))
    assert not known.is_under_way("b")
    known.saw(job("b", 1, "running"))
    known.lost("b")
    assert known.under_way == 0


def test_jobs_whose_progress_changes_are_counted() -> None:
    known, counts = KnownJobs(), []
    for version, shards in enumerate(
        [(), ("running", "running"), ("completed", "running"), ("completed", "completed")]
    ):
        known.saw(job("a", version, "running", *shards))
        known.saw(job("b", version, "running", "failed"))
        counts.append(known.augmenting)
    assert counts == [0, 1, 1, 0]


def test_a_job_that_is_lost_is_forgotten() -> None:
    known = KnownJobs()
    known.saw(job("a", 1))
    known.lost("a")
    known.lost("never seen")
    assert ("a" in known, list(known), known.body("a")) == (False, [], None)
