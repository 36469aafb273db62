"""The batch dialect, checked against its documentation in every state of a job."""

from typing import Any

import httpx
import pytest

from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.problem import Problem
from augmentation_gateway.views.job_id import batch_id, read_batch_id
from augmentation_kube import KubeError
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.gateway.conftest import BODY, PATH, created, put, set_state, writes, written
from tests.unit.gateway.dialects.states import (
    ALL_STATES,
    AUGMENTING,
    PROVISIONED,
    bring,
    conforms,
    integer,
    matching,
    moment,
    nullable,
    object_of,
    one_of,
    text,
    thing,
)
from tests.unit.gateway.job_objects import JOB_ID, RESOLVED, job_object

JOBS = "/v0.5/batch/jobs"
SHORT_ID = batch_id(JOB_ID)
JOB = f"{JOBS}/{SHORT_ID}"
FIELDS = {
    "id": matching("job_[0-9a-z]{1,25}"),
    "org_id": text,
    "name": text,
    "pipeline_type": one_of("batch"),
    "pipeline_key": one_of("augmentation-deterministic", "augmentation-generative"),
    "pipeline_version": text,
    "status": one_of("PENDING", "ADMITTED", "RUNNING", "COMPLETED", "FAILED", "PREEMPTED", "CANCELLED"),
    "parameters": thing,
    "retry_count": integer,
    "preemption_count": integer,
    "queue_position": nullable(integer),
    "queue_depth": nullable(integer),
    "input_progress": object_of({"pending": integer, "processing": integer, "completed": integer, "failed": integer}),
    "created_at": moment,
    "updated_at": moment,
    "started_at": nullable(moment),
    "completed_at": nullable(moment),
    "failed_at": nullable(moment),
    "cancelled_at": nullable(moment),
    "error": nullable(object_of({"code": text, "message": text})),
}
# Field names of the documented response, in its order.
EXAMPLE = [
    *("id", "org_id", "name", "pipeline_type", "pipeline_key", "pipeline_version", "status", "parameters"),
    *("retry_count", "preemption_count", "queue_position", "queue_depth", "input_progress", "created_at"),
    *("updated_at", "started_at", "completed_at", "failed_at", "cancelled_at", "error"),
]
EXAMPLE_ID = "job_2abc3def4ghi5jkl6mno7pqr"


@pytest.mark.parametrize("state", ALL_STATES)
async def test_every_field_is_as_documented(http: httpx.AsyncClient, view: ClusterView, state: str) -> None:
    bring(view, state)
    answer = await http.get(JOB)
    assert answer.status_code == 200
    body = answer.json()
    conforms(body, FIELDS)
    assert list(body) == EXAMPLE
    assert body["id"] == SHORT_ID
    times = {"COMPLETED": "completed_at", "FAILED": "failed_at", "CANCELLED": "cancelled_at"}
    for status, name in times.items():
        assert body[name] is None or body["status"] == status
    assert (body["error"] is not None) == (body["status"] == "FAILED")
    assert body["updated_at"] >= body["created_at"]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("just created", "PENDING"),
        ("accepted", "PENDING"),
        ("waiting in the queue", "PENDING"),
        ("waiting for a queue that is not there", "PENDING"),
        ("waiting for quota", "PENDING"),
        ("suspended", "PENDING"),
        ("resolve pod not started", "ADMITTED"),
        ("waiting for a node", "ADMITTED"),
        ("resolving", "RUNNING"),
        ("augmenting", "RUNNING"),
        ("preempted", "PREEMPTED"),
        ("completed", "COMPLETED"),
        ("failed", "FAILED"),
        ("failed on the way", "FAILED"),
        ("cancelled", "CANCELLED"),
    ],
)
async def test_state_uses_terms_of_this_api(
    http: httpx.AsyncClient, view: ClusterView, state: str, status: str
) -> None:
    bring(view, state)
    body = (await http.get(JOB)).json()
    assert body["status"] == status
    assert (await http.get(JOBS, params={"status": status})).json()["jobs"] == [body]
    other = "COMPLETED" if status != "COMPLETED" else "FAILED"
    assert (await http.get(JOBS, params={"status": other})).json()["total"] == 0


