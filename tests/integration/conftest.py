"""Fixtures of the integration tests: real programs, started here."""

import os
from collections.abc import Iterator

import pytest
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory

from devcluster.errors import DevclusterError
from devcluster.kubernetes_version import VARIABLE, program_path
from tests.integration.control_plane import ControlPlane


def pytest_report_header() -> str | None:
    """Name the version of the API server where it is not the pinned one."""
    version = os.environ.get(VARIABLE)
    return f"API server and controllers: Kubernetes {version}" if version else None


@pytest.fixture(autouse=True)
def _client_of_no_hub() -> None:
    """The client of a job that ran in this process sends tokens to that job's hub alone."""
    set_client_factory(default_client_factory)


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A Kubernetes API server with the project's CRDs. A test that stops it has to start it again."""
    try:
        for program in ("etcd", "kube-apiserver", "kubectl"):
            program_path(program)
    except (DevclusterError, OSError) as error:
        pytest.fail(f"These tests need Kubernetes' own programs, and they cannot be had: {error}", pytrace=False)
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane
