"""`down --purge` deletes images and folders of this checkout that no cluster uses."""

import os
from pathlib import Path

import pytest

from devcluster.caches import remove_caches
from devcluster.cluster_state import ClusterState, write_state
from devcluster.errors import DevclusterError
from devcluster.provider import Provider
from devcluster.settings import Settings, from_environment

PODMAN = """#!/bin/sh
echo "$*" >> "$PODMAN_CALLS"
case $1 in images) printf 'localhost/devcluster-node:1\\nlocalhost/devcluster/augmentation-worker:2\\nmine:3\\n' ;; esac
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Empty folders, and a podman that only records its calls."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "podman").write_text(PODMAN)
    (programs / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("PODMAN_CALLS", str(tmp_path / "calls"))
    defaults = from_environment({"HOME": str(tmp_path)})
    (defaults.cache / "tools").mkdir(parents=True)
    defaults.state.parent.mkdir(parents=True)
    return defaults


def test_own_images_and_folders_are_deleted_and_other_images_stay(settings: Settings, tmp_path: Path) -> None:
    remove_caches(settings)
    assert not settings.cache.exists()
    assert not settings.state.parent.exists()
    removed = [line for line in (tmp_path / "calls").read_text().splitlines() if line.startswith("rmi")]
    assert removed == ["rmi localhost/devcluster-node:1", "rmi localhost/devcluster/augmentation-worker:2"]


def test_nothing_is_deleted_while_another_cluster_is_recorded(settings: Settings) -> None:
    other = ClusterState(Provider.PODMAN, "node:1", 1, 2, 3, "10.0.0.1:3", "10.0.0.1:3", ready=True)
    write_state(settings.state.with_name("other"), other)
    with pytest.raises(DevclusterError, match="other uses them"):
        remove_caches(settings)
    assert settings.cache.exists()
