import os
from pathlib import Path

import pytest

from augmentation_worker.media.cores import usable_cores


@pytest.mark.parametrize(("limit", "cores"), [("150000 100000", 2), ("100000 100000", 1), ("5000 100000", 1)])
def test_a_containers_cpu_limit_is_respected(tmp_path: Path, limit: str, cores: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(limit + "\n")
    assert usable_cores(file) == min(cores, len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("limit", ["max 100000", "", "nonsense"])
def test_without_a_limit_all_cores_count(tmp_path: Path, limit: str) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(limit)
    assert usable_cores(file) == len(os.sched_getaffinity(0))


def test_without_cgroups_all_cores_count(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "absent") == len(os.sched_getaffinity(0))
