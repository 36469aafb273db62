"""Jobs without Kubernetes: a folder instead of the cluster, and the phases in sequence."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from augmentation_api import AugmentationJob, PhaseName, worker_contract
from augmentation_worker.cluster.job import LocalJob
from augmentation_worker.cluster.manifest import LocalManifests
from augmentation_worker.run import run_phase
from augmentation_worker.settings import ENV_DEVICE, Settings
from augmentation_worker.storage.hub.backend import ENV_RETRY_SECONDS

VARIABLES = {
    "shard_index": worker_contract.ENV_SHARD_INDEX,
    "shard_count": worker_contract.ENV_SHARD_COUNT,
    "shard_attempt": worker_contract.ENV_SHARD_ATTEMPT,
    "device": ENV_DEVICE,
    "max_frames": worker_contract.ENV_MAX_FRAMES,
    "scratch": worker_contract.ENV_SCRATCH,
    "source_folder": worker_contract.ENV_SOURCE_FOLDER,
    "output_folder": worker_contract.ENV_OUTPUT_FOLDER,
    "hub_endpoint": worker_contract.ENV_HUB_ENDPOINT,
    "hub_retry_seconds": ENV_RETRY_SECONDS,
}
UID = "0f2c9f8e-6a51-4f0e-9d54-2f6a1f6a9f11"


@dataclass(frozen=True)
class LocalRun:
    """A job on one hub.

    Attributes:
        folder: replaces the cluster; contains the scratch folder too.
        environment: environment of a pod of this job.
    """

    folder: Path
    environment: Mapping[str, str]

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    @property
    def resource(self) -> LocalJob:
        return LocalJob(self.folder)

    @property
    def manifests(self) -> LocalManifests:
        return LocalManifests(self.folder / "manifests")

    @property
    def job(self) -> AugmentationJob:
        return self.resource.read()

    def run(self, phase: PhaseName, *, shard: int | None = None, shards: int | None = None) -> None:
        pod = self.with_settings(shard_index=shard, shard_count=shards)
        run_phase(phase, pod.settings, pod.environment, self.resource, self.manifests, status_interval=0.01)

    def run_all(self, shards: int = 1) -> None:
        self.run(PhaseName.RESOLVE)
        self.run_shards(shards)
        self.run(PhaseName.PUBLISH, shards=shards)

    def run_shards(self, shards: int) -> None:
        for shard in range(shards):
            self.run(PhaseName.AUGMENT, shard=shard, shards=shards)

    def with_settings(self, **changes: object) -> "LocalRun":
        """The same job with other variables, by the short names of VARIABLES; None leaves a variable out."""
        changed = {VARIABLES[name]: "" if value is None else str(value) for name, value in changes.items()}
        return replace(self, environment={**self.environment, **changed})


def local_run(
    folder: Path,
    endpoint: str,
    token: str | None,
    spec: Mapping[str, Any],
    *,
    uid: str = UID,
    retry_seconds: float = 3.0,
) -> LocalRun:
    """A job with this spec, submitted to a cluster that is a folder."""
    folder.mkdir(parents=True)
    metadata = {"name": "demo", "namespace": "lab", "uid": uid}
    (folder / "job.json").write_text(json.dumps({"metadata": metadata, "spec": spec}))
    return reopened(folder, endpoint, token, uid=uid, retry_seconds=retry_seconds)


def reopened(folder: Path, endpoint: str, token: str | None, *, uid: str = UID, retry_seconds: float = 3.0) -> LocalRun:
    """Open a job that was submitted before, possibly by another process."""
    (folder / "token").write_text(token or "")
    environment = {
        worker_contract.ENV_JOB_NAMESPACE: "lab",
        worker_contract.ENV_JOB_NAME: "demo",
        worker_contract.ENV_JOB_UID: uid,
        worker_contract.ENV_HUB_ENDPOINT: endpoint,
        worker_contract.ENV_HUB_TOKEN_FILE: str(folder / "token"),
        worker_contract.ENV_CREDENTIALS_SECRET: "hub-token/token",
        ENV_RETRY_SECONDS: str(retry_seconds),
        worker_contract.ENV_SCRATCH: str(folder / "scratch"),
        worker_contract.ENV_NODE_NAME: "node-a",
    }
    return LocalRun(folder, environment)


def spec_of(source: str, **augmentation: Any) -> dict[str, Any]:
    """A spec with lighting and two copies, unless these differ."""
    return {"source": {"hub": {"repoID": source}}, "augmentation": {"copies": 2, "seed": 7, **augmentation}}
