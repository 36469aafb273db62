"""Ranged reads of files on a hub."""

from io import SEEK_END
from pathlib import Path

import numpy as np
import pytest

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.client import HubClient
from augmentation_worker.storage.hub.source import open_source
from devcluster.localhub.hub_process import inject_fault, requests_seen
from tests.integration.worker.conftest import WRITE, Hub

CONTENT = np.random.default_rng(5).bytes(3_000_000)


def client(hub: Hub) -> HubClient:
    return HubClient(hub.endpoint, WRITE, "hub-token/token", 2.0, lambda attempt, problem: None)


@pytest.fixture
def path(hub: Hub, tmp_path: Path) -> DatasetPath:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "large.parquet").write_bytes(CONTENT)
    hub.publish("lab/large", tmp_path / "source", tag=None)
    return DatasetPath("large.parquet")


def test_ranged_read_equals_slice_of_file(hub: Hub, path: DatasetPath, tmp_path: Path) -> None:
    source = open_source(client(hub), "lab/large", hub.head("lab/large"), tmp_path / "scratch")
    with source.open_partly(path) as file:
        assert file.seek(0, SEEK_END) == len(CONTENT)
        assert file.read(10) == b""
        for begin, length in ((2_999_990, 100), (0, 7), (1_500_000, 400_000), (1_500_100, 3)):
            file.seek(begin)
            assert file.read(length) == CONTENT[begin : begin + length]
    assert not (tmp_path / "scratch").exists()


def test_tail_of_file_is_one_request(hub: Hub, path: DatasetPath, tmp_path: Path) -> None:
    source = open_source(client(hub), "lab/large", hub.head("lab/large"), tmp_path / "scratch")
    before = len(requests_seen(hub.endpoint, WRITE, method="GET", path_contains=path))
    with source.open_partly(path) as file:
        file.seek(-8, SEEK_END)
        assert file.read(8) == CONTENT[-8:]
    assert len(requests_seen(hub.endpoint, WRITE, method="GET", path_contains=path)) == before + 1


def test_transient_failures_are_retried_and_rejections_are_explained(
    hub: Hub, path: DatasetPath, tmp_path: Path
) -> None:
    source = open_source(client(hub), "lab/large", hub.head("lab/large"), tmp_path / "scratch")
    inject_fault(hub.endpoint, WRITE, method="GET", path_contains=path, status=503)
    with source.open_partly(path) as file:
        assert file.read(5) == CONTENT[:5]
    inject_fault(hub.endpoint, WRITE, method="GET", path_contains=path, status=403)
    with pytest.raises(WorkerFailure) as caught, source.open_partly(path) as file:
        file.read(5)
    assert caught.value.reason is FailureReason.SOURCE_ACCESS_DENIED
