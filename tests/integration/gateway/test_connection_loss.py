"""All connections to the API server break once per second: no job is lost or duplicated, and no response is wrong."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from augmentation_client import Client
from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import GatewayProcess
from tests.integration.gateway.flaky_proxy import FlakyProxy, cut_every
from tests.integration.gateway.jobs import BODY, eventually, object_of, set_status

SECONDS = 6.0


@pytest.fixture
def proxy(granted: ControlPlane) -> Iterator[FlakyProxy]:
    proxy = FlakyProxy(int(granted.url.rsplit(":", 1)[1]))
    yield proxy
    proxy.close()


@pytest.fixture
def cut_off(granted: ControlPlane, proxy: FlakyProxy, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway that reaches the API server through the proxy only."""
    direct = granted.kubeconfig_of("gateway").read_text()
    (tmp_path / "kubeconfig").write_text(direct.replace(granted.url, f"https://127.0.0.1:{proxy.port}"))
    process = GatewayProcess(tmp_path, tmp_path / "kubeconfig")
    process.create_key("full", "--namespace", "robots")
    process.start()
    try:
        process.await_ready()
        yield process
    finally:
        process.stop()


def test_no_job_is_lost_or_created_twice(cut_off: GatewayProcess, proxy: FlakyProxy, granted: ControlPlane) -> None:
    job_ids: list[str] = []
    with Client(cut_off.url, cut_off.keys["full"]) as client:
        with cut_every(proxy, 1.0, lambda: len(job_ids)):
            until = time.monotonic() + SECONDS
            while time.monotonic() < until or proxy.cuts <= SECONDS / 2:
                job_id = str(client.submit(name="cut off", **BODY).job_id)
                job_ids.append(job_id)
                # Created by this replica, so readable at once, whatever the state of the watch.
                assert str(client.get(job_id).job_id) == job_id
                # Not faster than the cuts, so that they hit.
                time.sleep(0.1)
            set_status(granted, object_of(granted, job_ids[0])["metadata"]["name"], {"state": "running"})
        assert proxy.cuts > SECONDS / 2
        listed = [str(job.job_id) for job in client.list(name="cut off", sort="created_at")]
        assert sorted(listed) == sorted(job_ids)
        names = granted.kubectl("get", "augjob", "-n", "robots", "-o", "jsonpath={.items[*].spec.displayName}")
        assert names.count("cut off") == len(job_ids)
        # Changes by others are visible once the connection is stable.
        eventually(lambda: client.get(job_ids[0]).status == "running")
