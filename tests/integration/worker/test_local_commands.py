"""The commands run, preview and reproduce, without a cluster."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from augmentation_api import FailureReason
from augmentation_api.identifiers import API_VERSION, JOB_KIND
from tests.fixtures import worker_image
from tests.integration.worker.conftest import FIXTURES, Results
from tests.integration.worker.datasets import CAMERA, check_result, file_hashes
from tests.recorded_copies import provenance_of

SOURCE = FIXTURES / "pusht_v30"
JOB = """\
apiVersion: augmentation.dev/v1alpha1
kind: AugmentationJob
metadata: {name: pusht}
spec:
  source: {hub: {repoID: lab/pusht}}
  output: {hub: {repoID: lab/elsewhere}}
  augmentation: {copies: 2, seed: 7}
"""


def start(*arguments: object, environment: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    program = [sys.executable, "-m", "augmentation_worker", *map(str, arguments)]
    return subprocess.Popen(
        program,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
        # A background process of a shell ignores SIGINT, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # no other thread runs here
    )


def command(*arguments: object, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    process = start(*arguments, environment=environment)
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


@pytest.fixture
def job(tmp_path: Path) -> Path:
    path = tmp_path / "job.yaml"
    path.write_text(JOB)
    return path


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of a local run as in the image for CPUs."""
    folder = tmp_path_factory.mktemp("local-run")
    (folder / "job.yaml").write_text(JOB)
    output = folder / "out" / "result"
    arguments = ("-f", folder / "job.yaml", "--source", SOURCE, "--output", output)
    environment = worker_image.environment(folder / "site")
    code, out, err = command("run", *arguments, "--shards", "2", environment=environment)
    assert code == 0, err
    assert str(output) in out
    assert "6 of 6 episodes (342 frames) become 12 augmented ones" in err
    assert [path.name for path in output.parent.iterdir()] == ["result"]

    code, out, err = command("run", *arguments)
    assert (code, "already" in out) == (0, True)
    return output


def test_local_run_augments_folder_and_pixels_are_reproducible(output: Path, tmp_path: Path, results: Results) -> None:
    check_result(output, SOURCE, 2)
    made = [provenance_of(each)["episodes"] for each in (output, results[1][1])]
    assert made[0] == made[1]

    reproduced = tmp_path / "again"
    code, out, err = command("reproduce", output, "--source", SOURCE, "--output", reproduced)
    assert code == 0, err
    assert "all 12 augmented videos" in out
    assert file_hashes(reproduced)["meta/stats.json"] == file_hashes(output)["meta/stats.json"]


def test_pixels_that_differ_from_record_are_reported(output: Path, tmp_path: Path) -> None:
    record = tmp_path / "augmentation.json"
    document = provenance_of(output)
    changed = next(entry for entry in document["episodes"] if entry["episodeIndex"] == 6)
    changed["cameras"][CAMERA]["pixelHash"] = "0" * len(changed["cameras"][CAMERA]["pixelHash"])
    record.write_text(json.dumps(document))
    code, _, err = command("reproduce", record, "--source", SOURCE, "--output", tmp_path / "again")
    assert code == FailureReason.INTEGRITY_CHECK_FAILED.exit_code
    assert f"episode 6, camera {CAMERA}" in err
    assert "episode 7" not in err


def is_group(number: int) -> bool:
    """Whether a process of this group is left, if only one that has ended and that nobody has waited for."""
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_interrupted_run_stops_its_processes_and_resumes(job: Path, tmp_path: Path) -> None:
    output = tmp_path / "result"
    job.write_text(JOB.replace("copies: 2", "copies: 8"))
    source = tmp_path / "small-files"
    shutil.copytree(SOURCE, source)
    info = json.loads((source / "meta/info.json").read_text())
    (source / "meta/info.json").write_text(json.dumps({**info, "video_files_size_in_mb": 0.001}))  # an episode each
    arguments = ("run", "-f", job, "--source", source, "--output", output)
    process = start(*arguments)
    deadline = time.monotonic() + 600
    while not list(tmp_path.glob(".result.job-*/manifests/shard-0.json")) or not any(
        "video-" in path.read_text() for path in tmp_path.glob(".result.job-*/manifests/shard-0.json")
    ):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "the same command goes on" in err
    while is_group(process.pid):
        assert time.monotonic() < deadline, "some of its processes run on"
        time.sleep(0.1)
    assert not output.exists()
    code, _, err = command(*arguments)
    assert code == 0, err
    assert "of them done before" in err
    check_result(output, SOURCE, 8)


def test_preview_shows_cameras_and_versions_before_job_runs(job: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    code, _, err = command("preview", "-f", job, "--source", SOURCE, "-o", sheet, "--episode", "3")
    assert code == 0, err
    with Image.open(sheet) as image:
        assert image.format == "PNG"
        assert image.width > 3 * 256


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("spec: {augmentation: {copies: 21}}", ["job.yaml", "spec.augmentation.copies"]),
        (f"apiVersion: {API_VERSION}\nkind: Deployment", ["Deployment", JOB_KIND]),
        ("- a\n- list", ["list"]),
        ("a: [", ["not YAML"]),
    ],
)
def test_invalid_job_file_is_reported_with_field(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    code, _, err = command("run", "-f", path, "--source", SOURCE, "--output", tmp_path / "result")
    assert code == FailureReason.SPEC_UNSUPPORTED.exit_code
    assert all(word in err for word in words), err
    assert [each.name for each in tmp_path.iterdir()] == ["job.yaml"]


def test_failure_of_phase_is_reported_once_and_leaves_nothing(job: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(SOURCE, tmp_path / "source"))
    next((source / "videos").rglob("*.mp4")).unlink()
    code, _, err = command("run", "-f", job, "--source", source, "--output", tmp_path / "result")
    assert code == FailureReason.SOURCE_INVALID.exit_code
    assert err.count("which it does not have") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.yaml", "source"]


def test_dataset_cannot_control_terminal_or_forge_lines(job: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(SOURCE, tmp_path / "source"))
    info = json.loads((source / "meta/info.json").read_text())
    info["video_path"] = "videos/\x1b]0;owned\x07\x1b[2J\nresolve: forged\u202e/{nowhere}.mp4"
    (source / "meta/info.json").write_text(json.dumps(info))
    code, out, err = command("run", "-f", job, "--source", source, "--output", tmp_path / "result")
    assert code == FailureReason.SOURCE_INVALID.exit_code
    assert "owned" in err
    assert all(line.isprintable() for line in (out + err).splitlines())
    assert not [line for line in err.splitlines() if line.startswith("resolve: forged")]


def test_preview_without_a_place_for_its_file_is_reported_before_anything_is_read(job: Path, tmp_path: Path) -> None:
    code, _, err = command("preview", "-f", job, "--source", SOURCE, "-o", tmp_path / "missing" / "sheet.png")
    assert code == 2
    assert f"there is no folder {tmp_path / 'missing'} to write sheet.png to: create it first" in err
    code, _, err = command("preview", "-f", job, "--source", SOURCE, "-o", tmp_path)
    assert code == 2
    assert f"{tmp_path} is a folder: name a file in it" in err


def test_preview_of_missing_episode_is_reported(job: Path, tmp_path: Path) -> None:
    code, _, err = command("preview", "-f", job, "--source", SOURCE, "-o", tmp_path / "sheet.png", "--episode", "6")
    assert code == FailureReason.SELECTION_EMPTY.exit_code
    assert "spec.preview.episode: 6" in err
