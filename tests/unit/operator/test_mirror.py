"""The copies of children and classes: what is in them, whom they tell, and what they do with what cannot be read."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from augmentation_operator.cache.mirror import Mirror

Json = dict[str, Any]


class Situation:
    """A mirror of objects whose group is their label `of` and of which the number is kept; and whom it has told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.mirror = Mirror(lambda raw: str(raw["metadata"]["labels"]["of"]), read, self.told.append)

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


def test_a_list_fills_the_groups_and_tells_each(situation: Situation) -> None:
    situation.lists(thing("a", "x", 1), thing("b", "x", 2), thing("c", "y", 3))
    assert (situation.of("x"), situation.of("y"), situation.of("z")) == ([1, 2], [3], [])
    assert sorted(situation.told) == ["x", "y"]
    assert len(situation.mirror) == 3


def test_changes_are_taken_over_told_and_give_the_version_to_resume_from(situation: Situation) -> None:
    situation.lists(thing("a", "x", 1))
    situation.told.clear()
    assert situation.event("ADDED", thing("b", "x", 2, version=5)) == 5
    assert situation.event("MODIFIED", thing("a", "x", 7, version=6)) == 6
    assert situation.of("x") == [2, 7]
    assert situation.event("DELETED", thing("b", "x", 2, version=8)) == 8
    assert situation.of("x") == [7]
    assert situation.told == ["x", "x", "x"]


def test_a_bookmark_changes_nothing_but_the_version(situation: Situation) -> None:
    assert situation.event("BOOKMARK", {"metadata": {"resourceVersion": "90"}}) == 90
    assert situation.told == []


def test_a_new_list_tells_only_of_what_is_another_than_before(situation: Situation) -> None:
    situation.lists(thing("a", "same", 1), thing("b", "changed", 1), thing("c", "gone", 1))
    situation.told.clear()
    situation.lists(thing("a", "same", 1), thing("b", "changed", 2), thing("d", "new", 1))
    assert sorted(situation.told) == ["changed", "gone", "new"]
    assert situation.of("gone") == []


def test_an_object_whose_group_was_changed_is_in_the_new_one_alone(situation: Situation) -> None:
    situation.lists(thing("a", "x", 1))
    situation.event("MODIFIED", thing("a", "y", 1, version=2))
    assert (situation.of("x"), situation.of("y")) == ([], [1])


def test_what_cannot_be_read_is_said_and_left_out(situation: Situation, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        situation.lists(thing("a", "x", 1), thing("b", "x", None))
    assert situation.of("x") == [1]
    assert "Thing robots/b cannot be read and is ignored" in caplog.text
    situation.event("MODIFIED", thing("a", "x", None, version=2))
    assert situation.of("x") == []


async def test_it_is_filled_by_its_first_list(situation: Situation) -> None:
    waiting = asyncio.create_task(situation.mirror.synced())
    await asyncio.sleep(0)
    assert not waiting.done()
    situation.lists()
    await asyncio.wait_for(waiting, 1)
