"""The mirror of a collection: its groups, its notifications, and objects that cannot be read."""

import asyncio
import logging
from typing import Any

import pytest

from augmentation_operator.cache.cluster_mirror import Mirror

Json = dict[str, Any]


class Situation:
    """A mirror of objects, grouped by their label `of`, that stores their number; and the groups that it notified."""

    def __init__(self) -> None:
        self.notified: list[str] = []
        self.mirror = Mirror(lambda raw: str(raw["metadata"]["labels"]["of"]), read, self.notified.append)

    def lists(self, *objects: Json, version: int = 1) -> None:
        kept = [self.mirror.keep(raw) for raw in objects]
        self.mirror.replace({"metadata": {"resourceVersion": str(version)}, "items": kept})

    def event(self, kind: str, raw: Json) -> int:
        return self.mirror.apply({"type": kind, "object": raw})

    def of(self, group: str) -> list[int]:
        return sorted(self.mirror.of(group))


def thing(uid: str, group: str, number: int | None = 0, version: int = 1) -> Json:
    metadata = {
        "uid": uid,
        "name": uid,
        "namespace": "robots",
        "labels": {"of": group},
        "resourceVersion": str(version),
    }
    return {"kind": "Thing", "metadata": metadata, **({} if number is None else {"number": number})}


def read(raw: Any) -> int:
    return int(raw["number"])


@pytest.fixture
def situation() -> Situation:
    return Situation()


def test_list_fills_the_groups_and_notifies_each(situation: Situation) -> None:
    situation.lists(thing("a", "x", 1), thing("b", "x", 2), thing("c", "y", 3))
    assert (situation.of("x"), situation.of("y"), situation.of("z")) == ([1, 2], [3], [])
    assert sorted(situation.notified) == ["x", "y"]
    assert len(situation.mirror) == 3


def test_changes_are_applied_and_return_the_version_to_resume_from(situation: Situation) -> None:
    situation.lists(thing("a", "x", 1))
    situation.notified.clear()
    assert situation.event("ADDED", thing("b", "x", 2, version=5)) == 5
    assert situation.event("MODIFIED", thing("a", "x", 7, version=6)) == 6
    assert situation.of("x") == [2, 7]
    assert situation.event("DELETED", thing("b", "x", 2, version=8)) == 8
    assert situation.of("x") == [7]
    assert situation.notified == ["x", "x", "x"]


def test_bookmark_changes_only_the_version(situation: Situation) -> None:
    assert situation.event("BOOKMARK", {"metadata": {"resourceVersion": "90"}}) == 90
    assert situation.notified == []


def test_new_list_notifies_only_changed_groups(situation: Situation) -> None:
    situation.lists(thing("a", "same", 1), thing("b", "changed", 1), thing("c", "gone", 1))
    situation.notified.clear()
    situation.lists(thing("a", "same", 1), thing("b", "changed", 2), thing("d", "new", 1))
    assert sorted(situation.notified) == ["changed", "gone", "new"]
    assert situation.of("gone") == []


def test_object_whose_group_changed_is_only_in_the_new_one(situation: Situation) -> None:
    situation.lists(thing("a", "x", 1))
    situation.event("MODIFIED", thing("a", "y", 1, version=2))
    assert (situation.of("x"), situation.of("y")) == ([], [1])


def test_unreadable_object_is_logged_and_left_out(situation: Situation, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        situation.lists(thing("a", "x", 1), thing("b", "x", None))
    assert situation.of("x") == [1]
    assert "Thing robots/b cannot be read and is ignored" in caplog.text
    situation.event("MODIFIED", thing("a", "x", None, version=2))
    assert situation.of("x") == []


async def test_mirror_is_synced_by_its_first_list(situation: Situation) -> None:
    waiting = asyncio.create_task(situation.mirror.synced())
    await asyncio.sleep(0)
    assert not waiting.done()
    situation.lists()
    await asyncio.wait_for(waiting, 60)
