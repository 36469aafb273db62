from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from augmentation_api import AugmentationJobStatus, PhaseName
from augmentation_api.status import WORKER_FIELDS, BadEpisodes, OutputStatus, PreviewStatus, Shard, SourceStatus
from augmentation_worker.cluster.report import Report

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def report(manager: str = "augmentation-worker-shard-1", most: int = 3) -> Report:
    return Report(field_manager=manager, phase=PhaseName.AUGMENT, most_events=most)


def status_of(*reports: Report) -> AugmentationJobStatus:
    events = [event for one in reports for event in one.events]
    shards = [one.shard for one in reports if one.shard]
    wire = [event.to_wire() for event in events]
    return AugmentationJobStatus.model_validate(
        {"phases": [{"name": "augment", "events": wire}], "shards": [shard.to_wire() for shard in shards]}
    )


def test_report_writes_the_fields_of_workers_and_no_others() -> None:
    whole = replace(
        report(),
        shard=Shard(index=0),
        source=SourceStatus(),
        output=OutputStatus(),
        bad_episodes=BadEpisodes(count=0),
        preview=PreviewStatus(media_type="image/png", image="iVBORw0KGgo="),
    )
    assert set(whole.to_status()) == {"phases", *WORKER_FIELDS}


def test_events_are_named_after_their_writer_and_numbered() -> None:
    said = report().with_event("started", "Off we go", NOW).with_event("progress", "On we go", NOW)
    assert [event.id for event in said.events] == [f"augmentation-worker-shard-1-00000{number}" for number in (1, 2)]


def test_only_the_newest_events_are_kept_and_no_number_is_used_twice() -> None:
    said = report()
    for number in range(6):
        said = said.with_event("progress", str(number), NOW)
    assert [event.message for event in said.events] == ["3", "4", "5"]
    assert said.events[-1].id.endswith("-000006")


def test_a_restarted_pod_continues_the_events_of_its_predecessor() -> None:
    before = report().with_event("started", "first try", NOW)
    others = report("augmentation-worker-shard-11").with_event("started", "another shard", NOW)
    resumed = report().resumed_from(status_of(others, before), 1).with_event("resumed", "second try", NOW)
    assert [event.message for event in resumed.events] == ["first try", "second try"]
    assert len({event.id for event in resumed.events}) == 2


def test_a_restarted_pod_keeps_its_entry_until_it_sets_another() -> None:
    entry = Shard(index=1, attempt=0)
    status = AugmentationJobStatus.model_validate({"shards": [{"index": 0}, entry.to_wire()]})
    assert report().resumed_from(status, 1).shard == entry


def test_only_what_the_pod_owns_is_applied() -> None:
    status = report().with_event("started", "go", NOW).to_status()
    assert set(status) == {"phases"}
    phases: Any = status["phases"]
    (phase,) = phases
    assert set(phase) == {"name", "events"}


def test_long_messages_are_cut_to_what_the_resource_holds() -> None:
    said = report().with_event("failed", "x" * 10_000, NOW, error="y" * 10_000)
    assert (len(said.events[0].message or ""), len(said.events[0].error or "")) == (4096, 4096)


@pytest.mark.parametrize("character", ["x", "\N{GRINNING FACE}", "<"])
def test_a_report_holds_no_more_text_than_the_policy_for_workers_allows(character: str) -> None:
    report = Report(
        field_manager="augmentation-worker-shard-0", phase=PhaseName.AUGMENT, most_events=2, most_bytes=4096
    )
    for _ in range(5):
        report = report.with_event("progress", character * 5000, NOW, error=character * 5000, data={"camera": "top"})
    texts = [f"{event.id}{event.status}{event.message}{event.error}cameratop" for event in report.events]
    assert 0 < sum(len(text.encode()) for text in texts) <= 4096
    assert report.events[-1].id.endswith("-000005")
