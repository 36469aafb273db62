"""The status of a job in the native dialect, in every state."""

import json
from typing import Any

import pytest

from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.dialects.native.status import AugmentationStatusResponse, encode_status
from tests.unit.gateway.job_objects import AT, JOB_ID, OUTPUT, STATES, condition, job_object

RUNS_AS = ClassRecord("cpu", "deterministic", True, "http://hub.svc", "https://hub.example")


def shown(status: dict[str, Any] | None) -> dict[str, Any]:
    """The parsed body of the response."""
    body: dict[str, Any] = json.loads(encode_status(JobRecord.read(job_object(status=status)), RUNS_AS))
    return body


@pytest.mark.parametrize("state", STATES)
def test_every_field_is_present_with_documented_type(state: str) -> None:
    body = shown(STATES[state])
    assert list(body) == [
        "job_id",
        "current_phase",
        "status",
        "instance_type",
        "region",
        "phases",
        "augmented_dataset_id",
        "created_at",
        "progress",
        "error",
        "output",
        "bad_episodes",
    ]
    AugmentationStatusResponse.model_validate(body)
    assert body["job_id"] == JOB_ID
    assert body["status"] in ("queued", "running", "completed", "failed", "cancelled")
    assert body["current_phase"] in ("resolve", "provision", "augment", "publish")
    assert body["created_at"] == AT[0]
    for phase in body["phases"]:
        assert list(phase) == ["name", "status", "started_at", "completed_at", "events", "error"]
        assert phase["status"] in ("pending", "in_progress", "completed", "failed")
        for event in phase["events"]:
            assert list(event) == ["status", "message", "error", "timestamp", "retry_attempt", "data"]
            assert isinstance(event["timestamp"], str)
            assert isinstance(event["retry_attempt"], int)


def test_unobserved_job_is_queued_with_resolve_pending() -> None:
    body = shown(None)
    assert (body["status"], body["current_phase"]) == ("queued", "resolve")
    assert [(phase["name"], phase["status"]) for phase in body["phases"]] == [("resolve", "pending")]
    assert body["progress"] == {
        "percent": 0,
        "episodes": {"total": 0, "done": 0, "failed": 0},
        "frames": {"total": 0, "done": 0, "failed": 0},
        "bytes": {"total": 0, "done": 0, "failed": 0},
        "frames_per_second": None,
        "estimated_seconds_remaining": None,
        "estimated_price": None,
    }


def test_phases_and_their_events_are_in_chronological_order() -> None:
    phases = shown(STATES["waiting for a node"])["phases"]
    assert [phase["name"] for phase in phases] == ["resolve", "provision"]
    assert phases[0]["events"] == [
        {
            "status": "started",
            "message": None,
            "error": None,
            "timestamp": AT[1],
            "retry_attempt": 1,
            "data": None,
        },
        {
            "status": "completed",
            "message": "6 episodes",
            "error": None,
            "timestamp": AT[2],
            "retry_attempt": 0,
            "data": {"frames": "342"},
        },
    ]


def test_placement_and_progress_are_shown() -> None:
    body = shown(STATES["augmenting"])
    assert (body["instance_type"], body["region"]) == ("g6.xlarge", "eu-central-1")
    assert body["progress"]["percent"] == 50
    assert body["progress"]["episodes"] == {"total": 6, "done": 3, "failed": 0}
    assert body["progress"]["frames_per_second"] == 41.5
    assert body["progress"]["estimated_seconds_remaining"] == 12


@pytest.mark.parametrize("state", STATES)
def test_augmented_dataset_is_shown_only_after_publish(state: str) -> None:
    expected = OUTPUT["datasetID"] if state == "completed" else None
    assert shown(STATES[state])["augmented_dataset_id"] == expected


def test_output_of_completed_job_is_shown() -> None:
    assert shown(STATES["completed"])["output"] == {
        "dataset_id": OUTPUT["datasetID"],
        "revision": "abc",
        "episodes": 24,
        "frames": 1368,
        "url": "https://hub.example/datasets/me/pusht_augmented_2489e9ad",
    }


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("just created", None),
        ("accepted", None),
        ("waiting for a node", "waiting for a node: no GPU is free"),
        ("augmenting", None),
        ("completed", None),
        ("failed", "lerobot/pusht is not on the hub: check dataset_id"),
        ("cancelled", None),
    ],
)
def test_error_is_failure_or_wait_reason(state: str, error: str | None) -> None:
    assert shown(STATES[state])["error"] == error


def test_rejected_job_shows_reason() -> None:
    refused = condition("Accepted", "False", "ClassNotFound", "there is no AugmentationClass gpu-x")
    assert shown({"state": "queued", "conditions": [refused]})["error"] == refused["message"]


def test_status_of_newer_release_is_shown() -> None:
    raw = job_object(spec={"brandNew": {"a": 1}}, status={"state": "running", "brandNew": 1})
    assert json.loads(encode_status(JobRecord.read(raw)))["status"] == "running"


def test_version_of_job_is_encoded_once() -> None:
    record = JobRecord.read(job_object())
    times: list[JobRecord] = []

    def encode(job: JobRecord) -> bytes:
        times.append(job)
        return b"{}"

    assert record.encoded("native", encode) is record.encoded("native", encode)
    assert len(times) == 1
    assert record.encoded("another dialect", encode) == b"{}"
    assert len(times) == 2


def test_queue_problem_is_error_and_normal_wait_is_not() -> None:
    text = "queueName 'gpus': there is no such LocalQueue"
    missing = {"state": "running", "conditions": [condition("Admitted", "False", "QueueNotFound", text)]}
    assert shown(missing)["error"] == text
    in_turn = {"state": "running", "conditions": [condition("Admitted", "False", "Queued", "waiting in queue gpus")]}
    assert shown(in_turn)["error"] is None
