"""Fixtures of the integration tests: real programs, started here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devcluster.errors import DevclusterError
from devcluster.tools import tool_path
from tests.integration.control_plane import ControlPlane


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A Kubernetes API server with the project's CRDs. A test that stops it has to start it again."""
    try:
        for program in ("etcd", "kube-apiserver", "kubectl"):
            tool_path(program)
    except (DevclusterError, OSError) as error:
        pytest.fail(f"These tests need Kubernetes' own programs, and they cannot be had: {error}", pytrace=False)
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()
