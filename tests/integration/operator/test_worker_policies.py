"""What a worker pod may write under the chart's admission policies: its own part, and nothing else."""

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest

from augmentation_api import AugmentationJob, AugmentationJobStatus, ConditionType, FailureReason, PhaseName
from augmentation_api.augmentation_class import MAX_CLASS_BYTES
from augmentation_api.identifiers import phase_field_manager, shard_field_manager
from augmentation_api.spec import MAX_SECONDS
from augmentation_api.status import (
    EVENTS_PER_PHASE,
    MAX_COUNT,
    MAX_PREVIEW_BYTES,
    MAX_SHARDS,
    MAX_SIDE,
    MOST_BAD_EPISODES_LISTED,
    MOST_CAMERAS,
    MOST_NAMES_BYTES,
    MOST_SPLITS,
    MOST_STATUS_BYTES,
    MOST_STREAMS,
    BadEpisode,
    BadEpisodes,
    ClassSnapshot,
    OutputStatus,
    PreviewStatus,
    Progress,
    Shard,
    ShardTally,
    SourceStatus,
    SplitStatus,
    StreamStatus,
    Tally,
)
from augmentation_api.stored_size import cut_to_stored_size
from augmentation_api.vocabulary import ShardState
from augmentation_operator.reconcile.decision import operator_part
from augmentation_operator.reconcile.failure_reason import Rejection
from augmentation_operator.reconcile.phase_events import operator_event
from augmentation_operator.reconcile.status_draft import StatusDraft
from augmentation_worker.cluster.report import SHARE_OF_PHASE, Report, Share
from augmentation_worker.formats.bad_episodes import LONGEST_CAUSE
from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import Cluster, Json, install_chart, path_of, until
from tests.integration.operator.workers import NAMESPACE, SHARDS, WorkersJob, apply_status, pod_name, refusal_of

RESOLVE, AUGMENT, PUBLISH = PhaseName.RESOLVE, PhaseName.AUGMENT, PhaseName.PUBLISH
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT = "2026-01-01T00:00:00Z"
SOURCE = SourceStatus(
    repo_id="lab/kitchen",
    revision="c0ffee",
    episodes=10,
    frames=1000,
    selected_frames=1000,
    min_shards=1,
    max_shards=10,
    streams=[StreamStatus(cameras=2, codec="av1", height=480, width=640, bytes_per_frame=5000, preset="12", gop=2)],
)
PLANNED = OutputStatus(dataset_id="lab/result", url="https://hub.example/datasets/lab/result")
PUBLISHED = OutputStatus(
    dataset_id="lab/result", revision="beef", episodes=40, frames=4000, files=["README.md"], url=PLANNED.url
)
NAMES = [
    "kitchen",
    "kitchen-with-a-name-that-is-cut-in-the-names-of-its-children",
    "kitchen-with-a-name-cut-at-a-dash--x-and-longer",
    "lab.kitchen.v2",
    "job-resolve-abcde",
    "a",
]
_numbers = itertools.count()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server of these tests' own, without an operator that would put right what they write."""
    with ControlPlane(tmp_path_factory.mktemp("workers-control-plane")) as plane:
        install_chart(plane)
        administrator = Cluster(plane)
        administrator.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        until_in_force(administrator)
        yield administrator


def until_in_force(cluster: Cluster) -> None:
    """Wait for both policies: the API server takes over what is written to it within some moments."""
    probe = WorkersJob(cluster, "probe")
    account = probe.unbound()

    def is_refused(path: str, change: Json) -> bool:
        headers = {"Content-Type": "application/merge-patch+json"}
        return account.http.patch(path, content=json.dumps(change), headers=headers).status_code == 403

    def in_force() -> bool:
        return is_refused(probe.path("status"), {"status": {"output": {"frames": next(_numbers)}}}) and is_refused(
            probe.record(0), {"data": {"number": str(next(_numbers))}}
        )

    until(in_force, lambda: "the policies are not in force")


