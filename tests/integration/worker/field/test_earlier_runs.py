"""A run with a corrected job file uses what the one before has made, and leaves nothing hidden behind."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from augmentation_api import AugmentationJobSpec, FailureReason, PhaseName
from augmentation_worker.cluster.job import LocalJob
from augmentation_worker.cluster.manifest import LocalManifests
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.shard import EpisodeMaker
from augmentation_worker.local import run as local_run
from augmentation_worker.local.earlier_runs import left_behind, locked, take_over
from augmentation_worker.local.job_file import read_job_file
from augmentation_worker.run import run_phase
from augmentation_worker.settings import Settings
from augmentation_worker.storage.folder.output import FolderOutput
from tests.fixtures.field.bad_items import damage_images, rows_with_bad_images
from tests.integration.worker.datasets import file_hashes
from tests.integration.worker.lerobot_recorder import Kind, record

TOP = "observation.images.top"


@pytest.fixture(autouse=True)
def _pods_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The phases run as in their processes, which take seconds each to start."""

    def start(pod: Any) -> Any:
        environment: Mapping[str, str] = {**pod.environment(), "AUGMENTATION_DEVICE": "cpu"}
        settings = Settings.from_environment(environment)
        folder = settings.local_job
        assert folder is not None
        manifests = LocalManifests(folder / "manifests")
        try:
            run_phase(pod.phase, settings, environment, LocalJob(folder), manifests, status_interval=0.01)
        except WorkerFailure as failure:
            pod._last_words.write_text(f'{{"reason": "{failure.reason}", "message": "failed"}}')
            code = failure.reason.exit_code
        else:
            code = 0
        return SimpleNamespace(poll=lambda: code)

    monkeypatch.setattr(local_run.Pod, "start", start)
    monkeypatch.setattr(local_run, "POLL_SECONDS", 0.0)


def prepared(tmp_path: Path, source: Path, shards: int = 1, name: str = "result", **spec: Any) -> local_run.LocalRun:
    job = {"augmentation": {"copies": 1, "seed": 7, **spec.pop("augmentation", {})}, **spec}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    return local_run.prepared(read_job_file(tmp_path / "job.yaml"), source, tmp_path / name, shards, "cpu")


def read_job(tmp_path: Path) -> AugmentationJobSpec:
    (tmp_path / "job.yaml").write_text("augmentation: {copies: 1, seed: 7}")
    return read_job_file(tmp_path / "job.yaml")


def failed(run: local_run.LocalRun) -> None:
    with pytest.raises(WorkerFailure) as caught:
        local_run.execute(run, quiet=True)
    assert caught.value.reason is FailureReason.SOURCE_INVALID


