"""The shards' manifests: what each has finished, kept where a restart and the publish phase find it.

A port with two implementations: a ConfigMap a shard, which the operator made, and a JSON file for runs without
Kubernetes. A record is written once its files are on the hub; what is recorded is never done again.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from augmentation_api import FailureReason
from augmentation_api.identifiers import shard_manifest_name
from augmentation_kube import KubeError, Resource
from augmentation_worker.cluster.job import ClusterConnection, StatusUnavailable
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.settings import Settings

Result = TypeVar("Result")
PATIENCE_SECONDS = 120.0
"""How long Kubernetes may be away before a pod gives up: longer than a control plane takes to restart."""
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 10.0


class ShardManifests(Protocol):
    """The manifests of all shards of a job."""

    def read(self, shard: int) -> dict[str, str]:
        """All records of a shard by key. Raises WorkerFailure."""

    def record(self, shard: int, key: str, text: str) -> None:
        """Add or replace one record, durably. Raises WorkerFailure."""


class ConfigMapManifests:
    """One ConfigMap a shard."""

    def __init__(self, connection: ClusterConnection, settings: Settings) -> None:
        self._connection = connection
        self._settings = settings

    def read(self, shard: int) -> dict[str, str]:
        """See ShardManifests."""
        name = self._name(shard)
        api, namespace = self._connection.api, self._settings.namespace
        try:
            found = patiently(lambda: self._connection.run(api.get(Resource.CONFIG_MAPS, name, namespace)))
        except KubeError as error:
            raise self._refused(error, "read", name) from error
        return dict(found.get("data") or {})

    def record(self, shard: int, key: str, text: str) -> None:
        """See ShardManifests."""
        name = self._name(shard)
        api, namespace = self._connection.api, self._settings.namespace
        body = {"data": {key: text}}
        try:
            patiently(
                lambda: self._connection.run(api.merge_patch(Resource.CONFIG_MAPS, name, body, namespace=namespace))
            )
        except KubeError as error:
            raise self._refused(error, "write", name) from error

    def _name(self, shard: int) -> str:
        return shard_manifest_name(self._settings.job_name, self._settings.job_uid, shard)

    def _refused(self, error: KubeError, action: str, name: str) -> WorkerFailure:
        if error.status in (413, 422):
            return WorkerFailure(
                FailureReason.LIMIT_EXCEEDED,
                f"the records of one shard do not fit into its ConfigMap {name} ({error.message}): use more shards "
                "(spec.parallelism, or framesPerShard of the AugmentationClass), fewer copies or fewer cameras",
            )
        return WorkerFailure(
            FailureReason.INTERNAL_ERROR,
            f"Kubernetes does not let the pod {action} the ConfigMap {self._settings.namespace}/{name}: {error}",
        )


class LocalManifests:
    """One JSON file a shard."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, shard: int) -> dict[str, str]:
        """See ShardManifests."""
        path = self._path(shard)
        records: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return records

    def record(self, shard: int, key: str, text: str) -> None:
        """See ShardManifests."""
        records = {**self.read(shard), key: text}
        self._folder.mkdir(parents=True, exist_ok=True)
        written = self._path(shard).with_suffix(".tmp")
        written.write_text(json.dumps(records))
        written.replace(self._path(shard))

    def _path(self, shard: int) -> Path:
        return self._folder / f"shard-{shard}.json"


def patiently(
    request: Callable[[], Result], *, seconds: float = PATIENCE_SECONDS, sleep: Callable[[float], None] = time.sleep
) -> Result:
    """Ask Kubernetes until it answers. Raises WorkerFailure(KUBERNETES_UNAVAILABLE) after `seconds`."""
    deadline = time.monotonic() + seconds
    wait = _FIRST_WAIT_SECONDS
    while True:
        try:
            return request()
        except StatusUnavailable as error:
            if time.monotonic() + wait > deadline:
                raise WorkerFailure(
                    FailureReason.KUBERNETES_UNAVAILABLE,
                    f"the Kubernetes API was away for {seconds:.0f} seconds: {error}",
                ) from error
        sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