@pytest.fixture
def job(cluster: Cluster) -> WorkersJob:
    """A job in its augment phase."""
    return augmenting(WorkersJob(cluster, f"job-{next(_numbers)}"))


def augmenting(job: WorkersJob) -> WorkersJob:
    report_of(RESOLVE, source=SOURCE, output=PLANNED).write(job)
    job.operator_says(
        state="running",
        shardCount=SHARDS,
        startedAt=AT,
        conditions=[{"type": "Placed", "status": "False", "reason": "X", "message": "", "lastTransitionTime": AT}],
        phases=[
            {"name": "resolve", "status": "completed", "startedAt": AT, "completedAt": AT},
            {
                "name": "augment",
                "status": "in_progress",
                "startedAt": AT,
                "events": [{"id": "operator-a", "status": "x"}],
            },
        ],
    )
    return job


class Written:
    """What a pod's report says, and whose it is."""

    def __init__(self, report: Report, phase: PhaseName, index: int | None) -> None:
        self.report, self.phase, self.index = report, phase, index

    def write(self, job: WorkersJob) -> Json:
        return apply_status(job.pod(self.phase, self.index), job, self.report.field_manager, **self.report.to_status())


def report_of(
    phase: PhaseName,
    index: int | None = None,
    events: int = 1,
    text: str = "text",
    shards: int = SHARDS,
    **found: Any,
) -> Written:
    """A report as the worker program makes it."""
    manager = phase_field_manager(phase) if index is None else shard_field_manager(index)
    share = SHARE_OF_PHASE if index is None else Share.of_shard(shards)
    report = Report(field_manager=manager, phase=phase, share=share, **found)
    for number in range(events):
        report = report.with_event("text", text, NOW, error=text, data={"number": str(number)})
    return Written(report, phase, index)


def shard_report(index: int, done: int = 1, **more: Any) -> Written:
    return report_of(
        AUGMENT, index, shard=Shard(index=index, frames=ShardTally(total=100, done=done), updated_at=NOW), **more
    )


def refused(write: Callable[[], object]) -> str:
    with pytest.raises(httpx.HTTPStatusError) as refusal:
        write()
    return refusal_of(refusal.value)


# What a worker does.


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("attempt", "rung"), [(0, 0), (0, 1), (2, 0), (1000, 15)])
def test_all_writes_of_a_job_are_allowed(cluster: Cluster, name: str, attempt: int, rung: int) -> None:
    job = WorkersJob(cluster, name, attempt, rung)
    try:
        augmenting(job)
        for index in (0, 1, 9, 11):
            shard_report(index, events=9).write(job)
            job.pod(AUGMENT, index).merge_patch(job.record(index), {"data": {"episode-0": "done"}})
        for index in (11, 0):
            shard_report(index, done=100, events=3).write(job)
        job.operator_says(state="running", phases=[{"name": "publish", "status": "in_progress", "startedAt": AT}])
        report_of(PUBLISH, events=2).write(job)
        report_of(PUBLISH, events=3, output=PUBLISHED).write(job)
        assert job.status["output"]["revision"] == "beef"
        assert [shard["frames"]["done"] for shard in job.status["shards"]] == [100, 1, 1, 100]
    finally:
        cluster.delete(job.path())


def test_worker_may_write_the_first_status(cluster: Cluster) -> None:
    job = WorkersJob(cluster, f"job-{next(_numbers)}")
    report_of(RESOLVE, source=SOURCE).write(job)
    assert job.status["source"]["revision"] == "c0ffee"


def test_restarted_pod_removes_fields_it_does_not_report_again(job: WorkersJob) -> None:
    shard_report(0, events=4).write(job)
    report_of(AUGMENT, 0).write(job)
    assert job.status["shards"] == []


def test_many_events_with_long_texts_are_truncated(job: WorkersJob) -> None:
    for text in ("x" * 5000, "\N{GRINNING FACE}" * 5000):
        report_of(PUBLISH, events=60, text=text).write(job)
        shard_report(3, events=60, text=text).write(job)
        assert job.status["shards"][-1]["index"] == 3


