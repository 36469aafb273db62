"""A watch that has gone silent is told from one that has nothing to show."""

from __future__ import annotations

from typing import Any

from augmentation_operator.cache.watch_check import WatchCheck


def body(uid: str, version: int) -> dict[str, Any]:
    return {"metadata": {"uid": uid, "resourceVersion": str(version)}}


def watch_that_showed(*bodies: dict[str, Any]) -> WatchCheck:
    check = WatchCheck()
    for each in bodies:
        check.observe(each)
    return check


def test_a_watch_with_nothing_to_show_is_not_stalled() -> None:
    check = watch_that_showed(body("a", 5))
    assert check.compare([body("a", 5)]) == []
    assert not check.is_stalled


def test_a_watch_that_shows_nothing_of_what_is_there_is_stalled() -> None:
    check = watch_that_showed(body("a", 5))
    assert check.compare([body("a", 6), body("b", 7)]) == [body("a", 6), body("b", 7)]
    assert check.is_stalled


def test_of_what_the_watch_has_shown_a_list_is_kept_by_version_alone() -> None:
    check = watch_that_showed(body("a", 5), body("b", 5))
    known, changed, new = ({**body(uid, version), "spec": {}} for uid, version in (("a", 5), ("b", 6), ("c", 1)))
    assert [check.trim(each) for each in (known, changed, new)] == [body("a", 5), changed, new]
    assert check.compare(check.trim(each) for each in (known, changed, new)) == [changed, new]


def test_a_watch_that_only_lags_is_not_stalled() -> None:
    check = watch_that_showed(body("a", 5))
    check.compare([body("a", 6), body("b", 7)])
    check.observe(body("b", 7))
    assert not check.is_stalled


def test_news_that_are_older_than_the_list_prove_nothing() -> None:
    check = watch_that_showed(body("a", 5))
    check.compare([body("a", 9)])
    check.observe(body("a", 6))
    assert check.is_stalled
    check.observe(body("a", 12))
    assert not check.is_stalled


def test_a_deletion_that_was_never_shown_is_noticed() -> None:
    check = watch_that_showed(body("a", 5))
    assert check.compare([]) == []
    assert check.missed_deletions == {"a"}
    assert check.is_stalled
    check.forget("a")
    assert not check.is_stalled


def test_what_is_deleted_before_the_watch_shows_its_change_makes_no_stall() -> None:
    check = watch_that_showed(body("a", 5))
    check.compare([body("a", 6)])
    check.forget("a")
    assert not check.is_stalled


def test_each_comparison_stands_for_itself() -> None:
    check = watch_that_showed(body("a", 5))
    check.compare([body("a", 6)])
    check.observe(body("a", 6))
    check.compare([body("a", 6)])
    assert not check.is_stalled
