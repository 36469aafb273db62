"""What stores and networks do wrong: retried within limits, or said in a sentence that helps."""

from collections.abc import Mapping
from email.utils import formatdate
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.object_store import connection
from augmentation_worker.storage.object_store.client import StoreClient
from augmentation_worker.storage.object_store.output import ObjectStoreOutput
from augmentation_worker.storage.object_store.source import ObjectStoreSource
from tests.integration.worker.jobs import UID
from tests.integration.worker.object_stores.conftest import BUCKET, DATASET, client_of
from tests.integration.worker.object_stores.store_proxy import Answered, Asked, Fault, Send, always, first, proxied
from tests.integration.worker.object_stores.store_servers import StoreServer

INFO = DatasetPath("meta/info.json")


def source_of(client: StoreClient, tmp_path: Path) -> ObjectStoreSource:
    return ObjectStoreSource(client, tmp_path / "scratch")


@pytest.mark.parametrize("kind", ["answer", "cut", "truncated"])
def test_transient_failures_are_retried(store: StoreServer, tmp_path: Path, kind: str) -> None:
    client = client_of(store, DATASET, side="source", seconds=20.0)
    with store.proxy.failing(first(2, Fault(kind), lambda asked: asked.method == "GET")):  # type: ignore[arg-type]
        source = source_of(client, tmp_path)
        assert (source.read(INFO) or b"").startswith(b"{")


def test_changed_file_is_not_read(store: StoreServer, tmp_path: Path, place: str) -> None:
    client = client_of(store, place, side="source")
    client.put(f"{place}/meta/info.json", b"before")
    source = source_of(client, tmp_path)
    client.put(f"{place}/meta/info.json", b"afters")
    with pytest.raises(WorkerFailure, match=r"meta/info\.json in .* has changed .* create the job again") as caught:
        source.open(INFO)
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    with pytest.raises(WorkerFailure, match="has changed"):
        source.open_partly(INFO).read(3)
    assert source_of(client, tmp_path).revision != source.revision


