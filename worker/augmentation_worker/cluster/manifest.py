"""The shards' manifests: records of what each has finished, for a restart and for the publish phase.

A port with two implementations: one ConfigMap per shard, which the operator made, and JSON files for runs
without Kubernetes. A record is written once its files are stored; what is recorded is never repeated.
"""

import json
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_api.identifiers import LABEL_JOB_UID, shard_manifest_name
from augmentation_api.status import MOST_BAD_EPISODES_LISTED
from augmentation_kube import KubeError, Resource
from augmentation_worker.cluster.connection import ClusterConnection, refused, retry_until_available
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.settings import Settings


class ShardManifests(Protocol):
    """The manifests of all shards of a job."""

    def read(self, shard: int) -> dict[str, str]:
        """All records of a shard by key. Raises WorkerFailure."""

    def record(self, shard: int, key: str, text: str) -> None:
        """Add or replace one record, durably. Raises WorkerFailure."""

    def keep_bad_episodes(self, document: bytes) -> str:
        """Where people find all episodes that cannot be used while there is no result: a document lists them."""


class ConfigMapManifests(ShardManifests):
    """One ConfigMap per shard."""

    def __init__(self, connection: ClusterConnection, settings: Settings) -> None:
        self._connection = connection
        self._settings = settings

    @override
    def read(self, shard: int) -> dict[str, str]:
        name = self._name(shard)
        api, namespace = self._connection.api, self._settings.namespace
        try:
            config_map = retry_until_available(
                lambda: self._connection.run(api.get(Resource.CONFIG_MAPS, name, namespace))
            )
        except KubeError as error:
            raise self._refused(error, "read", name) from error
        return dict(config_map.get("data") or {})

    @override
    def record(self, shard: int, key: str, text: str) -> None:
        name = self._name(shard)
        api, namespace = self._connection.api, self._settings.namespace
        body = {"data": {key: text}}
        try:
            retry_until_available(
                lambda: self._connection.run(api.merge_patch(Resource.CONFIG_MAPS, name, body, namespace=namespace))
            )
        except KubeError as error:
            raise self._refused(error, "write", name) from error

    @override
    def keep_bad_episodes(self, document: bytes) -> str:
        settings = self._settings
        return (
            f"the first {MOST_BAD_EPISODES_LISTED} are in status.badEpisodes, all in the job's records: kubectl get "
            f"configmaps -n {settings.namespace} -l {LABEL_JOB_UID}={settings.job_uid} -o yaml | grep unusable"
        )

    def _name(self, shard: int) -> str:
        return shard_manifest_name(self._settings.job_name, self._settings.job_uid, shard)

    def _refused(self, error: KubeError, action: str, name: str) -> WorkerFailure:
        if error.status in (413, 422):
            return WorkerFailure(
                FailureReason.LIMIT_EXCEEDED,
                f"the records of one shard do not fit into its ConfigMap {name} ({error.message}): use more shards "
                "(spec.parallelism, or framesPerShard of the AugmentationClass), fewer copies or fewer cameras",
            )
        return refused(error, action, f"ConfigMap {self._settings.namespace}/{name}")


class LocalManifests(ShardManifests):
    """One JSON file per shard."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @override
    def read(self, shard: int) -> dict[str, str]:
        path = self._path(shard)
        records: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return records

    @override
    def record(self, shard: int, key: str, text: str) -> None:
        records = {**self.read(shard), key: text}
        self._folder.mkdir(parents=True, exist_ok=True)
        written = self._path(shard).with_suffix(".tmp")
        written.write_text(json.dumps(records))
        written.replace(self._path(shard))

    @override
    def keep_bad_episodes(self, document: bytes) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "bad_episodes.json"
        path.write_bytes(document)
        return f"all in {path}"

    def _path(self, shard: int) -> Path:
        return self._folder / f"shard-{shard}.json"