def events(run: local_run.LocalRun, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run a job to its end; gives the paths of what its shards stored."""
    stored: list[str] = []
    put = FolderOutput.put

    def counted(output: FolderOutput, path: Any, content: Path) -> Any:
        stored.append(path)
        return put(output, path, content)

    with monkeypatch.context() as patched:
        patched.setattr(FolderOutput, "put", counted)
        local_run.execute(run, quiet=True)
    return stored


def hidden(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("."))


def results(folder: Path) -> dict[str, str]:
    names_the_job = {"meta/augmentation.json", "README.md"}
    return {path: digest for path, digest in file_hashes(folder).items() if path not in names_the_job}


def test_corrected_selection_makes_no_block_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = rows_with_bad_images(tmp_path / "source", 220, {205, 210})
    first = prepared(tmp_path, source)
    failed(first)
    assert len(left_behind(first.folders)) == len(hidden(tmp_path)) == 2
    corrected: dict[str, Any] = {"augmentation": {"episodes": "0:205,206:210,211:220"}}
    stored = events(prepared(tmp_path, source, shards=2, **corrected), monkeypatch)
    assert not [path for path in stored if path.startswith("augmented/")]
    assert hidden(tmp_path) == []
    local_run.execute(prepared(tmp_path, source, name="reference", **corrected), quiet=True)
    assert results(tmp_path / "result") == results(tmp_path / "reference")


def own_files(source: Path) -> None:
    """Of files of a few bytes, each episode gets its own: with others in it, a file would not be taken over."""
    info = json.loads((source / "meta/info.json").read_text())
    (source / "meta/info.json").write_text(json.dumps({**info, "video_files_size_in_mb": 0.0001}))


@pytest.mark.parametrize(("version", "kind"), [("v3.0", Kind.VIDEO), ("v2.1", Kind.PNG)])
def test_other_episodes_are_not_augmented_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, kind: Kind
) -> None:
    source = record(tmp_path / "source", version, {TOP: kind}, (6, 5, 4))
    own_files(source)
    first = prepared(tmp_path, source)
    for phase in (PhaseName.RESOLVE, PhaseName.AUGMENT):
        local_run._wait(first, [local_run.Pod(first, phase, 0 if phase is PhaseName.AUGMENT else None)], lambda: None)
    augmented = []
    make, own = f"{EpisodeMaker.__module__}.EpisodeMaker._add", EpisodeMaker._add
    monkeypatch.setattr(make, lambda *arguments: augmented.append(arguments))
    corrected: dict[str, Any] = {"augmentation": {"where": "length < 6" if version == "v3.0" else "length in [4, 5]"}}
    local_run.execute(prepared(tmp_path, source, **corrected), quiet=True)
    assert augmented == []
    assert hidden(tmp_path) == []
    monkeypatch.setattr(make, own)
    local_run.execute(prepared(tmp_path, source, name="reference", **corrected), quiet=True)
    assert results(tmp_path / "result") == results(tmp_path / "reference")


def one_megabyte_an_episode(source: Path) -> None:
    """What counts is what a source's own frames take: its file gets a box that players skip."""
    video = next(source.rglob("*.mp4"))
    size = 5 * 2**20
    with video.open("ab") as file:
        file.write(size.to_bytes(4, "big") + b"free" + bytes(size - 8))


def test_run_goes_on_with_files_of_another_size(tmp_path: Path) -> None:
    source = record(tmp_path / "source", "v3.0", {TOP: Kind.VIDEO}, (6, 5, 4))
    one_megabyte_an_episode(source)
    command: dict[str, Any] = {"spec": read_job(tmp_path), "source": source, "shards": 1, "device": "cpu"}
    for phase in (PhaseName.RESOLVE, PhaseName.AUGMENT):
        small = local_run.prepared(**command, output=tmp_path / "result", checkpoint_mb=1)
        local_run._wait(small, [local_run.Pod(small, phase, 0 if phase is PhaseName.AUGMENT else None)], lambda: None)
    large = local_run.prepared(**command, output=tmp_path / "result")
    assert (large.uid, large.folder == small.folder) == (small.uid, False)
    with locked(small.folder), pytest.raises(WorkerFailure, match="with other --shards or --checkpoint-mb"):
        local_run.execute(large, quiet=True)
    (tmp_path / "job.yaml").write_text("augmentation: {copies: 1, seed: 7, episodes: '0:2'}")
    fewer: dict[str, Any] = {**command, "spec": read_job_file(tmp_path / "job.yaml")}
    corrected = local_run.prepared(**fewer, output=tmp_path / "result", checkpoint_mb=1)
    local_run._wait(corrected, [local_run.Pod(corrected, PhaseName.RESOLVE)], lambda: None)
    assert take_over(corrected.folders) == 2  # the files of its two episodes
    local_run.execute(large, quiet=True)
    assert hidden(tmp_path) == []
    local_run.execute(local_run.prepared(**command, output=tmp_path / "reference"), quiet=True)
    assert results(tmp_path / "result") == results(tmp_path / "reference")


def test_run_that_skips_what_it_failed_for_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = record(tmp_path / "source", "v3.0", {TOP: Kind.PNG}, (6, 5, 4))
    damage_images(source, TOP, {1})
    first = prepared(tmp_path, source)
    failed(first)
    assert (first.folder / "manifests/bad_episodes.json").exists()
    skipping = prepared(tmp_path, source, onBadEpisode="skip")
    assert (skipping.uid, skipping.folder) == (first.uid, first.folder)
    events(skipping, monkeypatch)
    assert hidden(tmp_path) == []


def test_folder_of_a_run_that_is_running_is_left_alone(tmp_path: Path) -> None:
    source = rows_with_bad_images(tmp_path / "source", 120, {101})
    first = prepared(tmp_path, source)
    failed(first)
    with locked(first.folder) as is_free:
        assert is_free
        with pytest.raises(WorkerFailure, match="the same job is running"):
            local_run.execute(first, quiet=True)
        # Of the two shards one has nothing to do.
        local_run.execute(prepared(tmp_path, source, shards=2, augmentation={"episodes": "0:50"}), quiet=True)
        assert first.folder.exists()
    assert (tmp_path / "result").is_dir()


def test_folder_keeps_what_was_replaced_under_its_path(tmp_path: Path) -> None:
    output = FolderOutput(tmp_path / "result", "result", "0123456789")
    for text in ("first", "second"):
        (tmp_path / text).write_text(text)
    path: Any = "data/a.parquet"
    first, second = output.put(path, tmp_path / "first"), output.put(path, tmp_path / "second")
    for stored, text in ((first, "first"), (second, "second")):
        output.fetch(stored, tmp_path / "fetched")
        assert (tmp_path / "fetched").read_text() == text
        assert output.missing([stored]) == []
    output.commit("", checked="", stored=[first], written={})
    assert [file.read_text() for file in (tmp_path / "result").rglob("*") if file.is_file()] == ["first"]
