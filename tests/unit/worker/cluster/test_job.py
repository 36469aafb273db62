"""The resource of a job as a worker pod reads and writes it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_kube import Resource
from augmentation_worker.cluster.connection import ClusterConnection, Result
from augmentation_worker.cluster.job import ClusterJob
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.settings import Settings
from tests.kubernetes.in_memory import InMemoryKube

ENVIRONMENT = {
    "AUGMENTATION_JOB_NAMESPACE": "robots",
    "AUGMENTATION_JOB_NAME": "kitchen",
    "AUGMENTATION_JOB_UID": "0f1e2d3c-aaaa-4bbb-8ccc-ddddeeeeffff",
}


class Connection(ClusterConnection):
    """A connection to an API in memory."""

    def __init__(self, kube: InMemoryKube) -> None:
        self.api = kube

    @override
    def run(self, request: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run(request)


def job_of(uid: str) -> ClusterJob:
    kube = InMemoryKube()
    spec = {"source": {"hub": {"repoID": "lab/kitchen"}}}
    kube.put(Resource.AUGMENTATION_JOBS, {"metadata": {"name": "kitchen", "uid": uid}, "spec": spec}, "robots")
    return ClusterJob(Connection(kube), Settings.from_environment(ENVIRONMENT))


def test_status_is_written_and_read() -> None:
    job = job_of(ENVIRONMENT["AUGMENTATION_JOB_UID"])
    job.apply_status("augmentation-worker-resolve", {"source": {"frames": 7}})
    source = job.read().status.source
    assert source is not None
    assert source.frames == 7


def test_job_that_was_recreated_fails_the_pod() -> None:
    job = job_of("99999999-aaaa-4bbb-8ccc-ddddeeeeffff")
    with pytest.raises(WorkerFailure, match="not the one that this pod was made for") as caught:
        job.read()
    assert caught.value.reason is FailureReason.INTERNAL_ERROR
    with pytest.raises(WorkerFailure, match="not the one that this pod was made for"):
        job.apply_status("augmentation-worker-resolve", {"source": {"frames": 7}})
