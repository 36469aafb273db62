"""Datasets, volumes and hubs that name files outside of them are rejected in resolve, with the path."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augmentation_api import AugmentationJobSpec, FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.local.commands import draw_preview
from augmentation_worker.storage.hub.client import HubClient
from augmentation_worker.storage.hub.source import open_source, pin
from tests.integration.worker.conftest import FIXTURES, SAMPLE, WRITE, Hub
from tests.integration.worker.hostile_listing import hub_with_listing
from tests.integration.worker.image_datasets import image_folder, parquet_dataset
from tests.integration.worker.jobs import LocalRun, local_run, spec_of

NO_HUB = "http://127.0.0.1:9"
SECRET = "hf_the_token_of_this_pod"
COMMIT = "1f4e6a2b" * 5


def lerobot(folder: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "pusht_v30", folder))


KINDS: dict[str, Callable[[Path], Path]] = {
    "lerobot": lerobot,
    "parquet": parquet_dataset,
    "image folder": image_folder,
}


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return KINDS[request.param](tmp_path / "volume" / "dataset")


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A token outside of the volumes, as in a pod."""
    path = tmp_path / "run" / "hub-token" / "token"
    path.parent.mkdir(parents=True)
    path.write_text(SECRET)
    return path


def run_of(tmp_path: Path, source: Path) -> LocalRun:
    run = local_run(tmp_path / "job", NO_HUB, None, spec_of("unused/unused", episodes="0:2"))
    return run.with_settings(source_folder=source, output_folder=tmp_path / "volume" / "result")


def refusal(run: LocalRun, phase: PhaseName = PhaseName.RESOLVE, **place: Any) -> str:
    with pytest.raises(WorkerFailure) as caught:
        run.run(phase, **place)
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    printed = run.resource.read().model_dump_json()
    assert SECRET not in caught.value.message + printed
    assert not (run.folder.parent / "volume" / "result").exists()
    return caught.value.message


@pytest.mark.parametrize("name", ["README.md", "meta/notes.txt", "LICENSE"])
def test_resolve_rejects_symlink_to_pod_token(source: Path, tmp_path: Path, token: Path, name: str) -> None:
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).unlink(missing_ok=True)
    (source / name).symlink_to(token)
    message = refusal(run_of(tmp_path, source))
    assert repr(name) in message
    assert str(token) in message


def test_symlink_created_after_resolve_is_not_followed(source: Path, tmp_path: Path, token: Path) -> None:
    run = run_of(tmp_path, source)
    run.run(PhaseName.RESOLVE)
    (source / "LICENSE").unlink(missing_ok=True)
    (source / "LICENSE").symlink_to(token)
    assert "'LICENSE'" in refusal(run, PhaseName.AUGMENT, shard=0, shards=1)


def test_fifo_does_not_block_pod(source: Path, tmp_path: Path) -> None:
    os.mkfifo(source / "notes")
    assert "'notes' is a FIFO" in refusal(run_of(tmp_path, source))


def test_volume_path_that_is_symlink_is_rejected(source: Path, tmp_path: Path, token: Path) -> None:
    (source.parent / "latest").symlink_to(source)
    assert "name the folder that the link leads to" in refusal(run_of(tmp_path, source.parent / "latest"))


def test_symlinks_within_dataset_are_followed(source: Path, tmp_path: Path) -> None:
    (source / "NOTES").write_text("notes")
    (source / "LICENSE").unlink(missing_ok=True)
    (source / "LICENSE").symlink_to("NOTES")
    run = run_of(tmp_path, source)
    run.run_all(1)
    copied = tmp_path / "volume" / "result" / "LICENSE"
    assert copied.read_text() == "notes"
    assert not copied.is_symlink()


