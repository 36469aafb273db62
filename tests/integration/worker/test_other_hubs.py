"""Whole jobs on hubs that are not Hugging Face's, or do what is said of it: the modes of the local hub."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.utils._http import default_client_factory

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.client import HubClient, RemoteFile
from augmentation_worker.storage.hub.source import open_source
from devcluster.localhub import mode
from devcluster.localhub.hub_process import requests_seen, running_hub
from devcluster.localhub.mode import Mode
from tests.integration.worker.conftest import FIXTURES, TOKENS, WRITE, Hub
from tests.integration.worker.jobs import LocalRun, local_run, spec_of
from tests.integration.worker.real_hub import report, try_hub

SOURCE = FIXTURES / "pusht_v30"
NAME = "lab/pusht"
MODES = {
    "self-hosted": mode.SELF_HOSTED.with_quotas(2, api=40, resolvers=40),
    "public": replace(mode.PUBLIC, quotas={}),
}


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a hub that has the sample."""
    folder = tmp_path_factory.mktemp("datasets") / "hub"
    set_client_factory(default_client_factory)
    with running_hub(folder, TOKENS) as endpoint:
        Hub(endpoint, HfApi(endpoint=endpoint, token=WRITE)).publish(NAME, SOURCE)
    return folder


@contextmanager
def serving(datasets: Path, folder: Path, served_as: Mode) -> Iterator[Hub]:
    """A hub of this mode with the sample."""
    shutil.copytree(datasets, folder)
    with running_hub(folder, TOKENS, served_as) as endpoint:
        yield Hub(endpoint, HfApi(endpoint=endpoint, token=WRITE))


def job(folder: Path, hub: Hub, output: str | None = "lab/result", source: str = NAME) -> LocalRun:
    spec = spec_of(source, copies=1, episodes="2,4")
    return local_run(
        folder / "job", hub.endpoint, WRITE, spec | ({"output": {"hub": {"repoID": output}}} if output else {})
    )


def fails(run: LocalRun, phase: PhaseName, **place: int) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        run.run(phase, **place)
    assert caught.value.reason.is_permanent
    return caught.value


@pytest.mark.parametrize("name", MODES)
def test_whole_job_on_another_kind_of_hub(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What `make test-hub` does against a real one."""
    with running_hub(tmp_path / "hub", TOKENS, MODES[name]) as endpoint:
        seen: list[dict[str, object]] = []
        trial = try_hub(endpoint, WRITE, "lab", tmp_path, during=lambda: seen.extend(requests_seen(endpoint, WRITE)))
        set_client_factory(default_client_factory)
        left = HfApi(endpoint=endpoint, token=WRITE).list_datasets(author="lab")
        assert not list(left), "both datasets are deleted"
    assert not [each for each in seen if each["status"] in (404, 429)]
    assert not [each for each in seen if each["method"] == "HEAD" or "whoami" in str(each["path"])]
    commits = [each for each in seen if str(each["path"]).endswith(f"{trial.result}/commit/main")]
    assert len(commits) == 1, "a commit whose answer is lost is not repeated"
    report(trial)
    assert f"PASSED: {trial.result}" in capsys.readouterr().out
    told = dict(trial.events[PhaseName.PUBLISH])
    if name == "public":
        assert "check-" in told["checking"]
        assert "is removed" in told["checked"]
    else:
        assert "checking" not in told


def test_what_is_missing_on_a_hub_that_names_no_codes_is_final(datasets: Path, tmp_path: Path) -> None:
    with serving(datasets, tmp_path / "hub", mode.SELF_HOSTED) as hub:
        absent = fails(job(tmp_path / "a", hub, source="lab/absent"), PhaseName.RESOLVE)
        assert absent.reason is FailureReason.SOURCE_NOT_FOUND
        spec = spec_of(NAME) | {"source": {"hub": {"repoID": NAME, "revision": "v9"}}}
        unknown = local_run(tmp_path / "c", hub.endpoint, WRITE, spec)
        assert fails(unknown, PhaseName.RESOLVE).reason is FailureReason.REVISION_NOT_FOUND
        unnamed = fails(job(tmp_path / "d", hub, output=None), PhaseName.RESOLVE)
        assert "name the dataset in spec.output.hub.repoID" in unnamed.message
        client = HubClient(hub.endpoint, WRITE, "", 3.0, lambda attempt, problem: None)
        source = open_source(client, NAME, client.head(NAME) or "", tmp_path / "scratch")
        gone = DatasetPath("gone.bin")
        with pytest.raises(WorkerFailure, match=r"lists the file gone\.bin") as caught:
            replace(source, files={gone: RemoteFile(gone, 1, "", None)}).open(gone)
        assert caught.value.reason is FailureReason.SOURCE_INVALID
        refused = [each for each in requests_seen(hub.endpoint, WRITE) if each["path"].endswith("gone.bin")]
        assert len(refused) == 1, "it is asked for once"


def test_deleted_dataset_that_is_made_again_has_files_that_cannot_be_committed(datasets: Path, tmp_path: Path) -> None:
    """huggingface_hub#3829: whoever deletes a result and repeats the job publishes the same bytes again."""
    with serving(datasets, tmp_path / "hub", MODES["public"]) as hub:
        run = job(tmp_path, hub)
        run.run(PhaseName.RESOLVE)
        run.run_shards(1)
        set_client_factory(default_client_factory)
        hub.api.delete_repo("lab/result", repo_type="dataset")
        run.run(PhaseName.RESOLVE)
        failure = fails(run, PhaseName.PUBLISH, shards=1)
        assert failure.reason is FailureReason.OUTPUT_CONFLICT
        assert "publish under another name (spec.output.hub.repoID)" in failure.message


def test_repository_that_takes_xet_only_is_refused_with_the_way_out(datasets: Path, tmp_path: Path) -> None:
    with serving(datasets, tmp_path / "hub", replace(mode.PLAIN, xet_only=True)) as hub:
        run = job(tmp_path, hub)
        run.run(PhaseName.RESOLVE)
        failure = fails(run, PhaseName.AUGMENT, shard=0, shards=1)
        assert failure.reason is FailureReason.SPEC_UNSUPPORTED
        assert "the transfer xet only" in failure.message
        assert "Git LFS" in failure.message


def test_renamed_datasets_are_found_under_their_old_names(datasets: Path, tmp_path: Path) -> None:
    with serving(datasets, tmp_path / "hub", mode.PLAIN) as hub:
        hub.api.move_repo(NAME, "lab/pushed", repo_type="dataset")
        run = job(tmp_path, hub)
        run.run(PhaseName.RESOLVE)
        set_client_factory(default_client_factory)
        hub.api.move_repo("lab/result", "lab/renamed", repo_type="dataset")
        run.run_shards(1)
        run.run(PhaseName.PUBLISH, shards=1)
        set_client_factory(default_client_factory)
        assert hub.head("lab/renamed", "v3.0") == hub.head("lab/renamed")