def test_texts_that_grow_when_encoded_are_truncated_too(job: WorkersJob) -> None:
    for text in ("<&>" * 2000, '"' * 5000):
        report_of(PUBLISH, events=60, text=text).write(job)
        shard_report(3, events=60, text=text).write(job)
        assert job.status["shards"][-1]["index"] == 3


def test_result_may_have_another_page_than_resolve_planned(job: WorkersJob) -> None:
    """As after a new publicEndpoint of the class: to take a field over changes what resolve owns."""
    moved = PUBLISHED.model_copy(update={"url": "https://moved.example/datasets/lab/result"})
    report_of(PUBLISH, output=moved).write(job)
    assert job.status["output"]["url"] == moved.url
    assert job.status["source"]["revision"] == "c0ffee"


def test_preview_of_the_largest_size_is_stored_with_all_that_a_pod_may_write(cluster: Cluster) -> None:
    job = WorkersJob(cluster, f"job-{next(_numbers)}", spec={"preview": {"episode": 3}})
    image = "A" * (4 * (MAX_PREVIEW_BYTES // 3))
    preview = PreviewStatus(media_type="image/jpeg", image=image)
    report_of(RESOLVE, events=EVENTS_PER_PHASE, text="x" * 1000, source=SOURCE, preview=preview).write(job)
    job.operator_says(state="completed", message="x" * 4096)
    assert len(job.status["preview"]["image"]) == len(image)


# What a pod that was taken over may not.


def lie(job: WorkersJob, phase: PhaseName, index: int | None, manager: str, **status: Any) -> str:
    before = job.status
    said = refused(lambda: apply_status(job.pod(phase, index), job, manager, **status))
    assert job.status == before
    return said


@pytest.mark.parametrize(("phase", "index"), [(RESOLVE, None), (AUGMENT, 0)])
def test_only_a_publish_pod_writes_the_output(job: WorkersJob, phase: PhaseName, index: int | None) -> None:
    for manager in ("augmentation-worker-publish", shard_field_manager(0)):
        assert "status.output" in lie(job, phase, index, manager, output=PUBLISHED.to_wire())


def test_only_a_publish_pod_writes_bad_episodes(job: WorkersJob) -> None:
    found = BadEpisodes(count=21, items=[BadEpisode(index=3, cause="x" * 512)])
    for phase, index, manager in ((RESOLVE, None, "augmentation-worker-resolve"), (AUGMENT, 0, shard_field_manager(0))):
        assert "status.badEpisodes" in lie(job, phase, index, manager, badEpisodes=found.to_wire())
    report_of(PUBLISH, bad_episodes=found).write(job)
    assert job.status["badEpisodes"] == found.to_wire()


@pytest.mark.parametrize(("phase", "index"), [(PUBLISH, None), (AUGMENT, 0)])
def test_only_a_resolve_pod_writes_the_source(job: WorkersJob, phase: PhaseName, index: int | None) -> None:
    assert "status.source" in lie(job, phase, index, "augmentation-worker-resolve", source={"revision": "other"})
    assert "status.source" in lie(job, phase, index, "augmentation-worker-resolve")


@pytest.mark.parametrize(("phase", "index"), [(RESOLVE, None), (PUBLISH, None), (AUGMENT, 0)])
def test_nobody_writes_a_preview_of_a_job_that_asks_for_none(
    job: WorkersJob, phase: PhaseName, index: int | None
) -> None:
    manager = shard_field_manager(index) if index is not None else phase_field_manager(phase)
    preview = {"mediaType": "image/png", "image": "AAAA"}
    assert "status.preview" in lie(job, phase, index, manager, preview=preview)


@pytest.mark.parametrize(("phase", "index"), [(PUBLISH, None), (RESOLVE, None), (AUGMENT, 1), (AUGMENT, 10)])
def test_only_a_pod_of_its_index_writes_a_shard(job: WorkersJob, phase: PhaseName, index: int | None) -> None:
    shard_report(0).write(job)
    for entries in ([{"index": 0, "state": "failed"}], [], [{"index": 5, "state": "running"}]):
        assert "status.shards" in lie(job, phase, index, shard_field_manager(0), shards=entries)


@pytest.mark.parametrize("phase", ["resolve", "provision", "augment", "publish"])
@pytest.mark.parametrize("event", ["operator-b", "augmentation-worker-shard-10-01", "augmentation-worker-publish-1"])
def test_shard_writes_only_its_own_events(job: WorkersJob, phase: str, event: str) -> None:
    phases = [{"name": phase, "events": [{"id": event, "status": "text"}]}]
    assert "events" in lie(job, AUGMENT, 1, shard_field_manager(1), phases=phases)


def test_shard_removes_no_events_of_others(job: WorkersJob) -> None:
    assert "operator's to write" in lie(job, AUGMENT, 1, "augmentation-operator", phases=[{"name": "augment"}])
    shard_report(10).write(job)
    said = lie(job, AUGMENT, 1, shard_field_manager(10), shards=[{"index": 10, "frames": {"total": 100, "done": 1}}])
    assert "status.shards" in said or "events" in said


def test_token_bound_to_no_pod_writes_nothing(job: WorkersJob) -> None:
    for account in (job.unbound(), job.account_of_pod("somebody"), job.account_of_pod(f"{job.name}-resolve-abcde")):
        for write in (
            partial(apply_status, account, job, "augmentation-worker-resolve", output={"frames": 1}),
            partial(account.merge_patch, job.record(0), {"data": {"a": "b"}}),
        ):
            assert "token of its own pod" in refused(write)


def test_pod_of_another_job_writes_nothing(cluster: Cluster, job: WorkersJob) -> None:
    other = WorkersJob(cluster, f"job-{next(_numbers)}")
    refused(lambda: other.pod(RESOLVE).merge_patch(job.path("status"), {"status": {"output": {}}}))


def test_other_field_manager_is_denied(job: WorkersJob) -> None:
    shard = {"index": 1, "state": "running"}
    assert "as the field manager augmentation-worker-shard-1" in lie(job, AUGMENT, 1, "somebody", shards=[shard])
    headers = {"Content-Type": "application/merge-patch+json"}
    patch = json.dumps({"status": {"shards": [shard]}})
    answer = job.pod(AUGMENT, 1).http.patch(job.path("status"), content=patch, headers=headers)
    assert "server-side apply" in answer.json()["message"]


def patch_status(job: WorkersJob, index: int, **status: Any) -> str:
    """Patch a status as somebody does who uses the right name, but no server-side apply; gives the refusal."""
    headers = {"Content-Type": "application/merge-patch+json"}
    query = {"fieldManager": shard_field_manager(index)}
    content = json.dumps({"status": status})
    answer = job.pod(AUGMENT, index).http.patch(job.path("status"), params=query, content=content, headers=headers)
    assert answer.status_code == 403, answer.text
    return str(answer.json()["message"])


def test_report_can_be_removed_by_the_next_pod_of_its_index(job: WorkersJob) -> None:
    """What was patched is owned in addition to what is applied, and would stay."""
    assert "by server-side apply" in patch_status(job, 1, shards=[{"index": 1, "state": "failed"}])
    assert job.status["shards"] == []


def test_worker_cannot_change_the_order_of_the_phases(job: WorkersJob) -> None:
    assert "the order of status.phases" in patch_status(job, 1, phases=job.status["phases"][::-1])


@pytest.mark.parametrize(
    "status",
    [
        {"startedAt": AT},
        {"state": "running"},
        {"phases": [{"name": "augment", "startedAt": AT}]},
        {"phases": [{"name": "resolve", "completedAt": AT}]},
    ],
)
def test_worker_owns_no_field_of_the_operator_even_with_the_same_value(job: WorkersJob, status: dict[str, Any]) -> None:
    assert "owns no field" in lie(job, AUGMENT, 1, shard_field_manager(1), **status)


def test_too_many_events_are_denied(job: WorkersJob) -> None:
    events = [{"id": f"augmentation-worker-shard-1-{number:06d}"} for number in range(5)]
    said = lie(job, AUGMENT, 1, shard_field_manager(1), phases=[{"name": "augment", "events": events}])
    assert "at most 4 events" in said


def test_too_long_texts_are_denied(job: WorkersJob) -> None:
    texts = {str(number): "x" * 1024 for number in range(16)}
    events = [{"id": "augmentation-worker-shard-1-000001", "message": "x" * 4096, "data": texts}]
    said = lie(job, AUGMENT, 1, shard_field_manager(1), phases=[{"name": "augment", "events": events}])
    assert "hold at most 17066 bytes" in said


@pytest.mark.parametrize("character", ["<", "\x01"])
def test_pods_cannot_fill_a_status_beyond_its_size_limit(cluster: Cluster, character: str) -> None:
    """etcd takes 1.5 MiB of JSON, in which these characters are six bytes long."""
    job = augmenting(WorkersJob(cluster, f"job-{next(_numbers)}"))

    def write_as_much_as_is_taken(phase: PhaseName, index: int | None, manager: str, count: int, size: int) -> None:
        found = {"source": SOURCE.to_wire(), "output": PLANNED.to_wire()} if phase == RESOLVE else {}
        for length in range(size, 0, -size // 12):
            texts = {"message": character * length, "error": character * length}
            events = [{"id": f"{manager}-{number:06d}", **texts} for number in range(count)]
            try:
                apply_status(job.pod(phase, index), job, manager, phases=[{"name": phase, "events": events}], **found)
            except httpx.HTTPStatusError as refusal:
                assert "as they are stored" in refusal_of(refusal)
            else:
                return

    write_as_much_as_is_taken(RESOLVE, None, "augmentation-worker-resolve", EVENTS_PER_PHASE, 2000)
    for index in range(SHARDS):
        write_as_much_as_is_taken(AUGMENT, index, shard_field_manager(index), EVENTS_PER_PHASE // SHARDS, 2000)
    write_as_much_as_is_taken(PUBLISH, None, "augmentation-worker-publish", EVENTS_PER_PHASE, 2000)
    # Each label is stored twice: also as a name of managedFields.
    labels = {f"label-{number}": "" for number in range(MAX_CLASS_BYTES // len('"label-1000":"",'))}
    snapshot = {"generation": 1, "takenAt": AT, "spec": {"nodeSelector": labels}}
    job.operator_says(state="running", shardCount=SHARDS, message="x" * 4096, classSnapshot=snapshot)
    shard_report(0).write(job)
    report_of(PUBLISH, output=PUBLISHED).write(job)


@pytest.mark.parametrize(
    "event",
    [
        {"id": "augmentation-worker-shard-1-<"},
        {"id": f"augmentation-worker-shard-1-{'x' * 128}"},
        {"id": "augmentation-worker-shard-1-1", "data": {"<": "x"}},
        {"id": "augmentation-worker-shard-1-1", "data": {"x" * 65: "x"}},
    ],
)
def test_names_of_events_and_their_data_are_plain_and_short(job: WorkersJob, event: dict[str, Any]) -> None:
    said = lie(job, AUGMENT, 1, shard_field_manager(1), phases=[{"name": "augment", "events": [event]}])
    assert "letters" in said


@pytest.mark.parametrize(
    "event",
    [
        {"timestamp": "2020-01-01T00:00:00+99:99"},
        {"timestamp": "0000-01-01T00:00:00Z"},
        {"timestamp": "0001-01-01T00:00:00+23:00"},
        {"timestamp": "9999-12-31T23:59:59-23:00"},
        {"timestamp": "2020-02-30T00:00:00Z"},
        {"timestamp": "2020-01-01T25:00:00Z"},
        {"data": {"much": "x" * 1_200_000}},
        {"data": {str(number): "x" for number in range(17)}},
        {"message": "x" * 4097},
        {"retryAttempt": 4 * 10**18},
    ],
)
def test_unreadable_events_are_rejected(job: WorkersJob, event: dict[str, Any]) -> None:
    events = [{"id": "augmentation-worker-shard-1-000001", **event}]
    assert "Invalid value" in lie(
        job, AUGMENT, 1, shard_field_manager(1), phases=[{"name": "augment", "events": events}]
    )


@pytest.mark.parametrize(
    "output",
    [
        {"url": "javascript:alert(1)"},
        {"revision": "../x"},
        {"revision": "x" * 256},
        {"datasetID": "a\x1b]0;b"},
        {"frames": 2**62},
    ],
)
def test_outputs_that_point_elsewhere_are_rejected(job: WorkersJob, output: dict[str, Any]) -> None:
    assert "Invalid value" in lie(job, PUBLISH, None, "augmentation-worker-publish", output=output)


@pytest.mark.parametrize("source", [{"episodes": 4 * 10**18}, {"copies": 1000}, {"cameras": ["x"] * 65}])
def test_counts_beyond_any_dataset_are_rejected(job: WorkersJob, source: dict[str, Any]) -> None:
    said = lie(job, RESOLVE, None, "augmentation-worker-resolve", source=source)
    assert "Invalid value" in said or "Too many" in said


# How large a status becomes.


@pytest.mark.parametrize(
    ("shards", "state"),
    [(25, ShardState.RUNNING), (MAX_SHARDS, ShardState.RUNNING), (MAX_SHARDS, ShardState.COMPLETED)],
)
def test_status_of_the_largest_job_stays_small(cluster: Cluster, shards: int, state: ShardState) -> None:
    """With the longest texts that anybody writes: of 25 shards each has events, of 100 none."""
    job = WorkersJob(cluster, f"{next(_numbers)}-".ljust(63, "x"))
    text = "x<" * 3000

    def write(written: Written) -> None:
        apply_status(cluster, job, written.report.field_manager, **written.report.to_status())

    is_done = state is ShardState.COMPLETED
    for index in range(shards):
        entry = Shard(
            index=index,
            state=state,
            node="ip-10-111-222-233.ap-southeast-10.compute.internal",
            attempt=10,
            episodes=ShardTally(total=10**6, done=10**6, failed=10**6),
            frames=ShardTally(total=10**9, done=10**9),
            bytes=ShardTally(done=10**15),
            frames_per_second=None if is_done else 1234.5,
            updated_at=NOW,
        )
        write(report_of(AUGMENT, index, 6, text, shards, shard=entry))
    write(report_of(RESOLVE, events=60, text=text, source=source_with_many_names(), output=PLANNED))
    if is_done:
        cause = BadEpisode(index=10**6, cause=cut_to_stored_size(text, LONGEST_CAUSE))
        bad = BadEpisodes(count=10**6, items=[cause] * MOST_BAD_EPISODES_LISTED, file="meta/bad_episodes.json")
        write(report_of(PUBLISH, events=60, text=text, output=PUBLISHED, bad_episodes=bad))
    # Last, so that the others' writes are cheap.
    apply_status(cluster, job, "augmentation-operator", **operator_part(longest_status(job, text, shards)))
    assert MOST_STATUS_BYTES / 2 < stored_bytes(job) < MOST_STATUS_BYTES


def source_with_many_names() -> SourceStatus:
    names = [f"observation.images.camera_{number}" for number in range(MOST_CAMERAS)]
    splits = [SplitStatus(name=f"split-{number}", episodes=f"{number}:" + "9" * 100) for number in range(MOST_SPLITS)]
    selected = "10," * (MOST_NAMES_BYTES // 3) + "1"
    stream = StreamStatus(
        cameras=MOST_CAMERAS,
        codec="hevc",
        height=MAX_SIDE,
        width=MAX_SIDE,
        bytes_per_frame=10**9,
        preset="ultrafast",
        gop=1000,
        crf=51,
    )
    update = {"cameras": names, "splits": splits, "selected": selected, "streams": [stream] * MOST_STREAMS}
    return SOURCE.model_copy(update=update)


def longest_status(job: WorkersJob, text: str, shards: int) -> AugmentationJobStatus:
    """What the operator writes at most."""
    draft = StatusDraft(job.job, NOW)
    for kind in ConditionType:
        draft.condition(kind, True, "TheLongestReasonThatThereIs", text)
    for phase in PhaseName:
        draft.complete(phase)
        for number in range(20):
            draft.record(
                phase, operator_event(pod_name(f"{job.name[:44]}-augment", number), "retrying", NOW, error=text)
            )
    draft.fail(Rejection(FailureReason.WORKER_CRASHED, text), PUBLISH)
    counts = Tally(total=MAX_COUNT, done=MAX_COUNT, failed=MAX_COUNT)
    snapshot = ClassSnapshot(generation=1, taken_at=NOW, spec={"image": "x" * (MAX_CLASS_BYTES - len('{"image":""}'))})
    progress = Progress(episodes=counts, frames=counts, bytes=counts, estimated_price=123456.123456)
    draft.set(class_snapshot=snapshot, shard_count=shards, progress=progress)
    return draft.build()


def stored_bytes(job: WorkersJob) -> int:
    """Size of the whole job as the API server keeps it; its spec takes a hundred bytes."""
    return len(job.cluster.http.get(job.path()).content)


# The records.


@pytest.mark.parametrize(("phase", "index"), [(RESOLVE, None), (PUBLISH, None), (AUGMENT, 1), (AUGMENT, 10)])
def test_only_a_pod_of_its_index_writes_the_records_of_a_shard(
    job: WorkersJob, phase: PhaseName, index: int | None
) -> None:
    said = refused(lambda: job.pod(phase, index).merge_patch(job.record(0), {"data": {"episode-0": "mine"}}))
    assert "are the augment pod's of that shard to write" in said
    assert "data" not in job.pod(phase, index).get(job.record(0))


def test_list_of_the_source_is_written_by_resolve_and_read_by_all(job: WorkersJob) -> None:
    listed = {"data": {"files": "eJw="}}
    assert "shard-files" in refused(lambda: job.pod(PUBLISH).merge_patch(job.listing, listed))
    assert "shard-files" in refused(lambda: job.pod(AUGMENT, 0).merge_patch(job.listing, listed))
    job.pod(RESOLVE).merge_patch(job.listing, listed)
    assert job.pod(AUGMENT, 3).get(job.listing)["data"] == {"files": "eJw="}


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"ownerReferences": None}},
        {"metadata": {"labels": {"grafana_dashboard": "1"}}},
        {"metadata": {"labels": {"augmentation.dev/job-uid": None}}},
        {"metadata": {"labels": None}},
        {"metadata": {"annotations": {"a": "b"}}},
        {"metadata": {"finalizers": ["example.com/never"]}},
        {"immutable": True},
    ],
)
def test_worker_changes_only_the_data_of_its_record(job: WorkersJob, change: Json) -> None:
    said = refused(lambda: job.pod(AUGMENT, 0).merge_patch(job.record(0), change))
    # An API server may come first with a rule of its own about owners.
    assert "stay as they are" in said or "cannot set an ownerRef" in said


def test_record_is_text(job: WorkersJob) -> None:
    said = refused(lambda: job.pod(AUGMENT, 0).merge_patch(job.record(0), {"binaryData": {"a": "AAAA"}}))
    assert "binaryData" in said


def test_names_of_field_managers_do_not_fill_a_record(job: WorkersJob) -> None:
    def write_as_many() -> None:
        for number in range(20):
            body = {"apiVersion": "v1", "kind": "ConfigMap", "data": {f"key-{number}": "x"}}
            job.pod(AUGMENT, 0).apply(job.record(0), body, f"manager-{number}")

    assert "too many field managers" in refused(write_as_many)


def test_policy_ignores_config_maps_of_other_programs(cluster: Cluster) -> None:
    """Somebody else's account may be called …-worker too."""
    for kind, spec in (
        ("serviceaccounts", {}),
        ("roles", {"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]}),
        (
            "rolebindings",
            {
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "their-worker"},
                "subjects": [{"kind": "ServiceAccount", "name": "their-worker", "namespace": NAMESPACE}],
            },
        ),
        ("configmaps", {"data": {"a": "b"}}),
    ):
        cluster.post(path_of(kind, NAMESPACE), {"metadata": {"name": "their-worker"}, **spec})
    theirs = cluster.as_account(NAMESPACE, "their-worker")
    changed = theirs.merge_patch(path_of("configmaps", NAMESPACE, "their-worker"), {"data": {"a": "c"}})
    assert changed["data"] == {"a": "c"}


# Times of a spec.


@pytest.mark.parametrize("field", ["ttlSecondsAfterFinished", "activeDeadlineSeconds"])
def test_durations_are_at_most_ten_years(cluster: Cluster, field: str) -> None:
    spec = {"source": {"hub": {"repoID": "lab/kitchen"}}, field: 2**62}
    body = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"name": "long"},
        "spec": spec,
    }
    assert f"spec.{field}" in refused(lambda: cluster.post(path_of("augmentationjobs", NAMESPACE), body))


# What was stored before there were bounds.

_BOUNDS = ("maximum", "pattern", "maxLength", "maxItems", "maxProperties", "x-kubernetes-validations")


def without_bounds(schema: Any) -> Any:
    if isinstance(schema, list):
        return [without_bounds(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: without_bounds(each) for name, each in schema.items() if name not in _BOUNDS}


@contextmanager
def an_older_definition(cluster: Cluster) -> Iterator[None]:
    """The CRD as it was before anything in the status, and times in the spec, had a bound."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/augmentationjobs.augmentation.dev"
    definition = cluster.get(path)
    older = copy.deepcopy(definition)
    fields = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    fields["status"] = without_bounds(fields["status"])
    for name in ("ttlSecondsAfterFinished", "activeDeadlineSeconds"):
        fields["spec"]["properties"][name].pop("maximum")
    cluster.merge_patch(path, {"spec": {"versions": older["spec"]["versions"]}})
    try:
        yield
    finally:
        cluster.merge_patch(path, {"spec": {"versions": definition["spec"]["versions"]}})


def takes(cluster: Cluster, spec: Json) -> bool:
    """Whether a job with this spec is taken: nothing is made."""
    kind = {"apiVersion": "augmentation.dev/v1alpha1", "kind": "AugmentationJob", "metadata": {"name": "tried"}}
    path = path_of("augmentationjobs", NAMESPACE)
    return cluster.http.post(path, params={"dryRun": "All"}, json={**kind, "spec": spec}).is_success


def test_job_stored_before_there_were_bounds_continues_and_can_be_cancelled(cluster: Cluster) -> None:
    if cluster.minor_version < 33:
        pytest.skip(
            "the API server checks all of a status again whenever any of it changes (docs/kubernetes-versions.md)"
        )
    long = {"source": {"hub": {"repoID": "lab/kitchen"}}, "ttlSecondsAfterFinished": 2**62}
    job = WorkersJob(cluster, f"job-{next(_numbers)}")
    with an_older_definition(cluster):
        until(lambda: takes(cluster, long), lambda: "the older definition is not in force")
        cluster.merge_patch(job.path(), {"spec": {"ttlSecondsAfterFinished": 2**62}})
        event = {"id": "augmentation-worker-resolve-000001", "timestamp": "2020-01-01T00:00:00+99:99"}
        status = {"source": {"episodes": 4 * 10**18}, "phases": [{"name": "resolve", "events": [event]}]}
        apply_status(cluster, job, "augmentation-worker-resolve", **status)
    until(lambda: not takes(cluster, long), lambda: "the definition is not in force")

    read, unreadable = AugmentationJob.read(cluster.get(job.path()))
    assert unreadable == ("status.phases.0.events.0.timestamp", "status.source.episodes")
    assert read.spec.ttl_seconds_after_finished == MAX_SECONDS
    job.operator_says(state="running", phases=[{"name": "resolve", "status": "in_progress", "startedAt": AT}])
    cluster.merge_patch(job.path(), {"spec": {"cancel": True}})
    job.operator_says(state="cancelled", cancelledAt=AT)
    assert job.status["state"] == "cancelled"
