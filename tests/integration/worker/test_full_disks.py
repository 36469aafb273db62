"""A full disk is reported, nothing is published, and the job resumes once there is space."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from tests.integration.worker.conftest import FIXTURES
from tests.integration.worker.image_datasets import image_folder, parquet_dataset
from tests.integration.worker.jobs import LocalRun, local_run, spec_of

NO_HUB = "http://127.0.0.1:9"
SIZE = 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk can be mounted by root only: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, left: int) -> Path:
    """Fill the disk except for `left` bytes, and return the file that fills it."""
    filler = disk / ".filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(disk).free - left))
    return filler


def source_of(kind: str, folder: Path) -> Path:
    if kind == "lerobot":
        return FIXTURES / "pusht_v30"
    return (parquet_dataset if kind == "parquet" else image_folder)(folder / "source")


def refusal(run: LocalRun) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        run.run_all()
    assert caught.value.reason is FailureReason.STORAGE_EXHAUSTED
    assert not caught.value.reason.is_permanent
    return caught.value


@pytest.mark.parametrize("kind", ["lerobot", "parquet", "imagefolder"])
def test_full_scratch_space_is_reported(kind: str, disk: Path, tmp_path: Path) -> None:
    run = local_run(tmp_path / "job", NO_HUB, None, spec_of("unused/unused", episodes="4"))
    run = run.with_settings(
        source_folder=source_of(kind, tmp_path), output_folder=tmp_path / "result", scratch=disk / "scratch"
    )
    filler = fill(disk, 8 * 1024)
    assert "scratchSize" in refusal(run).message
    assert not (tmp_path / "result").exists()
    filler.unlink()
    run.run_all()
    assert (tmp_path / "result").exists()


@pytest.mark.parametrize("kind", ["lerobot", "parquet", "imagefolder"])
def test_full_output_disk_is_reported(kind: str, disk: Path, tmp_path: Path) -> None:
    run = local_run(tmp_path / "job", NO_HUB, None, spec_of("unused/unused", episodes="4"))
    run = run.with_settings(source_folder=source_of(kind, tmp_path), output_folder=disk / "result")
    run.run(PhaseName.RESOLVE)
    filler = fill(disk, 8 * 1024)
    failure = refusal(run)
    assert str(disk / "result") in failure.message
    assert "spec.output" in failure.message
    assert not (disk / "result").exists()
    filler.unlink()
    run.run_all()
    assert (disk / "result").exists()