async def test_queue_position_is_reported_only_while_waiting(http: httpx.AsyncClient, view: ClusterView) -> None:
    bring(view, "waiting in the queue")
    body = (await http.get(JOB)).json()
    assert (body["queue_position"], body["queue_depth"]) == (2, 7)
    put(view, job_object(version=400, status={"state": "completed", "queue": {"position": 2, "depth": 7}}))
    body = (await http.get(JOB)).json()
    assert (body["queue_position"], body["queue_depth"]) == (None, None)


async def test_error_has_typed_reason(http: httpx.AsyncClient, view: ClusterView) -> None:
    bring(view, "failed")
    assert (await http.get(JOB)).json()["error"] == {
        "code": "SourceNotFound",
        "message": "lerobot/pusht is not on the hub: check dataset_id",
    }


@pytest.mark.parametrize("number", [0, 1, 35, 36, 2**128 - 1, 0x2489E9AD2EE28E008EC932D5F69181C0])
def test_base_36_id_is_decoded_in_any_case(number: int) -> None:
    uid = f"{number:032x}"
    uid = f"{uid[:8]}-{uid[8:12]}-{uid[12:16]}-{uid[16:20]}-{uid[20:]}"
    short = batch_id(uid)
    assert read_batch_id(short, "id") == read_batch_id(short.upper(), "id") == read_batch_id(uid.upper(), "id") == uid


@pytest.mark.parametrize(
    "text", ["", "job_", "job_zzzzzzzzzzzzzzzzzzzzzzzzzz", "job_é", "job_a-b", "42", "jobx1", "job_\uff11"]
)
def test_malformed_id_is_422(text: str) -> None:
    with pytest.raises(Problem) as problem:
        read_batch_id(text, "id")
    assert problem.value.status == 422


async def test_id_beyond_uuid_range_is_404(http: httpx.AsyncClient) -> None:
    assert (await http.get(f"{JOBS}/job_{'z' * 25}")).status_code == 404


async def test_documented_example_request_is_404_in_documented_shape(http: httpx.AsyncClient) -> None:
    del http.headers["x-api-key"]
    answer = await http.get(f"{JOBS}/{EXAMPLE_ID}", headers={"Authorization": "Bearer full"})
    assert answer.status_code == 404
    (error,) = answer.json()["errors"]
    conforms(error, {"code": one_of("not_found"), "message": text, "suggestion": text, "error_uid": text})


@pytest.mark.parametrize(
    ("method", "path", "key", "status", "code"),
    [
        ("GET", JOB, "wrong", 401, "unauthorized"),
        ("GET", JOB, "other-project", 404, "not_found"),
        ("GET", JOB, "other-namespace", 404, "not_found"),
        ("GET", f"{JOBS}/42", "full", 400, "validation_error"),
        ("POST", f"{JOB}/retry", "full", 409, "conflict"),
        ("PUT", JOB, "full", 405, "method_not_allowed"),
        ("DELETE", f"{JOBS}/queue", "full", 405, "method_not_allowed"),
        ("GET", f"{JOBS}/a/b/c", "full", 404, "not_found"),
        ("POST", JOBS, "reader", 403, "forbidden"),
    ],
)
async def test_errors_have_shape_of_this_api(
    http: httpx.AsyncClient, method: str, path: str, key: str, status: int, code: str
) -> None:
    body = {"parameters": BODY} if path == JOBS else None
    answer = await http.request(method, path, headers={"x-api-key": key, "x-request-id": "r-1"}, json=body)
    assert answer.status_code == status
    (error,) = answer.json()["errors"]
    assert error["code"] == code
    assert error["error_uid"] == "r-1"
    assert error["message"]
    assert error["suggestion"]


async def test_error_suggests_fix(http: httpx.AsyncClient) -> None:
    answer = await http.post(JOBS, json={"parameters": {**BODY, "augment_copy": 1}})
    (error,) = answer.json()["errors"]
    assert error["message"] == "parameters.augment_copy is not a field of this request."
    assert error["suggestion"].startswith("Did you mean")


async def test_limit_error_suggests_fix(http: httpx.AsyncClient) -> None:
    answer = await http.post(JOBS, json={"name": "x" * 70_000, "parameters": BODY})
    (error,) = answer.json()["errors"]
    assert error["message"] == "The body is larger than 64 KiB, more than any job needs."
    assert error["suggestion"] == "Shorten it."


