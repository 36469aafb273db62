from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from augmentation_api import AugmentationJobStatus, PhaseName
from augmentation_api.identifiers import shard_field_manager
from augmentation_api.status import (
    MAX_SHARDS,
    WORKER_FIELDS,
    BadEpisodes,
    OutputStatus,
    PreviewStatus,
    Shard,
    ShardTally,
    SourceStatus,
    SplitStatus,
)
from augmentation_api.stored_size import stored_json_size
from augmentation_api.vocabulary import ShardState
from augmentation_worker.cluster.report import Report, Share

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def report(manager: str = "augmentation-worker-shard-1", most: int = 3) -> Report:
    return Report(field_manager=manager, phase=PhaseName.AUGMENT, share=Share(most, 200 * 1024))


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
    report = Report(field_manager="augmentation-worker-shard-0", phase=PhaseName.AUGMENT, share=Share(2, 4096))
    for _ in range(5):
        report = report.with_event("progress", character * 5000, NOW, error=character * 5000, data={"camera": "top"})
    texts = [f"{event.id}{event.status}{event.message}{event.error}cameratop" for event in report.events]
    assert 0 < sum(len(text.encode()) for text in texts) <= 4096
    assert report.events[-1].id.endswith("-000005")


def report_of_many(index: int = 0, **shard: Any) -> Report:
    """The report of one of a hundred shards."""
    report = Report(shard_field_manager(index), PhaseName.AUGMENT, Share.of_shard(MAX_SHARDS))
    return replace(report, shard=Shard(index=index, **shard))


def entry_of(report: Report) -> dict[str, Any]:
    shards: Any = report.to_status()["shards"]
    (entry,) = shards
    return dict(entry)


def test_shard_of_many_has_no_events_but_says_in_its_entry_what_happened_last() -> None:
    report = report_of_many(state=ShardState.RUNNING).with_event("started", "go", NOW)
    assert entry_of(report) == {"index": 0, "state": "running", "message": "go"}
    report = report.with_event("retrying", "once more", NOW, error="the hub is away")
    assert set(report.to_status()) == {"shards"}
    assert entry_of(report)["message"] == "the hub is away"


def test_shard_that_is_done_has_no_message() -> None:
    report = report_of_many(state=ShardState.COMPLETED).with_event("completed", "all is made", NOW)
    assert "message" not in entry_of(report)


@pytest.mark.parametrize("character", ["x", "<", "\N{GRINNING FACE}"])
def test_long_message_leaves_room_for_the_entries_of_all_others(character: str) -> None:
    report = report_of_many(state=ShardState.RUNNING, node="node-1").with_event("started", character * 5000, NOW)
    assert 300 < stored_json_size(entry_of(report)) <= 36 * 1024 // MAX_SHARDS
    AugmentationJobStatus.model_validate(report.to_status())


def test_shard_of_many_that_fails_before_it_counts_anything_says_why() -> None:
    report = Report(shard_field_manager(3), PhaseName.AUGMENT, Share.of_shard(MAX_SHARDS))
    report = report.resumed_from(AugmentationJobStatus(), 3).with_event("failed", "no", NOW, error="the token expired")
    assert entry_of(report) == {"index": 3, "message": "the token expired"}


def test_entry_has_no_zeros_and_no_name_of_a_node_that_is_longer_than_a_label() -> None:
    node = f"{'n' * 70}.compute.internal"
    entry = entry_of(report_of_many(node=node, frames=ShardTally(total=7)))
    assert entry == {"index": 0, "node": "n" * 63, "frames": {"total": 7}}


def test_lists_of_a_source_hold_what_fits() -> None:
    names = [f"observation.images.camera_{number}" for number in range(64)]
    splits = [SplitStatus(name=f"split-{number}", episodes="0:5") for number in range(64)]
    said: Any = replace(report(), source=SourceStatus(cameras=names, splits=splits)).to_status()["source"]
    assert said["cameras"] == names[:36]
    assert len(said["splits"]) == 64
    said = replace(report(), source=SourceStatus(cameras=["top"])).to_status()["source"]
    assert said == {"cameras": ["top"]}
