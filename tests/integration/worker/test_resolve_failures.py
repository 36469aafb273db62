"""Every invalid input is found in resolve, with a typed reason and a helpful message."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from tests.integration.worker.conftest import FIXTURES, OTHER, READ, SAMPLE, Hub
from tests.integration.worker.jobs import LocalRun, spec_of


def refusal(run: LocalRun) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        run.run(PhaseName.RESOLVE)
    last = run.job.status.phase(PhaseName.RESOLVE).events[-1]
    assert (last.status, last.error) == ("failed", caught.value.message)
    assert run.job.status.source is None
    return caught.value


def words_in(failure: WorkerFailure, *words: str) -> bool:
    return all(word in failure.message for word in words)


def test_unknown_dataset_is_reported_as_not_found(hub: Hub, submit: Callable[..., LocalRun]) -> None:
    failure = refusal(submit(spec_of("lab/nowhere")))
    assert failure.reason is FailureReason.SOURCE_NOT_FOUND
    assert words_in(failure, "lab/nowhere", hub.endpoint, "hub-token/token", "spec.source.hub.repoID")


def test_unknown_revision_is_reported_with_known_ones(submit: Callable[..., LocalRun]) -> None:
    spec = spec_of(SAMPLE)
    spec["source"]["hub"]["revision"] = "v9"
    failure = refusal(submit(spec))
    assert failure.reason is FailureReason.REVISION_NOT_FOUND
    assert words_in(failure, "'v9'", "v3.0", "main", "spec.source.hub.revision")


def test_repository_without_dataset_is_unsupported(hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "table.csv").write_text("a,b\n")
    hub.publish("lab/a-table", tmp_path / "other", tag=None)
    failure = refusal(submit(spec_of("lab/a-table")))
    assert failure.reason is FailureReason.SOURCE_FORMAT_UNSUPPORTED
    assert words_in(failure, "meta/info.json", "lab/a-table")


def test_older_format_is_unsupported(hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "pusht_v21", tmp_path / "old")
    info = json.loads((tmp_path / "old/meta/info.json").read_text())
    (tmp_path / "old/meta/info.json").write_text(json.dumps(info | {"codebase_version": "v2.0"}))
    hub.publish("lab/pusht_v20", tmp_path / "old", tag="v2.0")
    failure = refusal(submit(spec_of("lab/pusht_v20")))
    assert failure.reason is FailureReason.SOURCE_FORMAT_UNSUPPORTED
    assert words_in(failure, "v2.0", "v3.0", "v2.1", "convert_dataset_v20_to_v21")


def test_missing_file_of_dataset_is_reported(hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "pusht_v30", tmp_path / "torn")
    shutil.rmtree(tmp_path / "torn" / "videos")
    hub.publish("lab/torn", tmp_path / "torn")
    failure = refusal(submit(spec_of("lab/torn")))
    assert failure.reason is FailureReason.SOURCE_INVALID
    assert words_in(failure, "videos/observation.image/chunk-000/file-000.mp4")


def test_path_template_outside_dataset_is_invalid(hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "pusht_v30", tmp_path / "evil")
    info = json.loads((tmp_path / "evil/meta/info.json").read_text())
    info["video_path"] = "../../{video_key}/{chunk_index}/{file_index}"
    (tmp_path / "evil/meta/info.json").write_text(json.dumps(info))
    hub.publish("lab/evil", tmp_path / "evil")
    assert refusal(submit(spec_of("lab/evil"))).reason is FailureReason.SOURCE_INVALID


def test_read_only_token_is_denied(submit: Callable[..., LocalRun]) -> None:
    failure = refusal(submit(spec_of(SAMPLE), token=READ))
    assert failure.reason is FailureReason.OUTPUT_ACCESS_DENIED
    assert words_in(failure, "lab/pusht_augmented_0f2c9f8e", "may not be written", "hub-token/token")


def test_output_in_another_namespace_is_denied(hub: Hub, submit: Callable[..., LocalRun]) -> None:
    for name in ("lab/pusht", "lab/not-there"):
        failure = refusal(submit(spec_of(SAMPLE) | {"output": {"hub": {"repoID": name}}}, token=OTHER))
        assert failure.reason is FailureReason.OUTPUT_ACCESS_DENIED


@pytest.mark.parametrize("token", [None, "hf_wrong"])
def test_missing_or_wrong_token_is_reported(submit: Callable[..., LocalRun], token: str | None) -> None:
    failure = refusal(submit(spec_of(SAMPLE), token=token))
    assert failure.reason is FailureReason.CREDENTIALS_INVALID
    assert words_in(failure, "hub-token/token", "spec.credentialsSecretRef")
    assert "hf_wrong" not in failure.message


def test_output_with_another_dataset_is_conflict(hub: Hub, submit: Callable[..., LocalRun]) -> None:
    before = hub.head("lab/pusht_v21")
    failure = refusal(submit(spec_of(SAMPLE) | {"output": {"hub": {"repoID": "lab/pusht_v21"}}}))
    assert failure.reason is FailureReason.OUTPUT_CONFLICT
    assert words_in(failure, "lab/pusht_v21", "spec.output.hub.repoID")
    assert hub.head("lab/pusht_v21") == before


@pytest.mark.parametrize(
    ("augmentation", "reason", "words"),
    [
        ({"episodes": "6:100"}, FailureReason.SELECTION_EMPTY, ["'6:100'", "0 to 5"]),
        ({"cameras": ["top"]}, FailureReason.SELECTION_EMPTY, ["'top'", "observation.image"]),
        ({"copies": 20}, FailureReason.LIMIT_EXCEEDED, ["6840", "1000", "limits.maxFrames"]),
    ],
)
def test_unsupported_spec_is_rejected(
    submit: Callable[..., LocalRun], augmentation: dict[str, Any], reason: FailureReason, words: list[str]
) -> None:
    failure = refusal(submit(spec_of(SAMPLE, **augmentation)).with_settings(max_frames=1000))
    assert failure.reason is reason
    assert words_in(failure, *words)


def test_unreachable_hub_is_transient_failure(submit: Callable[..., LocalRun]) -> None:
    failure = refusal(submit(spec_of(SAMPLE), retry_seconds=0.6).with_settings(hub_endpoint="http://127.0.0.1:9"))
    assert failure.reason is FailureReason.HUB_UNAVAILABLE
    assert words_in(failure, "http://127.0.0.1:9")


def test_default_revision_is_format_tag_or_else_main(hub: Hub, submit: Callable[..., LocalRun]) -> None:
    tagged = hub.publish("lab/tagged", FIXTURES / "pusht_v30")
    older = hub.publish("lab/older", FIXTURES / "pusht_v21", tag="v2.1")
    for name in ("lab/tagged", "lab/older"):
        hub.api.upload_file(repo_id=name, repo_type="dataset", path_or_fileobj=b"n", path_in_repo="note.txt")
    untagged = hub.publish("lab/untagged", FIXTURES / "pusht_v30", tag=None)
    for name, commit in (("lab/tagged", tagged), ("lab/older", older), ("lab/untagged", untagged)):
        run = submit(spec_of(name))
        run.run(PhaseName.RESOLVE)
        source = run.job.status.source
        assert source is not None
        assert source.revision == commit


def test_resolve_can_run_twice(submit: Callable[..., LocalRun]) -> None:
    run = submit(spec_of(SAMPLE, episodes="0"))
    run.run(PhaseName.RESOLVE)
    before = run.job.status
    run.run(PhaseName.RESOLVE)
    assert (run.job.status.source, run.job.status.output) == (before.source, before.output)
