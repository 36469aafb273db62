"""Pods are killed and hubs fail at any moment: recorded work is kept, and nothing is partially published."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from devcluster.localhub.hub_process import clear_faults, inject_fault, requests_seen
from tests.integration.worker.conftest import SAMPLE, WRITE, Hub, Results
from tests.integration.worker.jobs import LocalRun, spec_of
from tests.recorded_copies import provenance_of

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "tests/fixtures/pusht_v30"
_SHARD = """
import sys
from pathlib import Path
from augmentation_api import PhaseName
from tests.integration.worker.jobs import reopened
reopened(Path(sys.argv[1]), sys.argv[2], sys.argv[3]).run(PhaseName.AUGMENT, shard=0, shards=1)
"""


@pytest.fixture(autouse=True)
def _no_faults_left(hub: Hub) -> Iterator[None]:
    yield
    clear_faults(hub.endpoint, WRITE)


def small(output: str) -> dict[str, object]:
    """A job that takes a few seconds."""
    return spec_of(SAMPLE, episodes="2,4", copies=1) | {"output": {"hub": {"repoID": output}}}


def ready_to_publish(submit: Callable[..., LocalRun], output: str) -> LocalRun:
    run = submit(small(output))
    run.run(PhaseName.RESOLVE)
    run.run_shards(1)
    return run


def publish(run: LocalRun) -> None:
    run.run(PhaseName.PUBLISH, shards=1)


def commits(hub: Hub, dataset: str) -> int:
    return len(hub.api.list_repo_commits(dataset, repo_type="dataset"))


def tags(hub: Hub, dataset: str) -> list[str]:
    return [tag.name for tag in hub.api.list_repo_refs(dataset, repo_type="dataset").tags]


def uploads(hub: Hub, dataset: str) -> int:
    seen = requests_seen(hub.endpoint, WRITE, method="PUT", path_contains=f"/lfs-storage/{dataset}/")
    return sum(request["status"] == 200 for request in seen)


def test_killed_shard_resumes_after_its_last_record(
    hub: Hub, submit: Callable[..., LocalRun], results: Results, tmp_path: Path
) -> None:
    source = tmp_path / "small-files"
    shutil.copytree(SOURCE, source)
    info = json.loads((source / "meta/info.json").read_text())
    (source / "meta/info.json").write_text(json.dumps({**info, "video_files_size_in_mb": 0.001}))  # an episode each
    hub.publish("lab/small-files", source)
    run = submit(spec_of("lab/small-files") | {"output": {"hub": {"repoID": "lab/killed"}}})
    run.run(PhaseName.RESOLVE)
    # A file of the source, two of episodes and the preview are stored; the shard waits with the next, however fast.
    inject_fault(
        hub.endpoint, WRITE, method="PUT", path_contains="/lfs-storage/lab/killed/", skip=4, count=None, hold=True
    )
    shard = subprocess.Popen([sys.executable, "-c", _SHARD, str(run.folder), hub.endpoint, WRITE], cwd=ROOT)
    while "video-0-000001-000001" not in run.manifests.read(0):
        assert shard.poll() is None, "the shard ended before it could be killed"
        time.sleep(0.01)
    shard.send_signal(signal.SIGKILL)
    shard.wait()
    clear_faults(hub.endpoint, WRITE)
    recorded = run.manifests.read(0)
    assert "data" not in recorded
    before = uploads(hub, "lab/killed")
    run.with_settings(shard_attempt=1).run(PhaseName.AUGMENT, shard=0, shards=1)
    assert {key: text for key, text in run.manifests.read(0).items() if key in recorded} == recorded
    left = 6 - sum(key.startswith("video-") for key in recorded)
    assert uploads(hub, "lab/killed") - before <= left + 1, "records take no uploads of their own"
    reported = [event.status for event in run.job.status.phase(PhaseName.AUGMENT).events]
    assert [each for each in reported if each != "encoding"] == ["started", "first_frame", "resumed", "completed"]
    publish(run)
    result, uninterrupted = hub.download("lab/killed", tmp_path / "result"), results[1][1]
    for path in ("data/chunk-000/file-001.parquet", "meta/stats.json"):
        assert (result / path).read_bytes() == (uninterrupted / path).read_bytes()
    made, expected = (provenance_of(folder)["episodes"] for folder in (result, uninterrupted))
    assert made == expected


def test_rerun_of_finished_shard_uploads_nothing(hub: Hub, submit: Callable[..., LocalRun]) -> None:
    run = ready_to_publish(submit, "lab/again")
    before = uploads(hub, "lab/again"), run.manifests.read(0)
    run.run_shards(1)
    assert (uploads(hub, "lab/again"), run.manifests.read(0)) == before


def test_retries_of_hub_requests_are_reported_in_status(hub: Hub, submit: Callable[..., LocalRun]) -> None:
    run = submit(small("lab/hiccup"))
    inject_fault(hub.endpoint, WRITE, path_contains="/tree/", status=503)
    run.run(PhaseName.RESOLVE)
    inject_fault(hub.endpoint, WRITE, method="PUT", path_contains="/lfs-storage/", status=500)
    run.run_shards(1)
    inject_fault(hub.endpoint, WRITE, path_contains="/commit/", disconnect=True)
    publish(run)
    for phase in (PhaseName.RESOLVE, PhaseName.AUGMENT, PhaseName.PUBLISH):
        retries = [event for event in run.job.status.phase(phase).events if event.status == "retrying"]
        assert [event.retry_attempt for event in retries] == [1], phase
        assert retries[0].error
    assert commits(hub, "lab/hiccup") == 2


def test_unavailable_hub_fails_commit_and_nothing_is_published(hub: Hub, submit: Callable[..., LocalRun]) -> None:
    run = ready_to_publish(submit, "lab/away")
    before = hub.head("lab/away")
    inject_fault(hub.endpoint, WRITE, path_contains="/commit/", status=503, count=None)
    with pytest.raises(WorkerFailure) as caught:
        publish(run)
    assert caught.value.reason is FailureReason.HUB_UNAVAILABLE
    assert "503" in caught.value.message
    assert hub.head("lab/away") == before
    assert tags(hub, "lab/away") == []
    clear_faults(hub.endpoint, WRITE)
    publish(run)
    assert tags(hub, "lab/away") == ["v3.0"]


def test_commit_with_lost_response_is_not_repeated(hub: Hub, submit: Callable[..., LocalRun]) -> None:
    run = ready_to_publish(submit, "lab/lost")
    inject_fault(hub.endpoint, WRITE, path_contains="/commit/", status=503, after=True)
    publish(run)
    assert commits(hub, "lab/lost") == 2
    assert hub.head("lab/lost", "v3.0") == hub.head("lab/lost")


def test_publish_restarted_after_its_commit_only_moves_tag(hub: Hub, submit: Callable[..., LocalRun]) -> None:
    run = ready_to_publish(submit, "lab/untagged-yet").with_settings(hub_retry_seconds=0.6)
    inject_fault(hub.endpoint, WRITE, method="POST", path_contains="/tag/", status=503, count=None)
    with pytest.raises(WorkerFailure):
        publish(run)
    committed = hub.head("lab/untagged-yet")
    assert tags(hub, "lab/untagged-yet") == []
    clear_faults(hub.endpoint, WRITE)
    publish(run)
    assert hub.head("lab/untagged-yet") == hub.head("lab/untagged-yet", "v3.0") == committed
    output = run.job.status.output
    assert output is not None
    assert output.revision == committed


def test_unfinished_shard_is_not_published(hub: Hub, submit: Callable[..., LocalRun]) -> None:
    run = submit(small("lab/unfinished"))
    run.run(PhaseName.RESOLVE)
    run.run(PhaseName.AUGMENT, shard=0, shards=2)
    with pytest.raises(WorkerFailure) as caught:
        run.run(PhaseName.PUBLISH, shards=2)
    assert caught.value.reason is FailureReason.RECORDS_LOST
    assert "observation.image of episode 4 (shard 1)" in caught.value.message
    assert commits(hub, "lab/unfinished") == 1


@pytest.mark.parametrize("key", ["video-0-000002-000004", "data", "originals-0"])
def test_record_of_file_missing_on_hub_is_not_published(hub: Hub, submit: Callable[..., LocalRun], key: str) -> None:
    name = f"lab/tampered-{key}"
    run = ready_to_publish(submit, name)
    text = run.manifests.read(0)[key]
    position = text.index('"sha256":"') + len('"sha256":"')
    run.manifests.record(0, {key: text[:position] + "0" * 64 + text[position + 64 :]})
    with pytest.raises(WorkerFailure) as caught:
        publish(run)
    assert caught.value.reason is FailureReason.RECORDS_LOST
    assert commits(hub, name) == 1
    assert tags(hub, name) == []