@pytest.mark.parametrize(
    "refusal",
    [
        "exceeded quota: jobs, requested: count/augmentationjobs.augmentation.dev=1, limited: "
        "count/augmentationjobs.augmentation.dev=5",
        'admission webhook "images.example.com" denied the request: image not allowed',
    ],
)
async def test_rejection_by_api_server_is_quoted_in_full(
    http: httpx.AsyncClient, kube: InMemoryKube, refusal: str
) -> None:
    kube.fail(KubeError(403, "Forbidden", refusal))
    answer = await http.post(JOBS, json={"parameters": BODY})
    assert answer.status_code == 403
    (error,) = answer.json()["errors"]
    assert error["message"] == f"Kubernetes refused this: {refusal}."
    assert error["suggestion"] == "Use a key that has this right, or ask the administrator."


async def test_job_is_created_from_parameters(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    body = {"name": "tep", "pipeline_type": "batch", "pipeline_key": "augmentation-deterministic"}
    answer = await http.post(JOBS, json={**body, "parameters": {**BODY, "augment_copies": 2}})
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert list(job) == EXAMPLE
    assert job["input_progress"] is None, "as in every answer to a write"
    assert (job["name"], job["status"], job["parameters"]["augment_copies"]) == ("tep", "PENDING", 2)
    assert written(kube)[0]["spec"]["displayName"] == "tep"
    read = (await http.get(f"{JOBS}/{job['id']}")).json()
    assert {**read, "input_progress": None} == job


async def test_parameters_may_be_a_workers_configuration_with_inputs(
    http: httpx.AsyncClient, kube: InMemoryKube
) -> None:
    # The form of the public examples: archetypeai/archetypeai-batch-examples-volve.
    config = {"project_id": BODY["project_id"], "augment_copies": 2}
    body = {
        "name": "tep",
        "pipeline_type": "batch",
        "pipeline_key": "augmentation-deterministic",
        "inputs": {"worker.inference": [{"file_id": "lerobot/pusht", "metadata": {"class": "x"}}]},
        "parameters": {"worker": {"parallelism": 2, "config": config}},
    }
    answer = await http.post(JOBS, json=body)
    assert answer.status_code == 201, answer.text
    spec = written(kube)[0]["spec"]
    assert (spec["source"]["hub"]["repoID"], spec["parallelism"]) == ("lerobot/pusht", 2)
    assert spec["augmentation"]["copies"] == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"inputs": {"a": [{"file_id": "a/b"}], "b": [{"file_id": "c/d"}]}}, "Create one job for each."),
        ({"inputs": {"a": [{"file_id": "other/one"}]}}, "Dataset_id is given twice, with two values."),
        ({"parameters": {"worker": {"batch_size": 8}}}, "Put the fields into parameters.worker.config."),
        ({"parameters": {"worker": [1]}}, "Put the fields into config."),
        ({"pipeline_version": "1.1.0"}, "there is only v1"),
    ],
)
async def test_contradicting_parameters_say_what_to_change(
    http: httpx.AsyncClient, kube: InMemoryKube, change: dict[str, Any], sentence: str
) -> None:
    body = {"parameters": {"worker": {"config": BODY}}}
    answer = await http.post(JOBS, json={**body, **change})
    assert answer.status_code == 400, "422 is tried three times by clients of this API"
    (error,) = answer.json()["errors"]
    assert sentence.lower() in f"{error['message']} {error['suggestion']}".lower()
    assert writes(kube) == []


async def test_idempotency_key_is_respected(http: httpx.AsyncClient, kube: InMemoryKube) -> None:
    headers = {"idempotency-key": "once"}
    answers = [await http.post(JOBS, json={"parameters": BODY}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert len(created(kube)) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"parameters": BODY, "pipeline_key": "machine-state-classification"},
        {"parameters": BODY, "pipeline_type": "training"},
        {"parameters": {**BODY, "augmentation_type": "generative"}, "pipeline_key": "augmentation-deterministic"},
        {"parameters": [1]},
        {},
        {"parameters": BODY, "priority": 3},
    ],
)
async def test_unsupported_parameters_are_400(
    http: httpx.AsyncClient, kube: InMemoryKube, body: dict[str, Any]
) -> None:
    answer = await http.post(JOBS, json=body)
    assert answer.status_code == 400, "422 is tried three times by clients of this API"
    assert {error["code"] for error in answer.json()["errors"]} == {"validation_error"}
    assert writes(kube) == []


