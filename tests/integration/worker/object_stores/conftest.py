"""One server of each kind for all tests, and jobs whose source and result are there."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from augmentation_api import worker_contract
from augmentation_api.worker_contract import StoreAccess
from augmentation_worker import secrecy
from augmentation_worker.storage.object_store import client as client_module
from augmentation_worker.storage.object_store.backend import ENV_RETRY_SECONDS
from augmentation_worker.storage.object_store.client import StoreClient
from tests.integration.worker.datasets import file_hashes
from tests.integration.worker.jobs import UID, LocalRun, local_run, spec_of
from tests.integration.worker.lerobot_recorder import Kind as Storage
from tests.integration.worker.lerobot_recorder import record
from tests.integration.worker.object_stores.store_servers import Kind, StoreServer, running_store

BUCKET = "robots"
DATASET = "datasets/demo"
"""Where it is."""
KINDS: tuple[Kind, ...] = ("s3", "gcs", "azure")
_numbers = count()


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset, which is in every store."""
    folder = tmp_path_factory.mktemp("recorded") / "demo"
    return record(folder, "v3.0", {"observation.images.top": Storage.VIDEO}, (6, 5, 7))


@pytest.fixture(scope="session")
def in_a_folder(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Hashes of what a job makes of it from a folder to a folder."""
    folder = tmp_path_factory.mktemp("in-a-folder")
    run = local_run(folder / "job", "http://127.0.0.1:9", None, spec_of("unused/unused", copies=1))
    run.with_settings(source_folder=dataset, output_folder=folder / "result").run_all()
    return hashes_anywhere(folder / "result")


@pytest.fixture(scope="session")
def servers(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, StoreServer]]:
    with ExitStack() as running:
        started: dict[str, StoreServer] = {}
        for kind in KINDS:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            started[kind] = running.enter_context(running_store(kind, tmp_path_factory.mktemp(kind) / "store", port))
            started[kind].make_bucket(BUCKET)
            upload(started[kind], dataset, DATASET)
        yield started


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, servers: Mapping[str, StoreServer]) -> StoreServer:
    """Each of them in turn."""
    return servers[request.param]


@pytest.fixture
def s3(servers: Mapping[str, StoreServer]) -> StoreServer:
    return servers["s3"]


@pytest.fixture
def place() -> str:
    """A folder that nobody else uses."""
    return f"places/{next(_numbers)}"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come soon."""
    monkeypatch.setattr(client_module, "_FIRST_WAIT_SECONDS", 0.02)


@pytest.fixture(autouse=True)
def no_secrets() -> Iterator[None]:
    yield
    secrecy.forget()


def client_of(store: StoreServer, path: str, *, side: Any = "output", seconds: float = 2.0, **more: Any) -> StoreClient:
    """A client of a folder; `more` changes the access."""
    return StoreClient(
        store.access(more.pop("bucket", BUCKET), path, **more), {}, side, seconds, lambda _attempt, _problem: None
    )


def upload(store: StoreServer, folder: Path, path: str) -> None:
    """Put a local dataset into a folder of the bucket."""
    client = client_of(store, path, direct=True)
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            client.put_file(f"{path}/{file.relative_to(folder)}", file)


def download(store: StoreServer, path: str, folder: Path) -> Path:
    """What a `sync` of the bucket gives: every file of a folder."""
    client = client_of(store, path, direct=True)
    for entry in client.list(path):
        local = folder / entry.key.removeprefix(f"{path}/")
        local.parent.mkdir(parents=True, exist_ok=True)
        with local.open("wb") as file:
            client.download(entry, file)
    return folder


def hashes_anywhere(result: Path) -> dict[str, str]:
    """Hashes of the files that do not name the source."""
    of_the_source = {"meta/augmentation.json", "meta/augmentation.png", "README.md"}
    return {path: value for path, value in file_hashes(result).items() if path not in of_the_source}


def keys_of(store: StoreServer, path: str) -> list[str]:
    """What is below a folder, relative to it."""
    return [entry.key.removeprefix(f"{path}/") for entry in client_of(store, path, direct=True).list(path)]


def job_between(
    folder: Path, source: StoreAccess, output: StoreAccess, *, uid: str = UID, seconds: float = 3.0, **augmentation: Any
) -> LocalRun:
    """A job from one place to another: the spec says what the operator has written into the variables."""
    spec = spec_of("unused/unused", **{"copies": 1, **augmentation})
    run = local_run(folder, "http://127.0.0.1:9", None, spec, uid=uid)
    variables = {
        worker_contract.ENV_SOURCE_STORE: source.model_dump_json(by_alias=True, exclude_none=True),
        worker_contract.ENV_OUTPUT_STORE: output.model_dump_json(by_alias=True, exclude_none=True),
        ENV_RETRY_SECONDS: str(seconds),
    }
    return LocalRun(run.folder, {**run.environment, **variables})
