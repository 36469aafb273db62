"""`datarobot` 3.20.0, unmodified. Its licence is its own: only `make sdks` installs it."""

import threading
from collections.abc import Callable

import pytest

from tests.integration.gateway.sdks.conftest import Service
from tests.integration.gateway.sdks.vendor_client import VendorClient, VendorError, documented
from tests.unit.gateway.job_objects import STATES

COMPLETED = {**(STATES["completed"] or {}), "state": "completed"}


@pytest.fixture(scope="module")
def datarobot(start_client: Callable[..., VendorClient]) -> VendorClient:
    client = start_client("datarobot")
    assert client("connect") == []
    return client


def test_client_connects_with_its_default_scheme_and_with_bearer(datarobot: VendorClient, service: Service) -> None:
    for scheme in ("Token", "Bearer"):
        assert datarobot("connect", token_type=scheme) == []
    with pytest.raises(VendorError, match="Unable to authenticate") as error:
        datarobot("connect", token="wrong")
    assert error.value.fields["status_code"] == 401


def test_status_of_a_new_job(datarobot: VendorClient, service: Service) -> None:
    job_id = service.new_job(name="seen by datarobot")
    status = datarobot("genai_status", job_id=job_id)
    assert (status["status_id"], status["description"]) == (job_id, "seen by datarobot")
    if service.plane is not None:
        assert (status["status"], status["is_terminal_state"]) == ("INITIALIZED", False)
        assert datarobot("status", job_id=job_id)["status"] == "INITIALIZED"
    assert datarobot("delete", job_id=job_id) == 204
    with pytest.raises(VendorError) as error:
        datarobot("genai_status", job_id=job_id)
    assert error.value.fields["status_code"] == 404


def test_completed_job_leads_to_its_result(datarobot: VendorClient, service: Service) -> None:
    job_id = service.job_in("completed", COMPLETED)
    resource = f"{service.url}/api/v2/genai/status/{job_id}/"
    assert datarobot("status", job_id=job_id)["status"] == "COMPLETED"
    assert datarobot("status", job_id=job_id)["completed_resource_url"] == resource
    assert datarobot("get_result_when_complete", job_id=job_id)["status_id"] == job_id
    for location in (f"status/{job_id}/", f"status/{job_id}", f"{service.url}/api/v2/status/{job_id}/"):
        assert datarobot("wait", location=location) == resource
    # The path of the generative jobs' own document is 200 whatever the state.
    assert datarobot("wait", location=f"genai/status/{job_id}/")["status"] == "COMPLETED"


def test_lines_of_the_documentation_work(datarobot: VendorClient, service: Service) -> None:
    job_id = service.job_in("completed", COMPLETED)
    source = documented("datarobot", GATEWAY_URL=service.url, API_KEY=service.key, JOB_ID=job_id)
    assert datarobot.run(source, "status")["status"] == "COMPLETED"


@pytest.mark.parametrize(("state", "word"), [("failed", "ERROR"), ("cancelled", "ABORTED")])
def test_waiting_for_an_unsuccessful_job_ends(datarobot: VendorClient, service: Service, state: str, word: str) -> None:
    job_id = service.job_in(state, {**(STATES[state] or {}), "state": state})
    with pytest.raises(VendorError, match=word) as error:
        datarobot("wait", location=f"status/{job_id}/")
    assert error.value.kinds[0] == "AsyncProcessUnsuccessfulError"
    assert datarobot("status", job_id=job_id)["status"] == word
    # The client's own word for both.
    assert datarobot("wait_for_completion", job_id=job_id)["status"] == "ERROR"


def test_waiter_keeps_its_connection_over_its_pause_of_five_seconds(datarobot: VendorClient, service: Service) -> None:
    job_id = service.new_job()
    service.set_status(job_id, {"state": "running", "currentPhase": "augment"})
    completion = threading.Timer(2, service.set_status, (job_id, COMPLETED))
    completion.start()
    assert datarobot("wait_for_completion", job_id=job_id)["status"] == "COMPLETED"
    completion.join()


def test_all_pages_of_the_list_are_read(datarobot: VendorClient, service: Service) -> None:
    jobs = {service.new_job() for _ in range(3)}
    statuses = datarobot("list_statuses", limit=2)
    assert jobs <= {status["statusId"] for status in statuses}
    # Its documentation: all results.
    assert jobs <= {status["statusId"] for status in datarobot("list_statuses", limit=0)}