@pytest.mark.parametrize(
    ("state", "cancel", "retry", "delete"),
    [
        ("accepted", 200, 409, 409),
        ("waiting for a node", 200, 409, 409),
        ("augmenting", 200, 409, 409),
        ("preempted", 409, 409, 409),
        ("completed", 409, 409, 200),
        ("failed", 409, 200, 200),
        ("cancelled", 409, 200, 200),
    ],
)
async def test_allowed_actions_depend_on_state(
    http: httpx.AsyncClient, view: ClusterView, state: str, cancel: int, retry: int, delete: int
) -> None:
    bring(view, state)
    assert (await http.post(f"{JOB}/cancel")).status_code == cancel
    # The Kubernetes API of these tests answers a change with a job that has just begun.
    jobs = view.jobs_in("robots")
    assert jobs is not None
    put(view, job_object(version=600, status=ALL_STATES[state]))
    answer = await http.post(f"{JOB}/retry")
    assert answer.status_code == retry
    if retry == 200:
        assert answer.json()["input_progress"] is None
    put(view, job_object(version=700, status=ALL_STATES[state]))
    answer = await http.delete(JOB)
    assert answer.status_code == delete
    if delete == 200:
        assert answer.json() == {"id": SHORT_ID, "deleted": True}, "204 is no success to clients of this API"


def shards(*tallies: tuple[int, int] | None) -> list[dict[str, Any]]:
    """(total, done) of each shard; None: not yet reported."""
    return [
        {"index": index, "state": "running", "episodes": {"total": tally[0], "done": tally[1]}}
        for index, tally in enumerate(tallies)
        if tally is not None
    ]


@pytest.mark.parametrize(
    ("reported", "states"),
    [
        ((None, None, None), "......"),
        (((2, 1), None, None), "#>...."),
        (((2, 2), (2, 0), None), "##>..."),
        ((None, None, (2, 1)), "....#>"),
        (((2, 0), None, (2, 2)), ">...##"),
        (((2, 2), (2, 2), (2, 1)), "#####>"),
    ],
)
async def test_inputs_are_episodes_with_progress(
    http: httpx.AsyncClient, view: ClusterView, reported: tuple[tuple[int, int] | None, ...], states: str
) -> None:
    status = {
        "state": "running",
        "currentPhase": "augment",
        "phases": [RESOLVED, PROVISIONED, AUGMENTING],
        "source": {"episodes": 10, "selectedEpisodes": 6},
        "shardCount": 3,
        "shards": shards(*reported),
    }
    put(view, job_object(version=300, status=status, spec={"augmentation": {"episodes": "2:7,9"}}))
    body = (await http.get(f"{JOB}/inputs")).json()
    assert [entry["episode"] for entry in body["inputs"]] == [2, 3, 4, 5, 6, 9]
    words = {"pending": ".", "processing": ">", "completed": "#", "failed": "x"}
    assert "".join(words[entry["status"]] for entry in body["inputs"]) == states
    progress = (await http.get(JOB)).json()["input_progress"]
    assert progress == {
        "pending": states.count("."),
        "processing": states.count(">"),
        "completed": states.count("#"),
        "failed": 0,
    }
    page = (await http.get(f"{JOB}/inputs", params={"offset": 4, "limit": 5})).json()
    assert [entry["episode"] for entry in page["inputs"]] == [6, 9]
    pending = (await http.get(f"{JOB}/inputs", params={"status": "pending", "offset": 1, "limit": 2})).json()
    expected = [episode for episode, state in zip([2, 3, 4, 5, 6, 9], states, strict=True) if state == "."]
    assert [entry["episode"] for entry in pending["inputs"]] == expected[1:3]
    assert (pending["job_id"], pending["total"]) == (SHORT_ID, len(expected))


