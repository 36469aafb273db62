"""One field of a status that cannot be read hides nothing but itself."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from augmentation_api import AugmentationJob, PhaseName, State
from augmentation_api.model import Timestamp, to_rfc3339
from augmentation_api.readable_status import readable_status
from augmentation_api.spec import MAX_SECONDS

GOOD: dict[str, Any] = {
    "state": "running",
    "source": {"repoID": "lab/kitchen", "episodes": 10, "cameras": ["top", "wrist"]},
    "shards": [{"index": 0, "state": "running"}, {"index": 1, "state": "running"}],
    "phases": [
        {"name": "resolve", "status": "completed", "events": [{"id": "a", "message": "found"}, {"id": "b"}]},
        {"name": "augment", "status": "in_progress", "startedAt": "2026-01-01T00:00:00Z"},
    ],
    "conditions": [
        {"type": "Accepted", "status": "True", "reason": "Fine", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    ],
}
TIMES = [
    "2020-01-01T00:00:00+99:99",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:00",
    "9999-12-31T23:59:59-23:00",
    "2020-01-01T00:00:00",
    "2020-02-30T00:00:00Z",
    "never",
    4e18,
    {},
]


def with_event(**event: object) -> dict[str, Any]:
    resolve, augment = GOOD["phases"]
    return {**GOOD, "phases": [{**resolve, "events": [*resolve["events"], {"id": "c", **event}]}, augment]}


def test_a_status_that_can_be_read_is_read_whole() -> None:
    found = readable_status(GOOD)
    assert found.unreadable == ()
    assert found.status.to_wire()["source"] == GOOD["source"]


@pytest.mark.parametrize("time", TIMES)
def test_a_time_that_cannot_be_read_is_left_out_and_named(time: object) -> None:
    found = readable_status(with_event(message="later", timestamp=time))
    assert found.unreadable == ("status.phases.0.events.2.timestamp",)
    (event,) = (event for event in found.status.phase(PhaseName.RESOLVE).events if event.id == "c")
    assert (event.message, event.timestamp) == ("later", None)
    assert found.status.state == State.RUNNING


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("source", "a text", {"shards": 2, "phases": 2}),
        ("source", {"episodes": 4e18}, {"shards": 2, "phases": 2}),
        ("shards", "a text", {"shards": 0, "phases": 2}),
        ("shards", [{"index": -1}, {"index": 1}], {"shards": 1, "phases": 2}),
        ("shards", [{}, 7, None, {"index": 1}], {"shards": 1, "phases": 2}),
        ("phases", [{"name": "unheard of"}, GOOD["phases"][0]], {"shards": 2, "phases": 1}),
        ("conditions", [{"type": "Accepted"}, *GOOD["conditions"]], {"conditions": 1}),
        ("conditions", [{**GOOD["conditions"][0], "lastTransitionTime": "never"}], {"conditions": 0}),
        ("output", {"url": "javascript:alert(1)"}, {"shards": 2}),
    ],
)
def test_what_cannot_be_read_takes_nothing_else_along(field: str, value: object, kept: dict[str, int]) -> None:
    found = readable_status({**GOOD, field: value})
    assert found.unreadable
    assert all(name.startswith(f"status.{field}") for name in found.unreadable)
    assert {name: len(getattr(found.status, name)) for name in kept} == kept
    assert found.status.state == State.RUNNING


@pytest.mark.parametrize("raw", [None, 7, "a text", [], [1], {"state": ["running"]}, {"phases": [[[]]]}])
def test_whatever_stands_there_is_read_without_an_error(raw: object) -> None:
    assert readable_status(raw).status.phases == []


def test_details_of_a_megabyte_are_left_out() -> None:
    found = readable_status(with_event(data={"much": "x" * 1_200_000, "little": "y"}))
    assert found.status.phase(PhaseName.RESOLVE).events[-1].data == {"little": "y"}


def job(status: object, **spec: object) -> dict[str, Any]:
    source = {"source": {"hub": {"repoID": "lab/kitchen"}}}
    return {"metadata": {"name": "kitchen"}, "spec": {**source, **spec}, "status": status}


def test_a_job_is_read_with_what_can_be_read_of_its_status() -> None:
    read, unreadable = AugmentationJob.read(job({"state": "running", "output": 7}, cancel=True))
    assert (read.spec.cancel, read.status.state, unreadable) == (True, State.RUNNING, ("status.output",))


def test_a_spec_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValidationError, match=r"spec\.parallelism"):
        AugmentationJob.read(job({"output": 7}, parallelism="many"))


def test_durations_stored_before_the_limit_existed_are_clamped() -> None:
    spec = AugmentationJob.from_wire(job({}, ttlSecondsAfterFinished=2**62, activeDeadlineSeconds=2**62)).spec
    assert (spec.ttl_seconds_after_finished, spec.active_deadline_seconds) == (MAX_SECONDS, MAX_SECONDS)


def test_a_time_is_written_with_four_digits_of_its_year() -> None:
    assert to_rfc3339(datetime(1000, 1, 2, tzinfo=UTC)) == "1000-01-02T00:00:00Z"


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    read = TypeAdapter(Timestamp).validate_python("2026-01-01T01:30:00+01:30")
    assert read == datetime(2026, 1, 1, tzinfo=UTC)
