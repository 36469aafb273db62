"""Datasets in object stores over REST: by the URL that the vendors' tools write, wherever a dataset is named."""

from typing import Any

import httpx
import pytest

from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.dialects.jobs.views import dataset_reference
from augmentation_gateway.dialects.qualia.raw_status import published
from augmentation_gateway.views.job_spec import request_of, to_job_spec
from augmentation_gateway.views.request import AugmentationRequest
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.gateway.conftest import BODY, created, put
from tests.unit.gateway.job_objects import JOB_ID, PROJECT_ID, job_object

AZURE = "abfss://robots@lab.dfs.core.windows.net/pusht"


def record(source: dict[str, Any], output: dict[str, Any] | None = None) -> JobRecord:
    spec = {"source": source, "output": output or {"mode": "copy"}, "projectID": PROJECT_ID}
    return JobRecord.read(job_object(spec=spec))


@pytest.mark.parametrize(
    ("url", "kind", "place"),
    [
        ("s3://robots/data/pusht", "s3", {"bucket": "robots", "path": "data/pusht"}),
        ("gs://robots/pusht", "gcs", {"bucket": "robots", "path": "pusht"}),
        (AZURE, "azure", {"account": "lab", "container": "robots", "path": "pusht"}),
    ],
)
def test_a_url_is_a_place_of_the_spec_and_back(url: str, kind: str, place: dict[str, Any]) -> None:
    request = AugmentationRequest.model_validate(
        {"project_id": PROJECT_ID, "dataset_id": url, "output_dataset_id": f"{url}_augmented"}
    )
    spec = to_job_spec(request).as_given()
    assert spec["source"] == {kind: place}
    assert spec["output"] == {"mode": "copy", kind: {**place, "path": f"{place['path']}_augmented"}}
    asked = request_of(record(spec["source"], spec["output"]))
    assert (asked["dataset_id"], asked["output_dataset_id"]) == (url, f"{url}_augmented")


def test_a_public_bucket_is_read_without_credentials() -> None:
    fields = {"project_id": PROJECT_ID, "dataset_id": "gs://gresearch/robotics/droid", "output_dataset_id": "lab/droid"}
    spec = to_job_spec(AugmentationRequest.model_validate({**fields, "source_anonymous": True}))
    assert spec.source.gcs is not None
    assert spec.source.gcs.anonymous
    asked = request_of(record(spec.source.to_wire(), spec.output.as_given()))
    assert (asked["source_anonymous"], asked["output_dataset_id"]) == (True, "lab/droid")


def test_what_no_request_says_of_a_place_is_not_asked_for_again() -> None:
    place = {"bucket": "robots", "path": "pusht", "endpoint": "https://minio.example"}
    assert "dataset_id" not in request_of(record({"s3": place}))


@pytest.mark.parametrize(
    ("name", "shown"), [("s3://robots/a", "s3://robots/a"), ("javascript://x", None), ("s3://Robots/a", None)]
)
def test_a_status_that_names_no_store_is_not_passed_on(name: str, shown: str | None) -> None:
    status = {"state": "completed", "output": {"datasetID": name, "revision": "1"}}
    spec = {"source": {"s3": {"bucket": "robots", "path": "a"}}}
    assert published(JobRecord.read(job_object(spec=spec, status=status))) == shown


def test_datasets_of_different_buckets_have_different_ids() -> None:
    ids = {
        dataset_reference(record({kind: {"bucket": bucket, "path": "a"}}), None).id
        for kind in ("s3", "gcs")
        for bucket in ("robots", "other")
    }
    assert len(ids) == 4


async def test_a_job_from_store_to_store_is_created_and_found(
    http: httpx.AsyncClient, kube: InMemoryKube, view: ClusterView
) -> None:
    body = {**BODY, "dataset_id": "s3://robots/pusht", "output_dataset_id": "s3://robots/out"}
    assert (await http.post("/v1/augmentation", json=body)).status_code == 201
    (job,) = created(kube)
    assert job["spec"]["source"] == {"s3": {"bucket": "robots", "path": "pusht"}}
    assert job["spec"]["output"]["s3"] == {"bucket": "robots", "path": "out"}
    put(view, job_object(version=300, spec={"source": {"s3": {"bucket": "robots", "path": "pusht"}}}))
    listed = (await http.get("/v1/augmentation", params={"dataset_id": "s3://robots/pusht"})).json()["jobs"]
    assert [job["dataset_id"] for job in listed if job["job_id"] == JOB_ID] == ["s3://robots/pusht"]


async def test_an_input_of_the_batch_api_may_be_a_url(http: httpx.AsyncClient) -> None:
    fields = {name: value for name, value in BODY.items() if name != "dataset_id"}
    batch = {
        "name": "a",
        "pipeline_type": "batch",
        "pipeline_key": "augmentation-deterministic",
        "inputs": {"dataset": [{"file_id": AZURE}]},
        "parameters": {"worker": {"config": fields}},
    }
    answer = await http.post("/v0.5/batch/jobs", json=batch)
    assert answer.status_code in (200, 201), answer.text
