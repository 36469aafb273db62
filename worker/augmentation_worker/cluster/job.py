"""The AugmentationJob this pod works for: reading it, and writing parts of its status.

A port with two implementations: the resource in the cluster, and a folder of JSON files for runs without Kubernetes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError
from typing_extensions import override

from augmentation_api import AugmentationJob, FailureReason
from augmentation_api.identifiers import API_VERSION, JOB_KIND
from augmentation_api.model import findings_of
from augmentation_kube import KubeError, Resource
from augmentation_worker.cluster.connection import ApiServerUnavailable, ClusterConnection, refused
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.settings import Settings

Status = Mapping[str, object]
LIST_KEYS = {"phases": "name", "events": "id", "shards": "index", "conditions": "type"}
"""Key fields of the status's lists, as in the CRD: what server-side apply merges their entries by."""


class JobResource(Protocol):
    """One AugmentationJob."""

    def read(self) -> AugmentationJob:
        """The job as it is now. Raises ApiServerUnavailable or WorkerFailure."""

    def apply_status(self, field_manager: str, status: Status) -> None:
        """Server-side apply: from now on `field_manager` owns exactly these fields of the status.

        Raises:
            ApiServerUnavailable: a transient failure.
            WorkerFailure: a permanent one.
        """


class ClusterJob(JobResource):
    """The resource in the cluster. Only the object with this pod's uid is read or written, never a namesake."""

    def __init__(self, connection: ClusterConnection, settings: Settings) -> None:
        self._connection = connection
        self._settings = settings
        self._resource = f"{JOB_KIND} {settings.namespace}/{settings.job_name}"

    @override
    def read(self) -> AugmentationJob:
        settings = self._settings
        request = self._connection.api.get(Resource.AUGMENTATION_JOBS, settings.job_name, settings.namespace)
        try:
            job = AugmentationJob.from_wire(self._connection.run(request))
        except KubeError as error:
            raise refused(error, "read", self._resource) from error
        except ValidationError as error:
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"{findings_of(error)[0]} (is the worker image older than the operator?)",
            ) from error
        _check_uid(job.metadata.uid, settings)
        return job

    @override
    def apply_status(self, field_manager: str, status: Status) -> None:
        settings = self._settings
        body = {
            "apiVersion": API_VERSION,
            "kind": JOB_KIND,
            "metadata": {"name": settings.job_name, "namespace": settings.namespace, "uid": settings.job_uid},
            "status": dict(status),
        }
        request = self._connection.api.apply(
            Resource.AUGMENTATION_JOBS,
            settings.job_name,
            body,
            field_manager=field_manager,
            namespace=settings.namespace,
            subresource="status",
        )
        try:
            answer = self._connection.run(request)
        except KubeError as error:
            if error.status == 409:
                # Many shards write to one object: the server refuses a write that others keep overtaking.
                raise ApiServerUnavailable(str(error)) from error
            raise refused(error, "write the status of", self._resource) from error
        # The API server ignores the uid of a request here; the chart's policy refuses what is meant for another job.
        _check_uid(answer["metadata"]["uid"], settings)


def _check_uid(uid: str, settings: Settings) -> None:
    """Raise WorkerFailure if a resource is another job's that has the same name."""
    if uid != settings.job_uid:
        raise WorkerFailure(
            FailureReason.INTERNAL_ERROR,
            f"the AugmentationJob {settings.job_name} is not the one that this pod was made for",
        )


class LocalJob(JobResource):
    """A job in a folder: job.json as it was applied, and status/<field manager>.json for each writer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @override
    def read(self) -> AugmentationJob:
        body = json.loads((self._folder / "job.json").read_text())
        status: dict[str, Any] = {}
        for path in sorted((self._folder / "status").glob("*.json")):
            status = _merged(status, json.loads(path.read_text()))
        return AugmentationJob.from_wire({**body, "status": status})

    @override
    def apply_status(self, field_manager: str, status: Status) -> None:
        folder = self._folder / "status"
        folder.mkdir(exist_ok=True)
        written = folder / f"{field_manager}.tmp"
        written.write_text(json.dumps(status))
        written.replace(folder / f"{field_manager}.json")


def _merged(status: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What the API server shows of what two writers applied."""
    merged = dict(status)
    for name, value in other.items():
        if isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = _merged(merged[name], value)
        elif name in LIST_KEYS and isinstance(value, list):
            key = LIST_KEYS[name]
            entries = {entry[key]: entry for entry in merged.get(name, [])}
            for entry in value:
                entries[entry[key]] = _merged(entries.get(entry[key], {}), entry)
            merged[name] = list(entries.values())
        else:
            merged[name] = value
    return merged
