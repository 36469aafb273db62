"""Missing requirements are reported in one sentence with an exit code, without a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment without any program on the path and with empty caches."""
    return {"HOME": str(tmp_path), "PATH": str(tmp_path), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devcluster", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


NO_CLUSTER = "There is no cluster augmentation: make it with `make cluster-up` or `python3 -m devcluster up`.\n"


def test_status_without_cluster_says_how_to_make_one(bare: dict[str, str]) -> None:
    answer = run(bare, "status")
    assert (answer.returncode, answer.stdout, answer.stderr) == (3, NO_CLUSTER, "")


def test_make_cluster_status_ends_with_that_sentence(bare: dict[str, str]) -> None:
    command = ["make", "--no-print-directory", "cluster-status", f"PYTHON={sys.executable}"]
    environment = {**bare, "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, NO_CLUSTER, "")


def test_env_without_cluster_names_command_that_creates_one(bare: dict[str, str]) -> None:
    answer = run(bare, "env")
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert "devcluster up" in answer.stderr


def test_missing_requirement_is_one_sentence_and_exit_code_2(bare: dict[str, str]) -> None:
    answer = run({**bare, "KIND_EXPERIMENTAL_PROVIDER": "docker"}, "up")
    assert answer.returncode == 2
    assert answer.stderr == (
        "devcluster: No Docker engine answers `docker info`: start one, or unset KIND_EXPERIMENTAL_PROVIDER.\n"
    )


@pytest.mark.parametrize("command", ["up", "status"])
def test_existing_cluster_requires_kubeconfig(bare: dict[str, str], command: str) -> None:
    answer = run({**bare, "CLUSTER": "existing"}, command)
    assert answer.returncode == 2
    assert "KUBECONFIG" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_down_leaves_existing_cluster_unchanged(bare: dict[str, str]) -> None:
    assert run({**bare, "CLUSTER": "existing"}, "down").returncode == 0


def test_existing_cluster_requires_registry(bare: dict[str, str], tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.touch()
    answer = run({**bare, "CLUSTER": "existing", "KUBECONFIG": str(kubeconfig)}, "env")
    assert answer.returncode == 2
    assert "REGISTRY=host:port/prefix" in answer.stderr


def test_read_only_folder_is_reported_without_traceback(bare: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = run({**bare, "XDG_STATE_HOME": str(tmp_path / "file")}, "up")
    assert answer.returncode == 1
    assert "Not a directory" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_unknown_image_is_rejected_before_build(bare: dict[str, str]) -> None:
    answer = run(bare, "images", "planner")
    assert answer.returncode == 1
    assert "No image is called planner" in answer.stderr
