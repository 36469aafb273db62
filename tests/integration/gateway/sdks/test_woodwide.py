"""`woodwide` 0.9.0, unmodified."""

import threading
from collections.abc import Callable

import pytest

from tests.integration.gateway.sdks.conftest import Service
from tests.integration.gateway.sdks.vendor_client import VendorClient, VendorError, documented
from tests.unit.gateway.dialects.states import ALL_STATES
from tests.unit.gateway.job_objects import OUTPUT

COMPLETED = ALL_STATES["completed with all"] or {}


@pytest.fixture(scope="module")
def woodwide(start_client: Callable[..., VendorClient]) -> VendorClient:
    return start_client("woodwide")


def test_retrieve_reads_every_field(woodwide: VendorClient, service: Service) -> None:
    job_id = service.job_in("completed", COMPLETED)
    job = woodwide("retrieve", job_id=job_id)
    assert (job["id"], job["type"], job["status"], job["progress"]) == (job_id, "augmentation", "succeeded", 100)
    assert job["job_id"] == job_id
    assert set(job["created_by"]) == {"principal_type", "user_id", "api_key_id"}
    assert job["resources"]["dataset"]["id"] == job["dataset_id"]
    assert job["input"]["dataset_id"] == job["dataset_name"]
    assert set(job["output"]) == {"dataset_id", "revision", "episodes", "frames"}
    assert job["error_message"] is None
    assert job["finished_at"] > job["started_at"]
    assert woodwide("retrieve_in_async_code", job_id=job_id) == job


def test_failed_job_says_why(woodwide: VendorClient, service: Service) -> None:
    job_id = service.job_in("failed", ALL_STATES["failed"] or {})
    job = woodwide("retrieve", job_id=job_id)
    assert job["status"] in ("failed", "rejected")
    assert job["error_message"]
    if service.plane is not None:
        assert woodwide("retry", job_id=job_id)["id"] == job_id


def test_wait_for_job_returns_it_or_says_why(woodwide: VendorClient, service: Service) -> None:
    failed = service.job_in("failed", ALL_STATES["failed"] or {})
    with pytest.raises(VendorError, match=r"ended with status (rejected|failed): ."):
        woodwide("wait", job_id=failed)
    job_id = service.new_job()
    if service.plane is None:
        job_id = service.job_in("completed", COMPLETED)
    else:
        threading.Timer(0.5, service.set_status, (job_id, COMPLETED)).start()
    assert woodwide("wait", job_id=job_id)["status"] == "succeeded"


def test_list_is_read_page_by_page(woodwide: VendorClient, service: Service) -> None:
    created = {service.new_job(name=f"woodwide {number}") for number in range(3)}
    ids = [job["id"] for job in woodwide("list_by_cursor", limit=2)]
    assert len(ids) == len(set(ids))
    assert created <= set(ids)
    first = woodwide("list_jobs", limit=1)["items"][0]
    assert (first["type"], first["dataset_name"]) == ("augmentation", "lerobot/pusht")


def test_list_takes_every_filter_of_the_client(woodwide: VendorClient, service: Service) -> None:
    job_id = service.job_in("completed", COMPLETED)
    version = woodwide("retrieve", job_id=job_id)["resources"]["dataset"]["version_id"]

    def ids(**filters: str) -> list[str]:
        return [job["id"] for job in woodwide("list_jobs", **filters)["items"]]

    assert job_id in ids(status="succeeded", dataset_version_id=version)
    assert job_id not in ids(status="running")
    assert ids(type="train") == ids(model_id="mdl_A8K2P9QX") == ids(model_version_id="mdlv_A8K2P9QX") == []
    # What a later version of it may send.
    assert job_id in ids(status="succeeded", extra_query={"created_after": "2020-01-01"})  # type: ignore[arg-type]


def test_results_are_of_the_published_dataset(woodwide: VendorClient, service: Service) -> None:
    job_id = service.job_in("completed", COMPLETED)
    results = woodwide("retrieve_results", job_id=job_id)
    assert results["job_type"] == "augmentation"
    output = woodwide("retrieve", job_id=job_id)["output"]
    assert results["dataset_ingest_results"] == {**output, "url": results["dataset_ingest_results"]["url"]}
    assert results["summary"]["total_row_count"] == results["dataset_ingest_results"]["frames"]
    if service.plane is not None:
        assert results["summary"]["total_row_count"] == OUTPUT["frames"]
    unfinished = woodwide("retrieve_results", job_id=service.new_job())
    assert unfinished["dataset_ingest_results"] is None


def test_cancel_and_what_cannot_be_done_twice(woodwide: VendorClient, service: Service) -> None:
    assert woodwide("cancel", job_id=service.new_job())["status"] in ("initializing", "pending", "queued", "canceled")
    job_id = service.job_in("completed", COMPLETED)
    for call in ("cancel", "retry"):
        before = woodwide("requests_sent")
        with pytest.raises(VendorError, match="completed") as error:
            woodwide(call, job_id=job_id)
        assert error.value.kinds[0] == "ConflictError"
        # The client repeats a 409 unless it is told that it stays one.
        assert woodwide("requests_sent") == before + 1


def test_lines_of_the_documentation_work(woodwide: VendorClient, service: Service) -> None:
    job_id = service.new_job()
    source = documented("woodwide", GATEWAY_URL=service.url, API_KEY=service.key, JOB_ID=job_id)
    assert woodwide.run(source, "job.id") == job_id


def test_unknown_job_is_the_clients_not_found_error(woodwide: VendorClient) -> None:
    with pytest.raises(VendorError) as error:
        woodwide("retrieve", job_id="2489e9ad-2ee2-8e00-8ec9-32d5f69181c0")
    assert error.value.kinds[0] == "NotFoundError"
    assert error.value.fields["status_code"] == 404


def test_wrong_key_is_the_clients_authentication_error(start_client: Callable[..., VendorClient]) -> None:
    with pytest.raises(VendorError) as error:
        start_client("woodwide", "wrong")("list_jobs")
    assert error.value.kinds[0] == "AuthenticationError"
