"""Where a job's wall time went: every second belongs to one part."""

from typing import Any

import pytest

from benchmarks.cluster_job import PARTS, JobTimes
from benchmarks.whole_job import figures_of


def at(seconds: int) -> str:
    return f"2026-01-02T03:{seconds // 60:02d}:{seconds % 60:02d}Z"


def pod(scheduled: int, began: int, ended: int) -> dict[str, Any]:
    state = {"terminated": {"startedAt": at(began), "finishedAt": at(ended)}}
    conditions = [{"type": "PodScheduled", "lastTransitionTime": at(scheduled)}]
    return {"status": {"conditions": conditions, "containerStatuses": [{"state": state}]}}


def phase(name: str, began: int, ended: int, *events: tuple[str, int, dict[str, str]]) -> dict[str, Any]:
    listed = [{"status": status, "timestamp": at(when), "data": data} for status, when, data in events]
    return {"name": name, "startedAt": at(began), "completedAt": at(ended), "events": listed}


STAGES = {"metadata": "1.0 s", "decode": "10.0 s", "encode": "30.0 s"}
PHASES = [
    phase("resolve", 1, 8, ("started", 5, {}), ("completed", 7, {})),
    phase(
        "augment",
        8,
        115,
        ("started", 14, {}),
        ("started", 15, {}),
        ("completed", 100, STAGES),
        ("completed", 114, STAGES),
    ),
    phase("publish", 115, 119, ("started", 118, {})),
]
TIMES = JobTimes(
    {
        "metadata": {"creationTimestamp": at(0)},
        "status": {"completedAt": at(120), "phases": PHASES},
    },
    {
        "resolve": [pod(1, 3, 8)],
        "augment": [pod(9, 10, 101), pod(9, 11, 115)],
        "publish": [pod(115, 116, 119)],
    },
)


def test_intervals_and_parts_are_the_wall_time() -> None:
    assert TIMES.seconds == 120
    assert sum(TIMES.intervals().values()) == pytest.approx(120)
    assert min(TIMES.intervals().values()) >= 0
    parts = TIMES.parts()
    assert tuple(parts) == PARTS
    assert sum(parts.values()) == pytest.approx(120)


def test_each_second_belongs_to_its_part() -> None:
    parts = TIMES.parts()
    assert parts["scheduling"] == 1 + 1 + 0 + 1 + 1  # three pods, noticing the end of augment's, and of publish's
    assert parts["pull and start"] == 2 + 1 + 1
    assert parts["import"] == 2 + 3 + 2
    assert parts["metadata"] == 3 + 1
    assert (parts["decode"], parts["encode"], parts["upload"]) == (25, 75, 0)
    assert parts["publish"] == 1
    assert TIMES.share_of_augment() == pytest.approx(107 / 120)
    assert TIMES.share_at_work() == pytest.approx(100 / 120)


def test_phase_that_took_less_than_a_second_is_in_the_table_and_in_the_bar() -> None:
    publish = phase("publish", 115, 118, ("started", 118, {}))
    quick = JobTimes(
        {**TIMES.job, "status": {"completedAt": at(120), "phases": [*PHASES[:2], publish]}},
        {**TIMES.pods, "publish": [pod(115, 116, 118)]},
    )
    figures = figures_of(quick, "", 100, short=False)
    assert quick.parts()["publish"] == 0
    assert [row[0] for row in figures.tables[0].rows] == [*PARTS, "wall time"]
    assert ["publish", 0, "0.000"] in figures.tables[0].rows
    assert [series.label for series in figures.plots[0].series] == list(PARTS)
