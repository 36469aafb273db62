"""A control plane leaves no process behind, whatever becomes of its start."""

import os
from pathlib import Path

import pytest

from tests.integration.control_plane import ControlPlane


class WithoutCRDs(ControlPlane):
    """One whose programs come up, and to which nothing can be applied."""

    def kubectl(self, *arguments: str, manifest: object = None, user: str = "admin") -> str:
        self.ran = self.process_ids
        raise RuntimeError(f"kubectl {arguments[0]}")


def test_failed_start_ends_its_programs(tmp_path: Path) -> None:
    plane = WithoutCRDs(tmp_path / "plane")
    with pytest.raises(RuntimeError, match="kubectl apply"), plane:
        pytest.fail("entered")
    assert set(plane.ran) == {"etcd", "kube-apiserver"}
    assert plane.process_ids == {}
    for process_id in plane.ran.values():
        with pytest.raises(ProcessLookupError):
            os.kill(process_id, 0)
