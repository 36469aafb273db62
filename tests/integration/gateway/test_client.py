"""The typed client and the `augmentation` command with a real gateway and a real API server."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from augmentation_client import AsyncClient, Client, Conflict, InvalidRequest, NotFound, RateLimited
from augmentation_client.command import main
from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import PROJECT_ID, GatewayProcess
from tests.integration.gateway.flaky_proxy import FlakyProxy
from tests.integration.gateway.jobs import BODY, JOBS, eventually, object_of, set_status


def test_client_follows_job_from_submit_to_completion(gateway: GatewayProcess, granted: ControlPlane) -> None:
    with Client(gateway.url, gateway.keys["full"]) as client, ThreadPoolExecutor(1) as pool:
        created = client.submit(name="by the client", idempotency_key="client", **BODY)
        assert client.submit(name="by the client", idempotency_key="client", **BODY).job_id == created.job_id
        assert [job.job_id for job in client.list(name="by the client", limit=1)] == [created.job_id]
        waiting = pool.submit(client.wait, created.job_id, timeout=60)
        name = object_of(granted, str(created.job_id))["metadata"]["name"]
        set_status(granted, name, {"state": "running", "currentPhase": "augment"})
        assert client.change(created.job_id, parallelism=3).parallelism == 3
        assert object_of(granted, str(created.job_id))["spec"]["parallelism"] == 3
        with pytest.raises(Conflict):
            client.delete(created.job_id)
        set_status(granted, name, {"state": "completed", "output": {"datasetID": "me/out", "revision": "abc"}})
        assert waiting.result().augmented_dataset_id == "me/out"
        output = client.outputs(created.job_id).output
        assert output is not None
        assert output.revision == "abc"
        client.delete(created.job_id)
        with pytest.raises(NotFound):
            client.get(created.job_id)


def test_key_that_reaches_its_rate_waits_as_long_as_the_gateway_asks(gateway: GatewayProcess) -> None:
    gateway.create_key("slow", "--namespace", "robots", "--requests-per-second", "2")
    with Client(gateway.url, gateway.keys["slow"]) as client, gateway.client("slow") as http:
        # The keys file is reread in five seconds at most.
        eventually(lambda: http.get(JOBS).status_code == 200)
        refused = eventually(lambda: [answer for answer in [http.get(JOBS)] if answer.status_code == 429])
        assert refused[0].headers["retry-after"]
        assert [len(list(client.list(name="no such job"))) for _ in range(3)] == [0] * 3
    with Client(gateway.url, gateway.keys["slow"], tries=1) as impatient, pytest.raises(RateLimited) as error:
        for _ in range(50):
            list(impatient.list(name="no such job"))
    assert error.value.retry_after is not None
    assert error.value.fix


def test_client_waits_for_a_gateway_that_is_not_reachable_yet(gateway: GatewayProcess) -> None:
    # Bound, so that nobody else gets the port, and not listening, so that connections are refused.
    address = socket.socket()
    address.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{address.getsockname()[1]}"
    with Client(url, gateway.keys["full"]) as client, ThreadPoolExecutor(1) as pool:
        submitted = pool.submit(client.submit, **BODY)
        time.sleep(0.2)
        proxy = FlakyProxy(int(gateway.url.rsplit(":", 1)[1]), address)
        try:
            job_id = submitted.result().job_id
            proxy.cut()
            assert client.get(job_id).job_id == job_id
            with pytest.raises(Conflict) as error:
                client.delete(job_id)
        finally:
            proxy.close()
        assert error.value.fix == "cancel it first, and delete it when it is finished"


def test_wait_times_out(gateway: GatewayProcess) -> None:
    with Client(gateway.url, gateway.keys["full"]) as client:
        created = client.submit(**BODY)
        with pytest.raises(TimeoutError, match=r"did not finish within 0\.5 s"):
            client.wait(created.job_id, timeout=0.5)


async def test_async_client_follows_job_from_submit_to_completion(
    gateway: GatewayProcess, granted: ControlPlane
) -> None:
    async with AsyncClient(gateway.url, gateway.keys["full"]) as client:
        created = await client.submit(**BODY)
        with pytest.raises(TimeoutError):
            await client.wait(created.job_id, timeout=0.5)
        assert (await client.cancel(created.job_id)).cancelled
        assert object_of(granted, str(created.job_id))["spec"]["cancel"] is True
        assert (await client.get(created.job_id)).status == "queued"
        assert created.job_id in [job.job_id async for job in client.list(project_id=PROJECT_ID)]
        with pytest.raises(InvalidRequest, match="augment_copy is not a field"):
            await client.submit(augment_copy=1, **BODY)


def test_command_submits_lists_and_cancels(gateway: GatewayProcess, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--url", gateway.url, "--key", gateway.keys["full"]]
    fields = ["--project", PROJECT_ID, "--dataset", "lerobot/pusht", "--set", "augment_copies=2"]
    assert main([*common, "submit", *fields, "--name", "by command", "-o", "json"]) == 0
    job_id = json.loads(capsys.readouterr().out)["job_id"]
    assert main([*common, "list", "--name", "by command"]) == 0
    assert job_id in capsys.readouterr().out
    assert main([*common, "cancel", job_id]) == 0
    assert main([*common, "retry", job_id]) == 2
    assert "Only a job that failed or was cancelled" in capsys.readouterr().err
