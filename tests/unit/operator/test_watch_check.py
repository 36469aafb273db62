"""The watch check distinguishes a stalled watch from one without changes."""

from typing import Any

from augmentation_operator.cache.watch_check import WatchCheck


def body(uid: str, version: int) -> dict[str, Any]:
    return {"metadata": {"uid": uid, "resourceVersion": str(version)}}


def watch_that_delivered(*bodies: dict[str, Any]) -> WatchCheck:
    check = WatchCheck()
    for listed in bodies:
        check.observe(listed)
    return check


def test_watch_without_changes_is_not_stalled() -> None:
    check = watch_that_delivered(body("a", 5))
    assert check.compare([body("a", 5)]) == []
    assert not check.is_stalled


def test_watch_that_delivers_no_change_is_stalled() -> None:
    check = watch_that_delivered(body("a", 5))
    assert check.compare([body("a", 6), body("b", 7)]) == [body("a", 6), body("b", 7)]
    assert check.is_stalled


def test_delivered_objects_of_a_list_are_trimmed_to_their_version() -> None:
    check = watch_that_delivered(body("a", 5), body("b", 5))
    known, changed, new = ({**body(uid, version), "spec": {}} for uid, version in (("a", 5), ("b", 6), ("c", 1)))
    assert [check.trim(listed) for listed in (known, changed, new)] == [body("a", 5), changed, new]
    assert check.compare(check.trim(listed) for listed in (known, changed, new)) == [changed, new]


def test_lagging_watch_is_not_stalled() -> None:
    check = watch_that_delivered(body("a", 5))
    check.compare([body("a", 6), body("b", 7)])
    check.observe(body("b", 7))
    assert not check.is_stalled


def test_change_older_than_the_list_proves_nothing() -> None:
    check = watch_that_delivered(body("a", 5))
    check.compare([body("a", 9)])
    check.observe(body("a", 6))
    assert check.is_stalled
    check.observe(body("a", 12))
    assert not check.is_stalled


def test_undelivered_deletion_is_detected() -> None:
    check = watch_that_delivered(body("a", 5))
    assert check.compare([]) == []
    assert check.missed_deletions == {"a"}
    assert check.is_stalled
    check.forget("a")
    assert not check.is_stalled


def test_deletion_before_the_change_is_delivered_is_no_stall() -> None:
    check = watch_that_delivered(body("a", 5))
    check.compare([body("a", 6)])
    check.forget("a")
    assert not check.is_stalled


def test_comparisons_are_independent() -> None:
    check = watch_that_delivered(body("a", 5))
    check.compare([body("a", 6)])
    check.observe(body("a", 6))
    check.compare([body("a", 6)])
    assert not check.is_stalled
