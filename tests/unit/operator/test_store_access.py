"""How pods reach object stores: what a job and its class say together, and who gets which credentials."""

from typing import Any

import pytest

from augmentation_api.object_store import AzureLocation, GcsLocation, ObjectStores, S3Location
from augmentation_api.worker_contract import ENV_OUTPUT_STORE, ENV_SOURCE_STORE, StoreAccess
from augmentation_operator.manifests.store_access import store_access
from augmentation_operator.manifests.worker_pod import worker_pod
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster, make_class

CLASS = ObjectStores.model_validate(
    {
        "s3": {
            "endpoint": "https://minio.example/",
            "region": "eu-central-1",
            "credentialsSecretRef": {"name": "class-s3"},
        },
        "azure": {"account": "lab", "credentialsSecretRef": {"name": "class-azure"}},
    }
)
FOLDER = "/run/store-credentials/source"


def access(place: S3Location | GcsLocation | AzureLocation, stores: ObjectStores = CLASS) -> StoreAccess:
    return store_access(place, stores, FOLDER)


def s3(**fields: Any) -> S3Location:
    return S3Location.model_validate({"bucket": "robots", "path": "pusht", **fields})


def test_a_job_that_says_nothing_has_what_its_class_says() -> None:
    found = access(s3())
    assert (found.endpoint, found.region, found.addressing) == ("https://minio.example/", "eu-central-1", "path")
    assert (found.identity, found.secret, found.credentials_folder) == ("secret", "class-s3", FOLDER)
    assert found.url == "s3://robots/pusht"


def test_credentials_of_the_class_go_to_no_endpoint_that_a_job_names() -> None:
    found = access(s3(endpoint="https://evil.example"))
    assert (found.identity, found.secret, found.credentials_folder) == ("anonymous", None, None)
    without_secret = access(s3(endpoint="https://evil.example"), ObjectStores())
    assert without_secret.identity == "anonymous"  # nor does the cloud's identity


def test_the_endpoint_of_the_class_may_be_named() -> None:
    assert access(s3(endpoint="https://minio.example")).secret == "class-s3"


def test_a_secret_of_the_job_goes_to_the_endpoint_of_the_job() -> None:
    found = access(s3(endpoint="https://minio.lab.example", credentialsSecretRef={"name": "mine"}))
    assert (found.identity, found.secret, found.endpoint) == ("secret", "mine", "https://minio.lab.example")


def test_the_secret_of_an_account_is_for_no_other_account() -> None:
    mine, other = (AzureLocation(account=name, container="robots", path="a") for name in ("lab", "else"))
    assert access(mine).secret == "class-azure"
    assert (access(other).identity, access(other).secret) == ("workload", None)


def test_who_asks_to_be_anonymous_is() -> None:
    assert access(s3(anonymous=True)).identity == "anonymous"


def test_without_a_secret_the_cloud_says_who_the_pod_is() -> None:
    found = access(GcsLocation(bucket="robots", path="a"))
    assert (found.identity, found.endpoint) == ("workload", None)


@pytest.mark.parametrize(
    ("bucket", "stores", "addressing"),
    [
        ("robots", ObjectStores(), "virtualHost"),
        ("robots.lab", ObjectStores(), "path"),
        ("robots", CLASS, "path"),
        ("robots", ObjectStores.model_validate({"s3": {"addressing": "path"}}), "path"),
    ],
)
def test_addressing_fits_the_store(bucket: str, stores: ObjectStores, addressing: str) -> None:
    assert access(S3Location(bucket=bucket, path="a"), stores).addressing == addressing


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_a_pod_has_of_each_secret_the_keys_of_its_store_alone(phase: Any) -> None:
    place = {"bucket": "robots", "path": "a$HOME", "credentialsSecretRef": {"name": "mine"}}
    output = {"bucket": "results", "path": "a", "credentialsSecretRef": {"name": "theirs"}}
    job = SimulatedCluster(source={"s3": place}, output={"gcs": output}).job
    pod = worker_pod(job, make_class(), phase, 0 if phase == RESOLVE else 2)["spec"]
    volumes = {volume["name"]: volume.get("secret") for volume in pod["volumes"]}
    (worker,) = pod["containers"]
    mounts = {mount["name"]: mount for mount in worker["volumeMounts"]}
    values = {each["name"]: each.get("value", "") for each in worker["env"]}

    assert volumes["source-store"]["secretName"] == "mine"
    assert [each["key"] for each in volumes["source-store"]["items"]] == [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ]
    assert volumes["output-store"]["secretName"] == "theirs"
    assert [each["key"] for each in volumes["output-store"]["items"]] == ["service-account.json"]
    assert volumes["source-store"]["optional"] is True
    assert mounts["source-store"] == {
        "name": "source-store",
        "mountPath": "/run/store-credentials/source",
        "readOnly": True,
    }
    source = StoreAccess.model_validate_json(values[ENV_SOURCE_STORE].replace("$$", "$"))
    assert (source.path, source.credentials_folder) == ("a$HOME", "/run/store-credentials/source")
    assert StoreAccess.model_validate_json(values[ENV_OUTPUT_STORE]).url == "gs://results/a"


def test_a_job_on_a_hub_has_nothing_of_stores() -> None:
    pod = worker_pod(SimulatedCluster().job, make_class(), RESOLVE, 0)["spec"]
    assert not {"source-store", "output-store"} & {volume["name"] for volume in pod["volumes"]}
    assert not {ENV_SOURCE_STORE, ENV_OUTPUT_STORE} & {each["name"] for each in pod["containers"][0]["env"]}
