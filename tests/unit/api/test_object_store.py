"""Places in object stores: what a spec may name, and that what is said of the rest names field and fix."""

from typing import Any

import pytest
from pydantic import ValidationError

from augmentation_api import AugmentationClassSpec, AugmentationJobSpec
from augmentation_api.model import findings_of
from augmentation_api.object_store import AzureLocation, GcsLocation, S3Location, parse_url
from augmentation_api.spec import FORMS
from augmentation_api.worker_contract import output_store

UID = "0123456789abcdef"
S3 = {"bucket": "robots", "path": "pusht"}
AZURE = {"account": "lab", "container": "robots", "path": "pusht"}


def findings(source: dict[str, Any], output: dict[str, Any] | None = None) -> str:
    """What is said of a job with this source and output; empty if nothing is."""
    try:
        AugmentationJobSpec.model_validate({"source": source, "output": output or {}})
    except ValidationError as error:
        return "; ".join(findings_of(error, FORMS))
    return ""


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("s3", {"bucket": "Robots"}, "source.s3.bucket: has to be the name of an S3 bucket"),
        ("s3", {"bucket": "a..b"}, "source.s3.bucket: has to be the name of an S3 bucket"),
        ("s3", {"bucket": "ab"}, "source.s3.bucket"),
        ("s3", {"bucket": "192.168.5.4"}, "may not look like an IP address"),
        ("s3", {"bucket": "robots", "region": "eu central"}, "source.s3.region: has to be a region"),
        ("s3", {"bucket": "robots", "region": "x.evil.example/#"}, "source.s3.region: has to be a region"),
        ("s3", {"bucket": "a.b.c", "addressing": "virtualHost"}, "has a period, so with addressing virtualHost"),
        ("s3", {"bucket": "robots", "path": "/pusht"}, "source.s3.path: has to be a folder in the bucket"),
        ("s3", {"bucket": "robots", "path": "a/../b"}, "source.s3.path: has to be a folder in the bucket"),
        ("s3", {"bucket": "robots", "path": "a\n"}, "source.s3.path: has to be a folder in the bucket"),
        ("s3", {"bucket": "robots", "endpoint": "minio:9000"}, "source.s3.endpoint: has to be the URL of a store"),
        ("s3", {"bucket": "robots", "endpoint": "https://me:pw@minio"}, "source.s3.endpoint: has to be the URL"),
        (
            "s3",
            {"bucket": "robots", "path": "a", "anonymous": True, "credentialsSecretRef": {"name": "x"}},
            "leave one of them out",
        ),
        ("gcs", {"bucket": "robots-"}, "has to begin and end with a letter or digit"),
        ("gcs", {"bucket": "r" * 64}, "source.gcs.bucket: has to be the name of a Google Cloud Storage bucket"),
        ("azure", {**AZURE, "account": "my-lab"}, "source.azure.account: has to be the name of a storage account"),
        ("azure", {**AZURE, "container": "a--b"}, "source.azure.container: has to be the name of a blob container"),
        ("azure", {"container": "robots", "path": "a"}, "source.azure.account: Field required"),
    ],
)
def test_a_place_that_cannot_be_is_refused_with_its_field(kind: str, fields: dict[str, Any], said: str) -> None:
    assert said in findings({kind: fields}, {"hub": {}})


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("s3", {"bucket": "a.b-c.d", "region": "us-gov-west-1", "addressing": "path"}),
        ("s3", {"bucket": "robots", "path": ".hidden/two words/a.b", "endpoint": "http://minio.minio:9000"}),
        ("gcs", {"bucket": "gresearch", "path": "robotics/droid", "anonymous": True}),
        ("gcs", {"bucket": "data_1.lab.example", "credentialsSecretRef": {"name": "gcs"}}),
        ("azure", {**AZURE, "endpoint": "http://azurite:10000/devstoreaccount1"}),
    ],
)
def test_what_the_vendors_make_is_taken(kind: str, fields: dict[str, Any]) -> None:
    assert findings({kind: fields}, {"hub": {}}) == ""


