"""What the Kubernetes API in memory is compared with: the real one, with the garbage collector that it runs with."""

import asyncio
from collections.abc import Iterator

import pytest

from augmentation_kube import connect
from devcluster.errors import DevclusterError
from devcluster.tools import tool_path
from tests.integration.control_plane import ControlPlane
from tests.kubernetes.conformance import SCENARIOS, Scenario


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of these tests' own: others start theirs without controllers."""
    try:
        for program in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl"):
            tool_path(program)
    except (DevclusterError, OSError) as error:
        pytest.fail(f"These tests need Kubernetes' own programs, and they cannot be had: {error}", pytrace=False)
    with ControlPlane(tmp_path_factory.mktemp("conformance-control-plane")) as plane:
        plane.start_controllers("garbage-collector-controller")
        yield plane


@pytest.mark.parametrize("check", SCENARIOS, ids=lambda check: check.__name__)
async def test_the_real_api_does_what_the_one_in_memory_does(plane: ControlPlane, check: Scenario) -> None:
    namespace = check.__name__.replace("_", "-")[:63].rstrip("-")
    await asyncio.to_thread(plane.kubectl, "create", "namespace", namespace)
    async with connect(str(plane.kubeconfig)) as api:
        await check(api, namespace)