def test_answers_that_do_not_come_are_waited_for_and_then_said(
    s3: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_time_limits", lambda: {"connect_timeout": "1s", "read_timeout": "500ms"})
    monkeypatch.setattr(connection, "_RETRIES", 0)
    slow = Fault("slow", seconds=1.5)
    with s3.proxy.failing(first(1, slow, lambda asked: asked.method == "GET")):
        assert source_of(client_of(s3, DATASET, side="source", seconds=60.0), tmp_path).paths
    with s3.proxy.failing(always(slow)), pytest.raises(WorkerFailure, match="did not answer in time") as caught:
        source_of(client_of(s3, DATASET, side="source", seconds=0.0), tmp_path)
    assert caught.value.reason is FailureReason.STORE_UNAVAILABLE


def test_source_behind_a_cache_with_etags_of_its_own_is_read(s3: StoreServer, dataset: Path, tmp_path: Path) -> None:
    """Hugging Face's storage buckets send readers of an object on to the nearest edge of their network."""
    content = (dataset / INFO).read_bytes()

    def edge(asked: Asked, _send: Send) -> Answered:
        assert "authorization" not in asked.headers
        if "if-match" in asked.headers:
            return Answered(412, [], b"")
        first_byte, last_byte = map(int, asked.headers["range"].removeprefix("bytes=").split("-"))
        place = f"bytes {first_byte}-{last_byte}/{len(content)}"
        headers = [("ETag", '"of-the-edge"'), ("Content-Range", place), ("Last-Modified", formatdate(usegmt=True))]
        return Answered(206, headers, content[first_byte : last_byte + 1])

    with proxied(s3.url, edge) as cache:

        def gateway(asked: Asked, send: Send) -> Answered:
            is_read = asked.method == "GET" and asked.path.endswith("info.json")
            return Answered(302, [("Location", f"{cache.url}{asked.target}")], b"") if is_read else send(asked)

        with proxied(s3.url, gateway) as store:
            source = source_of(client_of(s3, DATASET, side="source", endpoint=store.url), tmp_path)
            assert source.read(INFO) == content
            assert source.open_partly(INFO).read(1) == content[:1]
        assert cache.asked


@pytest.mark.parametrize(
    ("fault", "reason", "sentence"),
    [
        (Fault("answer", 403, "AccessDenied"), FailureReason.SOURCE_ACCESS_DENIED, "allow listing the bucket"),
        (Fault("answer", 400, "ExpiredToken"), FailureReason.CREDENTIALS_INVALID, "have expired"),
        (Fault("answer", 403, "SignatureDoesNotMatch"), FailureReason.CREDENTIALS_INVALID, "are not accepted"),
        (Fault("answer", 503, "SlowDown"), FailureReason.STORE_UNAVAILABLE, "answered with 503 .*SlowDown"),
        (Fault("cut"), FailureReason.STORE_UNAVAILABLE, "broke off"),
        (Fault("answer", 501, "NotImplemented"), FailureReason.INTERNAL_ERROR, "answered with 501 .*NotImplemented"),
    ],
)
def test_lasting_failures_have_a_reason_and_a_way_out(
    s3: StoreServer, tmp_path: Path, fault: Fault, reason: FailureReason, sentence: str
) -> None:
    with s3.proxy.failing(always(fault)), pytest.raises(WorkerFailure, match=sentence) as caught:
        source_of(client_of(s3, DATASET, side="source", seconds=0.0), tmp_path)
    assert caught.value.reason is reason
    assert "lab-password" not in caught.value.message


@pytest.mark.parametrize("kind", ["s3", "azure"])  # fake-gcs-server says 500
def test_missing_bucket_is_named(kind: str, servers: Mapping[str, StoreServer], tmp_path: Path) -> None:
    store = servers[kind]
    name = "container" if store.kind == "azure" else "bucket"
    named = rf"no {name} nowhere .* spec\.{{side}}\.{store.kind}\.{name}"
    with pytest.raises(WorkerFailure, match=named.format(side="source")) as missing:
        source_of(client_of(store, "a", side="source", bucket="nowhere"), tmp_path)
    assert missing.value.reason is FailureReason.SOURCE_NOT_FOUND
    source = source_of(client_of(store, DATASET, side="source"), tmp_path)
    output = ObjectStoreOutput(client_of(store, "a", bucket="nowhere"), UID)
    with pytest.raises(WorkerFailure, match=rf"create it, or correct spec\.output\.{store.kind}\.{name}") as nowhere:
        output.prepare(source)
    assert nowhere.value.reason is FailureReason.OUTPUT_ACCESS_DENIED


@pytest.mark.parametrize(
    ("fault", "reason", "sentence"),
    [
        (Fault("answer", 403, "AccessDenied"), FailureReason.OUTPUT_ACCESS_DENIED, "writing and deleting objects"),
        (Fault("answer", 507, "XMinioStorageFull"), FailureReason.STORAGE_EXHAUSTED, "make space there"),
        (Fault("answer", 400, "ExpiredToken"), FailureReason.CREDENTIALS_INVALID, "have expired"),
    ],
)
def test_output_that_takes_nothing_is_found_out_in_resolve(
    s3: StoreServer, tmp_path: Path, place: str, fault: Fault, reason: FailureReason, sentence: str
) -> None:
    source = source_of(client_of(s3, DATASET, side="source"), tmp_path)
    output = ObjectStoreOutput(client_of(s3, place), UID)
    with (
        s3.proxy.failing(always(fault, lambda asked: asked.changes)),
        pytest.raises(WorkerFailure, match=sentence) as caught,
    ):
        output.prepare(source)
    assert caught.value.reason is reason


def test_missing_folder_and_right_are_named(s3: StoreServer, tmp_path: Path) -> None:
    with pytest.raises(WorkerFailure, match=r"no files in s3://robots/empty: .*spec\.source\.s3\.path"):
        source_of(client_of(s3, "empty", side="source"), tmp_path)
    with pytest.raises(WorkerFailure, match=r"refuses .* without credentials") as anonymous:
        source_of(client_of(s3, DATASET, side="source", identity="anonymous"), tmp_path)
    assert anonymous.value.reason is FailureReason.SOURCE_ACCESS_DENIED


def test_secret_that_lacks_a_key_and_no_credentials_at_all_are_named(s3: StoreServer, tmp_path: Path) -> None:
    (tmp_path / "AWS_ACCESS_KEY_ID").write_text("somebody")
    client = client_of(s3, DATASET, side="source", credentials_folder=str(tmp_path))
    with pytest.raises(WorkerFailure, match=r"the Secret store-key .* has no AWS_SECRET_ACCESS_KEY"):
        client.head("x")
    key = tmp_path / "AZURE_STORAGE_ACCOUNT_KEY"
    key.write_text("no-base64!")
    azure: dict[str, Any] = {"kind": "azure", "account": "lab", "endpoint": None, "credentials_folder": str(tmp_path)}
    with pytest.raises(WorkerFailure, match="credentials for abfss://robots@lab"):
        client_of(s3, "datasets", side="source", **azure).head("x")
    workload: dict[str, Any] = {"identity": "workload", "secret": None, "credentials_folder": None}
    with pytest.raises(WorkerFailure, match="nothing says as whom to ask"):
        client_of(s3, DATASET, side="source", **workload).head("x")


def test_folder_markers_are_no_files_and_large_files_come_in_parts(s3: StoreServer, tmp_path: Path, place: str) -> None:
    client = client_of(s3, place, side="source")
    content = bytes(range(256)) * (20 * 2**12)
    (tmp_path / "large").write_bytes(content)
    client.put_file(f"{place}/data/large.mp4", tmp_path / "large")
    client.put(f"{place}/data/empty.txt", b"")
    client.put(f"{place}/data_$folder$", b"")
    s3.s3("PUT", f"/{BUCKET}/{place}/marker/", {})
    source = source_of(client, tmp_path)
    assert sorted(source.paths) == ["data/empty.txt", "data/large.mp4"]
    assert source.open(DatasetPath("data/large.mp4")).read_bytes() == content
    assert source.open(DatasetPath("data/empty.txt")).read_bytes() == b""
    whole = BytesIO()
    client.download(next(entry for entry in client.list(place) if entry.size == len(content)), whole)
    assert whole.getvalue() == content


def test_output_that_overlaps_the_source_is_refused(s3: StoreServer, tmp_path: Path) -> None:
    source = source_of(client_of(s3, DATASET, side="source"), tmp_path)
    for path in (DATASET, "datasets", f"{DATASET}/augmented"):
        output = ObjectStoreOutput(client_of(s3, path), UID)
        with pytest.raises(WorkerFailure, match=r"name another one in spec\.output\.s3\.path"):
            output.prepare(source)
