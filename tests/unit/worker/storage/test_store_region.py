"""Which region requests to a bucket of S3 are signed for."""

from typing import Any

import httpx2
import pytest

from augmentation_api.worker_contract import StoreAccess
from augmentation_worker.storage.object_store.connection import region_of

ACCESS = StoreAccess(kind="s3", bucket="robots", identity="workload")
OF_THE_CLUSTER = {"AWS_REGION": "eu-west-1"}


def answers(monkeypatch: pytest.MonkeyPatch, headers: dict[str, str] | None) -> None:
    def head(_client: httpx2.Client, url: str, **_: Any) -> httpx2.Response:
        assert url == "https://robots.s3.amazonaws.com/"
        if headers is None:
            raise httpx2.ConnectError("no route")
        return httpx2.Response(403, headers=headers)

    monkeypatch.setattr(httpx2.Client, "head", head)


def test_bucket_says_its_region_wherever_the_pod_is(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, {"x-amz-bucket-region": "eu-central-1"})
    assert region_of(ACCESS, None, OF_THE_CLUSTER) == "eu-central-1"


@pytest.mark.parametrize("headers", [None, {}])
def test_region_of_the_environment_is_what_is_left(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str] | None
) -> None:
    answers(monkeypatch, headers)
    assert region_of(ACCESS, None, OF_THE_CLUSTER) == "eu-west-1"
    assert region_of(ACCESS, None, {}) == "us-east-1"
    assert region_of(ACCESS, "https://minio.example", OF_THE_CLUSTER) == "eu-west-1"
