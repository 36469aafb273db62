"""A dataset cannot make a worker request anything but its own files.

Whatever the dataset names and wherever the hub redirects, a listening server receives no request.
"""

import json
import pickle
import shutil
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Features, Image

from augmentation_api import FailureReason, PhaseName
from augmentation_api.reach import Reach
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images import detection as finding
from augmentation_worker.formats.images.local_only import RemoteAccess, local_only
from augmentation_worker.storage.hub.client import HubClient
from augmentation_worker.storage.hub.destinations import Destinations, checked_transport
from tests.integration.listener import Listener, listening
from tests.integration.worker.conftest import FIXTURES
from tests.integration.worker.image_datasets import image, image_folder, image_folder_with_metadata, parquet_dataset
from tests.integration.worker.jobs import local_run, spec_of

TOKEN = "hf_thetokenofthejob"
IMAGE = image(0, "PNG")


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening(lambda method, path: (200, {}, IMAGE)) as running:
        yield running


def refused(source: Path, tmp_path: Path) -> WorkerFailure:
    """Failure of a job with this source folder."""
    run = local_run(tmp_path / "job", "http://127.0.0.1:9", None, spec_of("unused/unused", copies=1))
    run = run.with_settings(source_folder=source, output_folder=tmp_path / "result")
    with pytest.raises(WorkerFailure) as caught:
        run.run_all()
    assert [event.status for event in run.job.status.phase(PhaseName.RESOLVE).events][-1] == "failed"
    assert not (tmp_path / "result").exists()
    return caught.value


def with_card(folder: Path, configs: str) -> None:
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}\n---\n\n# Images\n")


CARDS = {
    "a URL": "- config_name: default\n  data_files: {url}/latest/meta-data/x.png",
    "a URL in a list": "- config_name: default\n  data_files:\n  - train/*\n  - {url}/x.png",
    "a URL of a split": "- config_name: default\n  data_files:\n  - split: train\n    path: ['{url}/x.png']",
    "metadata behind a fragment": "- config_name: default\n  data_files: ['{url}/internal#/metadata.csv']",
    "a chain": "- config_name: default\n  data_files: 'zip://*.png::{url}/x.zip'",
    "a chain without a scheme": "- config_name: default\n  data_files: 'x.png::http'",
    "another hub's dataset": "- config_name: default\n  data_files: hf://datasets/lab/private/x.png",
    "a folder that is a URL": "- config_name: default\n  data_dir: {url}/folder",
    "a cloud's storage": "- config_name: default\n  data_files: s3://bucket/x.png",
    "a local URL": "- config_name: default\n  data_files: file:///etc/passwd.png",
    "an absolute path": "- config_name: default\n  data_files: /etc/*.png",
    "a home": "- config_name: default\n  data_files: ~/x.png",
    "the folder above": "- config_name: default\n  data_files: train/../../*.png",
    "a folder above": "- config_name: default\n  data_dir: ../other",
    "one of two configurations": "- config_name: default\n  data_files: train/**\n"
    "- config_name: other\n  data_files: {url}/x.png",
}


@pytest.mark.parametrize("configs", CARDS.values(), ids=CARDS)
def test_card_cannot_name_files_outside_dataset(configs: str, listener: Listener, tmp_path: Path) -> None:
    source = image_folder(tmp_path / "source")
    with_card(source, configs.format(url=listener.url))
    failure = refused(source, tmp_path)
    assert failure.reason is FailureReason.SOURCE_INVALID
    assert "README.md names" in failure.message
    assert "configs[" in failure.message
    assert listener.heard == []


@pytest.mark.parametrize("configs", CARDS.values(), ids=CARDS)
def test_datasets_library_does_not_load_files_named_by_card(
    configs: str, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "shown_card", lambda content: content)
    source = image_folder(tmp_path / "source")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.png").write_bytes(image(1, "PNG"))
    with_card(source, configs.format(url=listener.url))
    if "other\n" not in configs:  # of two configurations the other one is not opened
        refused(source, tmp_path)
    assert listener.heard == []


