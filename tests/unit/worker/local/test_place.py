"""What users may write for a dataset: folders, and URLs of buckets as the vendors' tools have them."""

from pathlib import Path

import pytest

from augmentation_api.worker_contract import StoreAccess
from augmentation_worker.local.place import beside, label_of, name_of, place_of, variables_of, without_record


def access(url: str, **environment: str) -> StoreAccess:
    place = place_of(url, environment)
    assert isinstance(place, StoreAccess)
    return place


@pytest.mark.parametrize(
    ("url", "kind", "bucket", "path"),
    [
        ("s3://robots/datasets/pusht/", "s3", "robots", "datasets/pusht"),
        ("gs://robots", "gcs", "robots", ""),
        ("abfss://robots@lab.dfs.core.windows.net/pusht", "azure", "robots", "pusht"),
        ("az://robots/pusht", "azure", "robots", "pusht"),
    ],
)
def test_urls_of_buckets_are_places(url: str, kind: str, bucket: str, path: str) -> None:
    place = access(url, AZURE_STORAGE_ACCOUNT_NAME="lab")
    assert (place.kind, place.bucket, place.path, place.identity) == (kind, bucket, path, "workload")
    assert place.account == ("lab" if kind == "azure" else None)
    assert label_of(place) == (path.rsplit("/", 1)[-1] or bucket)


def test_storage_bucket_of_hugging_face_is_reached_by_its_s3_protocol() -> None:
    place = access("hf://buckets/lab/robots/datasets/pusht/", AWS_REGION="eu-central-1")
    assert (place.kind, place.bucket, place.path) == ("s3", "robots", "datasets/pusht")
    assert (place.endpoint, place.region, place.addressing) == ("https://s3.hf.co/lab", "us-east-1", "path")
    assert access("hf://buckets/lab/robots").path == ""


@pytest.mark.parametrize("path", ["", "datasets/pusht"])
def test_record_of_a_dataset_in_a_bucket_names_the_dataset(path: str) -> None:
    url = f"s3://robots/{path}".removesuffix("/")
    assert without_record(access(f"{url}/meta/augmentation.json")) == access(url)
    other = access(f"{url}/old-meta/augmentation.json")
    assert without_record(other) == other
    assert without_record(Path("a/meta/augmentation.json")) == Path("a/meta/augmentation.json")


def test_everything_else_is_a_folder() -> None:
    folder = place_of("data/pusht", {})
    assert (folder, name_of(folder)) == (Path("data/pusht"), "data/pusht")
    assert beside(folder, ".run") == Path("data/.run")
    assert beside(access("s3://robots/pusht"), ".run") == Path.cwd() / ".run"


def test_public_buckets_and_endpoints_are_named_by_variables() -> None:
    assert access("s3://robots/a", AWS_SKIP_SIGNATURE="true").identity == "anonymous"
    assert access("gs://robots/a", AWS_SKIP_SIGNATURE="true").identity == "workload"
    assert access("s3://robots/a").addressing == "virtualHost"
    assert access("s3://robots/a", AWS_ENDPOINT_URL="http://127.0.0.1:9000").addressing == "path"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("hf://datasets/lab/pusht", "write s3://bucket/path"),
        ("hf://buckets/lab/Robots/pusht", "bucket: has to be the name of an S3 bucket"),
        ("az://Robots@lab/pusht", "write s3://bucket/path"),
        ("az://robots/pusht", "AZURE_STORAGE_ACCOUNT_NAME"),
        ("s3://Robots/pusht", "bucket: has to be the name of an S3 bucket"),
        ("s3://robots/../pusht", "path: has to be a folder in the bucket"),
        ("s3:///pusht", "names no bucket: write s3://bucket/path"),
        ("s3:/robots/pusht", "write s3://robots/pusht, or ./s3:/robots/pusht for a folder"),
        ("GS//robots", "write gs://robots, or ./GS//robots"),
        ("arn:aws:s3:::robots/pusht", "write s3://robots/pusht"),
        ("hf://buckets/lab", "hf://buckets/owner/bucket/path"),
    ],
)
def test_url_that_names_no_bucket_is_refused_with_what_to_write(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        place_of(url, {})


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA:hidden@robots/pusht",
        "https://lab.blob.core.windows.net/robots/pusht?sv=2024&sig=hidden",
        "abfss://robots:hidden@lab/pusht",
        "gs://robots/pusht#hidden",
    ],
)
def test_refusal_repeats_no_password_and_no_signature(url: str) -> None:
    with pytest.raises(ValueError, match="pusht") as caught:
        place_of(url, {})
    assert "hidden" not in str(caught.value)


def test_folder_whose_name_is_almost_a_url_is_one_if_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "s3:").mkdir()
    assert place_of(f"{tmp_path}/s3:", {}) == tmp_path / "s3:"
    assert place_of("./s3:/robots", {}) == Path("s3:/robots")


@pytest.mark.parametrize("url", ["127.0.0.1:9000", " http://store", "ftp://store", "http://store:port", "http://[::1"])
def test_variable_that_names_no_endpoint_is_refused_with_its_value(url: str) -> None:
    with pytest.raises(ValueError, match=r"AWS_ENDPOINT_URL.*has to be the URL of a store") as caught:
        place_of("s3://robots/pusht", {"AWS_ENDPOINT_URL": url})
    assert url in str(caught.value)
    with pytest.raises(ValueError, match="has to be the URL") as caught:
        place_of("s3://robots/pusht", {"AWS_ENDPOINT_URL": f"http://user:hidden@{url}"})
    assert "hidden" not in str(caught.value)


def test_pods_are_told_of_each_place_in_the_variable_of_its_kind() -> None:
    variables = variables_of(Path("/data/pusht"), access("s3://robots/a"))
    assert variables["AUGMENTATION_SOURCE_FOLDER"] == "/data/pusht"
    assert variables["AUGMENTATION_SOURCE_STORE"] == variables["AUGMENTATION_OUTPUT_FOLDER"] == ""
    assert StoreAccess.model_validate_json(variables["AUGMENTATION_OUTPUT_STORE"]) == access("s3://robots/a")
