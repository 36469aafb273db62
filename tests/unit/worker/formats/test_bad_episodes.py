"""What is said of episodes that cannot be used: in the status, in messages, and in a file of the result."""

import json
from types import SimpleNamespace
from typing import Any

from augmentation_worker.formats.bad_episodes import BadEpisodes
from augmentation_worker.formats.entries import Document, ShardEntries, UnitEntry
from augmentation_worker.formats.records import unusable_of


def found(*units: dict[int, str]) -> BadEpisodes:
    document = Document(sha256="0" * 64, size=1)
    entries = [UnitEntry(document=document, file_bytes=0, unusable=unusable_of(causes)) for causes in units]
    return BadEpisodes.found_by([ShardEntries({str(number): entry}) for number, entry in enumerate(entries)])


def plan(selected: list[range], nouns: str = "episodes") -> Any:
    outline = SimpleNamespace(selected=selected, nouns=nouns)
    return SimpleNamespace(outline=outline, place_of=lambda index: f"episode {index}")


def test_findings_of_all_shards_are_joined_by_cause() -> None:
    bad = found({1: "cut short", 2: "cut short", 9: "no image"}, {30: "cut short"})
    assert (bad.count, bad.ranges) == (4, (range(1, 3), range(9, 10), range(30, 31)))
    assert bad.first(3) == [(1, "cut short"), (2, "cut short"), (9, "no image")]
    assert json.loads(bad.document()) == {
        "count": 4,
        "episodes": "1:3,9,30",
        "causes": [{"cause": "cut short", "episodes": "1:3,30"}, {"cause": "no image", "episodes": "9"}],
    }


def test_status_lists_the_first_twenty() -> None:
    status = found(dict.fromkeys(range(5, 50), "x" * 900)).to_status(plan([range(100)]), in_result=False)
    assert (status.count, len(status.items), status.items[-1].index, status.file) == (45, 20, 24, None)
    assert all(len(item.cause) <= 512 for item in status.items)


def test_message_names_the_first_the_count_and_the_way_out() -> None:
    message = found(dict.fromkeys((3, 5, 6, 7), "cut short")).failure(plan([range(2, 10)]), "all in a.json").message
    for words in (
        "4 of the 8 selected episodes",
        "episode 3: cut short; episode 5",
        "1 more (all in a.json)",
        "'2,4,8:10'",
    ):
        assert words in message
    many = found(dict.fromkeys(range(0, 300, 2), "cut short")).failure(plan([range(10**7)]), "")
    assert len(many.message) < 1000