@pytest.mark.parametrize("name", ["{url}/x.png", "/etc/passwd", "../other.png", "file:///etc/passwd"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_metadata_cannot_name_files_outside_dataset(kind: str, name: str, listener: Listener, tmp_path: Path) -> None:
    source = image_folder_with_metadata(tmp_path / "source")
    (source / "metadata.csv").unlink()
    file_name = name.format(url=listener.url)
    text = (
        f"file_name,caption\n{file_name},x\n" if kind == "csv" else json.dumps({"file_name": file_name, "caption": "x"})
    )
    (source / f"metadata.{kind}").write_text(text)
    assert refused(source, tmp_path).reason is FailureReason.SOURCE_INVALID
    assert listener.heard == []


def test_image_path_in_parquet_is_not_opened(listener: Listener, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    cells = [{"bytes": None, "path": f"{listener.url}/x.png"}]
    features = Features({"image": Image()})
    table = pa.table({"image": pa.array(cells, features.arrow_schema.field("image").type)}, features.arrow_schema)
    pq.write_table(table, source / "train.parquet")
    failure = refused(source, tmp_path)
    assert failure.reason is FailureReason.SOURCE_INVALID
    assert "row 0" in failure.message
    assert listener.heard == []


@pytest.mark.parametrize("field", ["data_path", "video_path"])
def test_info_cannot_name_files_outside_dataset(field: str, listener: Listener, tmp_path: Path) -> None:
    source = Path(shutil.copytree(FIXTURES / "pusht_v30", tmp_path / "source"))
    document = json.loads((source / "meta/info.json").read_text())
    document[field] = f"{listener.url}/{{chunk_index}}/{{file_index}}" + ("/{video_key}" if "video" in field else "")
    (source / "meta/info.json").write_text(json.dumps(document))
    failure = refused(source, tmp_path)
    assert field in failure.message
    assert listener.heard == []


class Opened:
    """An object that sends a request when it is unpickled."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return urllib.request.urlopen, (self._url,)


def test_parquet_extension_type_is_not_unpickled(listener: Listener, tmp_path: Path) -> None:
    source = parquet_dataset(tmp_path / "source")
    path = source / "data/test-00000-of-00001.parquet"
    table = pq.read_table(path)
    metadata = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Opened(f"{listener.url}/pickle")),
    }
    position = table.schema.get_field_index("id")
    schema = table.schema.set(position, table.schema.field(position).with_metadata(metadata))
    pq.write_table(table.cast(schema), path)
    run = local_run(tmp_path / "job", "http://127.0.0.1:9", None, spec_of("unused/unused", copies=1))
    run.with_settings(source_folder=source, output_folder=tmp_path / "result").run(PhaseName.RESOLVE)
    assert listener.heard == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda url: fsspec.open(url).open().read(),
        lambda url: urllib.request.urlopen(url).read(),
        httpx2.get,
        lambda url: socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))),
        lambda url: pickle.loads(pickle.dumps(Opened(url))),
    ],
    ids=["fsspec", "urllib", "httpx2", "socket", "pickle"],
)
def test_network_guard_blocks_every_outgoing_call(ask: Callable[[str], object], listener: Listener) -> None:
    with local_only(), pytest.raises((RemoteAccess, ValueError, httpx2.ConnectError, OSError)):
        ask(listener.url)
    assert listener.heard == []
    ask(listener.url)
    listener.await_request()


def test_network_guard_applies_to_threads_started_within_it(listener: Listener) -> None:
    begin, done, outcomes = threading.Event(), threading.Event(), []

    def ask() -> None:
        try:
            urllib.request.urlopen(listener.url).read()
            outcomes.append("answered")
        except OSError:
            outcomes.append("refused")

    def wait_and_ask() -> None:
        begin.wait()
        ask()
        done.set()

    threading.Thread(target=wait_and_ask).start()
    with local_only():
        within = threading.Thread(target=ask)
        within.start()
        within.join()
        begin.set()
        done.wait()
    assert outcomes == ["refused", "answered"]


def redirecting(to: str) -> Callable[[str, str], tuple[int, dict[str, str], bytes]]:
    """A hub that redirects all its files elsewhere, as for LFS."""
    headers = {
        "X-Repo-Commit": "a" * 40,
        "ETag": '"etag"',
        "X-Linked-Etag": '"etag"',
        "X-Linked-Size": str(len(IMAGE)),
    }
    return lambda method, path: (302, {**headers, "Location": f"{to}/blob", "Content-Length": "0"}, b"")


def test_redirect_to_another_host_carries_no_token(listener: Listener, tmp_path: Path) -> None:
    with listening(redirecting(listener.url)) as hub:
        client = HubClient(hub.url, TOKEN, "hub-token/token", 0.1, lambda number, problem: None)
        client.download("lab/data", "a" * 40, DatasetPath("meta/info.json"), len(IMAGE), tmp_path / "info.json")
    assert TOKEN in hub.headers[0]["authorization"]
    assert any(each.startswith("GET /blob") for each in listener.heard)
    assert not any(TOKEN in value for headers in listener.headers for value in headers.values())


def test_token_is_sent_to_hub_only(listener: Listener) -> None:
    with httpx2.Client(transport=checked_transport(Destinations("http://127.0.0.1:9"), TOKEN)) as client:
        client.post(f"{listener.url}/verify", headers={"Authorization": f"Bearer {TOKEN}", "X-Other": "kept"})
    assert "authorization" not in listener.headers[0]
    assert listener.headers[0]["x-other"] == "kept"


def test_public_hub_cannot_redirect_pod_into_private_network(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Destinations, "_reach", Reach.PUBLIC)
    with listening(redirecting(listener.url)) as hub:
        client = HubClient(hub.url, TOKEN, "hub-token/token", 0.1, lambda number, problem: None)
        with pytest.raises(WorkerFailure) as caught:
            client.download("lab/data", "a" * 40, DatasetPath("meta/info.json"), len(IMAGE), tmp_path / "info.json")
    assert caught.value.reason is FailureReason.HUB_UNAVAILABLE
    assert "127.0.0.1" in caught.value.message
    assert listener.heard == []