def test_snapshot_in_hub_cache_can_be_augmented(source: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "cache" / "datasets--lab--any"
    snapshot, blobs = dataset / "snapshots" / COMMIT, dataset / "blobs"
    blobs.mkdir(parents=True)
    for number, path in enumerate(sorted(path for path in source.rglob("*") if path.is_file())):
        link = snapshot / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        blob = path.rename(blobs / f"{number:064x}")
        link.symlink_to(os.path.relpath(blob, link.parent))
    run = run_of(tmp_path, snapshot)
    run.run_all(1)
    assert (tmp_path / "volume" / "result" / "meta" / "augmentation.json").is_file()


# Local commands.


def command(*arguments: object) -> tuple[int, str]:
    """Run the worker; return its exit code and all output."""
    process = subprocess.run(
        [sys.executable, "-m", "augmentation_worker", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return process.returncode, process.stdout + process.stderr


@pytest.fixture
def job(tmp_path: Path) -> Path:
    path = tmp_path / "job.yaml"
    path.write_text("spec: {augmentation: {copies: 1, seed: 7, episodes: '0'}}")
    return path


def moved_out(source: Path, store: Path) -> Path:
    """Move the largest file of a dataset to another folder and replace it with a symlink."""
    large = max((path for path in source.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    store.mkdir()
    large.rename(store / large.name)
    large.symlink_to(store / large.name)
    return large.relative_to(source)


def refused(link: Path, *arguments: object) -> None:
    code, printed = command(*arguments)
    assert code == FailureReason.SOURCE_INVALID.exit_code, printed
    assert repr(link.as_posix()) in printed
    assert "--follow-links DIR" in printed


def test_run_and_reproduce_follow_symlinks_within_allowed_folder_only(job: Path, tmp_path: Path) -> None:
    source, store = lerobot(tmp_path / "volume" / "dataset"), tmp_path / "store"
    link, output, again = moved_out(source, store), tmp_path / "out" / "result", tmp_path / "again"
    run = ("run", "-f", job, "--source", source, "--output", output, "--device", "cpu")
    reproduce = ("reproduce", output, "--source", source, "--output", again, "--device", "cpu")
    refused(link, *run)
    assert not output.parent.exists()
    code, printed = command(*run, "--follow-links", store)
    assert code == 0, printed
    refused(link, *reproduce)
    code, printed = command(*reproduce, "--follow-links", store)
    assert code == 0, printed
    assert [path.name for path in output.parent.iterdir()] == ["result"]


def test_preview_follows_symlinks_within_allowed_folder_only(job: Path, tmp_path: Path) -> None:
    source, store = image_folder(tmp_path / "volume" / "dataset"), tmp_path / "store"
    link, sheet = moved_out(source, store), tmp_path / "sheet.png"
    preview = ("preview", "-f", job, "--source", source, "-o", sheet)
    refused(link, *preview)
    assert not sheet.exists()
    code, printed = command(*preview, "--follow-links", store)
    assert code == 0, printed
    assert sheet.exists()


def test_source_and_output_folders_can_be_symlinks(job: Path, tmp_path: Path) -> None:
    source, place = parquet_dataset(tmp_path / "data" / "dataset"), tmp_path / "place"
    (tmp_path / "source").symlink_to(source)
    place.mkdir()
    (tmp_path / "output").symlink_to(place)
    code, printed = command(
        "run", "-f", job, "--source", tmp_path / "source", "--output", tmp_path / "output" / "result", "--device", "cpu"
    )
    assert code == 0, printed
    assert [path.name for path in place.iterdir()] == ["result"]


def test_dangling_symlink_cannot_be_allowed(job: Path, tmp_path: Path) -> None:
    code, printed = command(
        "preview", "-f", job, "--source", tmp_path, "-o", "x.png", "--follow-links", tmp_path / "no"
    )
    assert code == 2
    assert "there is no folder" in printed


def test_run_folder_is_private_to_user(job: Path, tmp_path: Path) -> None:
    source, elsewhere = parquet_dataset(tmp_path / "dataset"), tmp_path / "elsewhere"
    run = ("run", "-f", job, "--source", source, "--output", tmp_path / "out" / "result", "--device", "cpu")
    (source / "LICENSE").unlink()
    elsewhere.mkdir()
    uid_of = "from augmentation_worker.local import run; run._make_own = lambda folder: exit(print(folder)); "
    main = "import sys; from augmentation_worker.__main__ import main; main(sys.argv[1:])"
    folder = subprocess.run(
        [sys.executable, "-c", uid_of + main, *map(str, run)], capture_output=True, text=True, check=True
    ).stdout.strip()
    Path(folder).parent.mkdir(parents=True)
    Path(folder).symlink_to(elsewhere)
    code, printed = command(*run)
    assert code == FailureReason.OUTPUT_CONFLICT.exit_code, printed
    assert "remove it" in printed
    assert list(elsewhere.iterdir()) == []


def test_preview_of_folder_with_fifo_terminates(tmp_path: Path) -> None:
    source = parquet_dataset(tmp_path / "dataset")
    os.mkfifo(source / "fifo")
    spec = AugmentationJobSpec.model_validate(spec_of("unused/unused"))
    with pytest.raises(WorkerFailure, match="FIFO"):
        draw_preview(spec, source)


def test_record_that_is_symlink_is_rejected(job: Path, tmp_path: Path, token: Path) -> None:
    (tmp_path / "result" / "meta").mkdir(parents=True)
    (tmp_path / "result" / "meta" / "augmentation.json").symlink_to(token)
    source = parquet_dataset(tmp_path / "dataset")
    code, printed = command("reproduce", tmp_path / "result", "--source", source, "--output", tmp_path / "again")
    assert code == FailureReason.SOURCE_INVALID.exit_code
    assert "outside of the dataset" in printed
    assert SECRET not in printed


# Hostile listings.


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("meta/../../source/meta/tasks.parquet", "'..'"),
        ("meta/../../../token", "'..'"),
        ("/etc/passwd", "absolute"),
        ("meta\\..\\token", "character"),
        ("meta/\x1b]0;owned\x07", "character"),
        ("x" * 300, "255"),
        ("meta", "is a file and also the folder of"),
        ("meta/info.json/token", "is a file and also the folder of"),
        ("meta/info.json", "is listed twice"),
    ],
)
def test_hub_listing_with_unsafe_path_is_rejected(hub: Hub, tmp_path: Path, name: str, finding: str) -> None:
    with hub_with_listing(hub.endpoint, [name]) as endpoint:
        run = local_run(tmp_path / "job", endpoint, WRITE, spec_of(SAMPLE))
        message = refusal(run)
    assert finding in message
    assert message.isprintable()
    assert endpoint in message


def test_hub_cannot_write_local_cache_metadata(hub: Hub, tmp_path: Path) -> None:
    notes = [".cache/huggingface/download/meta/info.json.metadata", ".git/config"]
    with hub_with_listing(hub.endpoint, notes) as endpoint:
        client = HubClient(endpoint, WRITE, "hub-token/token", 3.0, lambda *_: None)
        source = open_source(client, SAMPLE, pin(client, SAMPLE, None, ("v3.0",)), tmp_path)
    assert "meta/info.json" in source.paths
    assert not set(notes) & set(source.paths)


def test_output_listing_with_unsafe_path_is_rejected(hub: Hub, tmp_path: Path) -> None:
    hub.api.create_repo("lab/mislisted", repo_type="dataset", exist_ok=True)
    with hub_with_listing(hub.endpoint, ["../../token"]) as endpoint:
        source = parquet_dataset(tmp_path / "volume" / "dataset")
        spec = {**spec_of("unused/unused"), "output": {"hub": {"repoID": "lab/mislisted"}}}
        run = local_run(tmp_path / "job", endpoint, WRITE, spec).with_settings(source_folder=source)
        with pytest.raises(WorkerFailure) as caught:
            run.run(PhaseName.RESOLVE)
    assert caught.value.reason is FailureReason.OUTPUT_CONFLICT
    assert "'../../token'" in caught.value.message


def test_names_that_differ_in_case_or_unicode_form_are_read_from_hub(hub: Hub, tmp_path: Path) -> None:
    source = lerobot(tmp_path / "source")
    names = ["NOTES.txt", "notes.txt", "caf\u00e9.txt", "cafe\u0301.txt"]
    for name in names:
        (source / name).write_text(name)
    hub.publish("lab/alike", source)
    spec = {**spec_of("lab/alike", episodes="0", copies=1)}
    run = local_run(tmp_path / "job", hub.endpoint, WRITE, spec)
    run = run.with_settings(output_folder=tmp_path / "result")
    run.run_all(1)
    assert {name: (tmp_path / "result" / name).read_text() for name in names} == {name: name for name in names}


def test_path_templates_outside_their_folder_are_rejected(tmp_path: Path, token: Path) -> None:
    source = lerobot(tmp_path / "volume" / "dataset")
    document = json.loads((source / "meta/info.json").read_text())
    document["video_path"] = "videos/{video_key}/../../../{chunk_index}-{file_index}.mp4"
    (source / "meta/info.json").write_text(json.dumps(document))
    assert "video_path must stay inside videos/" in refusal(run_of(tmp_path, source))