def test_a_source_and_an_output_are_in_one_place_each() -> None:
    assert "exactly one of hub, volume, s3, gcs and azure is needed" in findings({"s3": S3, "gcs": S3})
    assert "at most one of hub, volume, s3, gcs and azure may be given" in findings(
        {"s3": S3}, {"hub": {}, "azure": AZURE}
    )


@pytest.mark.parametrize("path", ["pusht", "pusht/out", "data"])
def test_a_result_is_not_written_where_its_source_is_read(path: str) -> None:
    source = {"s3": {"bucket": "robots", "path": "data/pusht" if path == "data" else "pusht"}}
    said = findings(source, {"s3": {"bucket": "robots", "path": path}})
    assert "output.s3 and source.s3 are the same folder, or one lies in the other" in said


@pytest.mark.parametrize(
    "output",
    [
        {"s3": {"bucket": "robots", "path": "pusht_augmented"}},
        {"s3": {"bucket": "other", "path": "pusht"}},
        {"s3": {"bucket": "robots", "path": "pusht", "endpoint": "https://minio.example"}},
        {"gcs": {"bucket": "robots", "path": "pusht"}},
    ],
)
def test_a_result_may_be_written_anywhere_else(output: dict[str, Any]) -> None:
    assert findings({"s3": S3}, output) == ""


def test_a_whole_bucket_is_a_source_and_no_output() -> None:
    whole = {"s3": {"bucket": "robots"}}
    assert "source.s3 is a whole bucket" in findings(whole)
    assert findings(whole, {"s3": {"bucket": "results", "path": "robots"}}) == ""
    assert "path of output.s3 is empty: name the folder" in findings({"hub": {"repoID": "a/b"}}, whole)


def test_a_result_goes_next_to_its_source_unless_the_job_says_otherwise() -> None:
    place = {**S3, "endpoint": "https://minio.example", "credentialsSecretRef": {"name": "keys"}}
    job = AugmentationJobSpec.model_validate({"source": {"s3": place}})
    assert output_store(job, UID) == S3Location.model_validate({**place, "path": "pusht_augmented_01234567"})
    elsewhere = AugmentationJobSpec.model_validate({"source": {"s3": place}, "output": {"hub": {}}})
    assert output_store(elsewhere, UID) is None


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://robots/data/pusht", S3Location(bucket="robots", path="data/pusht")),
        ("s3://robots", S3Location(bucket="robots")),
        ("gs://robots/pusht/", GcsLocation(bucket="robots", path="pusht")),
        (
            "abfss://robots@lab.dfs.core.windows.net/pusht",
            AzureLocation(account="lab", container="robots", path="pusht"),
        ),
        ("az://robots@lab.blob.core.windows.net/a", AzureLocation(account="lab", container="robots", path="a")),
        (
            "https://lab.blob.core.windows.net/robots/two%20words",
            AzureLocation(account="lab", container="robots", path="two words"),
        ),
    ],
)
def test_a_url_is_read_as_the_vendors_write_it(url: str, place: S3Location | GcsLocation | AzureLocation) -> None:
    assert parse_url(url) == place
    assert parse_url(place.url) == place


@pytest.mark.parametrize(
    "url",
    [
        "lerobot/pusht",
        "s3://robots/a?versionId=1",
        "s3://Robots/a",
        "az://robots/a",
        "https://example.com/a/b",
        "s3://",
        "http://[",
    ],
)
def test_what_is_no_url_of_a_store_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"s3://bucket/path|bucket"):
        parse_url(url)


def test_the_secret_of_a_class_is_of_one_storage_account() -> None:
    azure = {"credentialsSecretRef": {"name": "azure"}}
    with pytest.raises(ValidationError, match="name it in account"):
        AugmentationClassSpec.model_validate({"image": "worker", "objectStores": {"azure": azure}})
