"""`archetypeai`, unmodified: its base client's request functions, as the batch examples of its vendor use the API."""

from collections.abc import Callable
from typing import Any

import pytest

from augmentation_gateway.views.job_id import read_batch_id
from tests.integration.gateway.conftest import PROJECT_ID
from tests.integration.gateway.sdks.conftest import Service
from tests.integration.gateway.sdks.vendor_client import VendorClient, VendorError, documented

STARTED, DONE = "2026-11-20T10:00:00Z", "2026-11-20T10:05:00Z"
RESOLVED = {
    "name": "resolve",
    "status": "completed",
    "startedAt": STARTED,
    "completedAt": DONE,
    "events": [
        {"id": "resolve/1", "status": "started", "message": "Reading the dataset's metadata", "timestamp": STARTED},
        {"id": "resolve/2", "status": "completed", "message": "Two episodes", "timestamp": DONE},
    ],
}
COMPLETED: dict[str, Any] = {
    "state": "completed",
    "currentPhase": "publish",
    "startedAt": STARTED,
    "completedAt": DONE,
    "phases": [RESOLVED],
    "source": {"episodes": 2, "selectedEpisodes": 2},
    "output": {
        "datasetID": "me/out",
        "revision": "abc",
        "files": ["README.md", "meta/info.json"],
        "url": "https://huggingface.co/datasets/me/out",
    },
}


@pytest.fixture(scope="module")
def archetypeai(start_client: Callable[..., VendorClient]) -> VendorClient:
    return start_client("archetypeai")


@pytest.fixture
def job_id(archetypeai: VendorClient) -> str:
    """A job created as the vendor's public example creates one."""
    job = archetypeai(
        "create",
        name="volve-drilling-classification",
        pipeline_type="batch",
        pipeline_key="augmentation-deterministic",
        inputs={"worker.inference": [{"file_id": "lerobot/pusht"}]},
        parameters={"worker": {"parallelism": 1, "config": {"project_id": PROJECT_ID, "augment_copies": 2}}},
    )
    assert (job["name"], job["status"]) == ("volve-drilling-classification", "PENDING")
    assert job["pipeline_version"]
    return str(job["id"])


def test_job_is_created_read_listed_and_queued(archetypeai: VendorClient, job_id: str) -> None:
    assert archetypeai("get_job", job_id=job_id)["parameters"]["augment_copies"] == 2
    page = archetypeai("list_jobs", limit=10, offset=0, q="volve")
    assert job_id in [job["id"] for job in page["jobs"]]
    assert page["total"] >= 1
    assert job_id in [entry["id"] for entry in archetypeai("queue")["queue"]]


def test_job_is_cancelled_retried_and_deleted(archetypeai: VendorClient, service: Service, job_id: str) -> None:
    assert archetypeai("act", job_id=job_id, action="cancel")["id"] == job_id
    service.set_status(_uid(job_id), {"state": "cancelled", "cancelledAt": DONE})
    with pytest.raises(VendorError) as error:
        archetypeai("act", job_id=job_id, action="cancel")
    assert error.value.kinds[0] == "ApiError"
    assert "Only a job that is PENDING, ADMITTED or RUNNING can be cancelled" in error.value.message
    assert archetypeai("delete", job_id=job_id) == {"id": job_id, "deleted": True}
    with pytest.raises(VendorError, match="There is no augmentation job"):
        archetypeai("get_job", job_id=job_id)


def test_failed_job_is_retried(archetypeai: VendorClient, service: Service, job_id: str) -> None:
    service.set_status(_uid(job_id), {"state": "failed", "completedAt": DONE})
    assert archetypeai("act", job_id=job_id, action="retry")["retry_count"] == 1


def test_events_inputs_and_outputs_are_in_the_clients_envelopes(
    archetypeai: VendorClient, service: Service, job_id: str
) -> None:
    service.set_status(_uid(job_id), COMPLETED)
    events = archetypeai("of_job", job_id=job_id, part="events", limit=100)
    # Its example prints reversed(events): level, message and the time of created_at.
    assert [(event["level"], event["message"]) for event in reversed(events["events"])] == [
        ("INFO", "Reading the dataset's metadata"),
        ("SUCCESS", "Two episodes"),
    ]
    assert events["events"][0]["created_at"][11:19] == "10:05:00"
    assert (events["job_id"], events["total"]) == (job_id, 2)
    inputs = archetypeai("of_job", job_id=job_id, part="inputs", status="completed", limit=10)
    assert [entry["status"] for entry in inputs["inputs"]] == ["completed", "completed"]
    outputs = archetypeai("of_job", job_id=job_id, part="outputs", limit=50, offset=0)
    assert (outputs["job_id"], outputs["total"], outputs["offset"], outputs["limit"]) == (job_id, 2, 0, 50)
    assert [entry["data"]["filename"] for entry in outputs["outputs"]] == ["README.md", "info.json"]


def test_invalid_request_names_the_field(archetypeai: VendorClient) -> None:
    with pytest.raises(VendorError) as error:
        archetypeai("create", pipeline_key="machine-state-classification", parameters={"worker": {"config": {}}})
    assert error.value.kinds[0] == "ApiError"
    assert "augmentation-deterministic" in error.value.message
    assert "parameters.project_id is required" in error.value.message


def _uid(job_id: str) -> str:
    """The id as the native API has it."""
    return read_batch_id(job_id, "id")


def test_example_of_the_documentation_works(archetypeai: VendorClient, service: Service) -> None:
    source = documented("archetypeai", API_KEY=service.key, GATEWAY_URL=service.url, PROJECT_ID=PROJECT_ID)
    assert archetypeai.run(source, "job")["name"] == "pusht in varied lighting"