async def test_inputs_of_a_condition_are_what_resolve_found(http: httpx.AsyncClient, view: ClusterView) -> None:
    spec = {"augmentation": {"episodes": "0:9", "where": "success"}}
    for version, (selected, expected) in enumerate([("1,3:5", [1, 3, 4]), (None, [])], start=300):
        source = {"episodes": 10, **({} if selected is None else {"selected": selected})}
        status = {"state": "running", "phases": [RESOLVED], "source": source}
        put(view, job_object(version=version, status=status, spec=spec))
        body = (await http.get(f"{JOB}/inputs")).json()
        assert [entry["episode"] for entry in body["inputs"]] == expected
        assert body["total"] == len(expected)


async def test_inputs_are_the_episodes_of_the_chosen_splits(http: httpx.AsyncClient, view: ClusterView) -> None:
    splits = [{"name": "train", "episodes": "0:3,8"}, {"name": "val", "episodes": "3:5"}]
    status = {"state": "running", "phases": [RESOLVED], "source": {"episodes": 10, "splits": splits}}
    put(view, job_object(version=300, status=status, spec={"augmentation": {"episodes": "1:9", "splits": ["train"]}}))
    body = (await http.get(f"{JOB}/inputs")).json()
    assert [entry["episode"] for entry in body["inputs"]] == [1, 2, 8]


async def test_events_and_outputs_are_lists(http: httpx.AsyncClient, view: ClusterView) -> None:
    bring(view, "completed with all")
    events = (await http.get(f"{JOB}/events")).json()
    assert [entry["id"] for entry in events["events"]] == ["resolve/done", "resolve/start"], "the newest first"
    assert [entry["level"] for entry in events["events"]] == ["SUCCESS", "INFO"]
    assert [entry["event_type"] for entry in events["events"]] == ["resolve.completed", "resolve.started"]
    assert (events["job_id"], events["total"]) == (SHORT_ID, 2)
    page = (await http.get(f"{JOB}/events", params={"level": "INFO", "limit": 1})).json()
    assert [entry["id"] for entry in page["events"]] == ["resolve/start"]
    outputs = (await http.get(f"{JOB}/outputs")).json()
    assert "meta/augmentation.png" in [entry["path"] for entry in outputs["outputs"]]
    for entry in outputs["outputs"]:
        assert entry["data"]["ref"] == entry["url"]
        assert "/" not in entry["data"]["filename"], "clients write it into a folder as it is"
    page = (await http.get(f"{JOB}/outputs", params={"offset": 1, "limit": 1})).json()
    assert (page["outputs"], page["total"]) == (outputs["outputs"][1:2], outputs["total"])
    put(view, job_object(version=400))
    assert (await http.get(f"{JOB}/outputs")).json() == {
        **{"job_id": SHORT_ID, "total": 0, "offset": 0, "limit": 50},
        "outputs": [],
    }


async def test_queue_is_listed_by_position(http: httpx.AsyncClient, view: ClusterView) -> None:
    for number, position in ((1, 1), (2, 0)):
        status = {"state": "queued", "queue": {"position": position, "depth": 5}}
        put(view, job_object(f"00000000-0000-4000-8000-{number:012}", 300, name=f"j{number}", status=status))
    body = (await http.get(f"{JOBS}/queue")).json()
    assert [(entry["name"], entry["position"]) for entry in body["queue"]] == [("j2", 0), ("j1", 1)]
    assert body["depth"] == 5
    assert body["queues"] == [{"pipeline_type": "batch", "depth": 5}]


async def test_list_is_searchable_and_paged(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, job_object("00000000-0000-4000-8000-000000000001", 300, spec={"displayName": "Kitchen"}))
    assert (await http.get(JOBS, params={"q": "KITCH"})).json()["total"] == 1
    page = (await http.get(JOBS, params={"offset": 1, "limit": 1})).json()
    assert (len(page["jobs"]), page["total"], page["offset"], page["limit"]) == (1, 2, 1, 1)
    assert (await http.get(JOBS, params={"pipeline_type": "training"})).json()["total"] == 0


async def test_plain_uuid_is_accepted(http: httpx.AsyncClient, view: ClusterView) -> None:
    set_state(view, "running")
    assert (await http.get(f"{JOBS}/{JOB_ID.upper()}")).json()["id"] == SHORT_ID
    assert (await http.get(PATH)).status_code == 200
