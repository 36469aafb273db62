"""The shards' manifests: records of what each has finished, for a restart and for the publish phase.

A port with two implementations: one ConfigMap per shard, which the operator made, and JSON files for runs
without Kubernetes. A record is written once its files are stored; what is recorded is never repeated.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_api.identifiers import LABEL_JOB_UID, shard_manifest_name, source_listing_name
from augmentation_api.status import MOST_BAD_EPISODES_LISTED
from augmentation_kube import KubeError, Resource
from augmentation_worker.cluster.connection import ClusterConnection, refused, retry_until_available
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.settings import Settings

_LISTING_KEY = "files"
_log = logging.getLogger(__name__)


class ShardManifests(Protocol):
    """The manifests of all shards of a job."""

    def read(self, shard: int) -> dict[str, str]:
        """All records of a shard by key. Raises WorkerFailure."""

    def record(self, shard: int, records: Mapping[str, str]) -> None:
        """Add or replace records, all at once and durably. Raises WorkerFailure."""

    def keep_listing(self, text: str) -> None:
        """Leave the list of the source's files to the shards. Raises WorkerFailure."""

    def read_listing(self) -> str | None:
        """What resolve left; None if it left nothing. Raises WorkerFailure."""

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
        try:
            return self._data(name)
        except KubeError as error:
            if error.status == 404:
                return {}  # deleted: what it said is lost
            raise self._refused(error, "read", name) from error

    @override
    def record(self, shard: int, records: Mapping[str, str]) -> None:
        name = self._name(shard)
        try:
            self._patch(name, records)
        except KubeError as error:
            raise self._refused(error, "write", name) from error

    @override
    def keep_listing(self, text: str) -> None:
        try:
            self._patch(self._listing_name, {_LISTING_KEY: text})
        except KubeError as error:
            # Each shard can ask the hub itself: an operator of another release may not have made the ConfigMap.
            _log.warning("the list of the source's files is not kept: %s", error)

    @override
    def read_listing(self) -> str | None:
        try:
            return self._data(self._listing_name).get(_LISTING_KEY)
        except KubeError as error:
            _log.warning("the list of the source's files cannot be read: %s", error)
            return None

    @override
    def keep_bad_episodes(self, document: bytes) -> str:
        settings = self._settings
        return (
            f"the first {MOST_BAD_EPISODES_LISTED} are in status.badEpisodes, all in the job's records: kubectl get "
            f"configmaps -n {settings.namespace} -l {LABEL_JOB_UID}={settings.job_uid} -o yaml | grep unusable"
        )

    @property
    def _listing_name(self) -> str:
        return source_listing_name(self._settings.job_name, self._settings.job_uid)

    def _data(self, name: str) -> dict[str, str]:
        api, namespace = self._connection.api, self._settings.namespace
        config_map = retry_until_available(lambda: self._connection.run(api.get(Resource.CONFIG_MAPS, name, namespace)))
        return dict(config_map.get("data") or {})

    def _patch(self, name: str, data: Mapping[str, str]) -> None:
        api, namespace = self._connection.api, self._settings.namespace
        request = {"data": dict(data)}
        retry_until_available(
            lambda: self._connection.run(api.merge_patch(Resource.CONFIG_MAPS, name, request, namespace=namespace))
        )

    def _name(self, shard: int) -> str:
        return shard_manifest_name(self._settings.job_name, self._settings.job_uid, shard)

    def _refused(self, error: KubeError, action: str, name: str) -> WorkerFailure:
        if error.status in (413, 422):
            return WorkerFailure(
                FailureReason.LIMIT_EXCEEDED,
                f"the records of one shard do not fit into its ConfigMap {name} ({error.message}): use more shards "
                "(spec.parallelism, or framesPerShard of the AugmentationClass), or raise its limits.checkpointMB",
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
    def record(self, shard: int, records: Mapping[str, str]) -> None:
        records = {**self.read(shard), **records}
        self._folder.mkdir(parents=True, exist_ok=True)
        written = self._path(shard).with_suffix(".tmp")
        written.write_text(json.dumps(records))
        written.replace(self._path(shard))

    @override
    def keep_listing(self, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / _LISTING_KEY).write_text(text)

    @override
    def read_listing(self) -> str | None:
        path = self._folder / _LISTING_KEY
        return path.read_text() if path.exists() else None

    @override
    def keep_bad_episodes(self, document: bytes) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "bad_episodes.json"
        path.write_bytes(document)
        return f"all in {path}"

    def _path(self, shard: int) -> Path:
        return self._folder / f"shard-{shard}.json"
