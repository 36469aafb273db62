"""A job without Kubernetes: a folder in place of the cluster, and the three phases run one after another."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from augmentation_api import AugmentationJob, PhaseName
from augmentation_worker.cluster.job import LocalJob
from augmentation_worker.cluster.manifest import LocalManifests
from augmentation_worker.run import run_phase
from augmentation_worker.settings import Settings

UID = "0f2c9f8e-6a51-4f0e-9d54-2f6a1f6a9f11"


@dataclass(frozen=True)
class LocalRun:
    """One job on one hub.

    Attributes:
        folder: stands for the cluster; scratch lies in it too.
        settings: of a pod of this job.
    """

    folder: Path
    settings: Settings

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
        settings = replace(self.settings, shard_index=shard, shard_count=shards)
        run_phase(phase, settings, self.resource, self.manifests, status_interval=0.01)

    def run_all(self, shards: int = 1) -> None:
        self.run(PhaseName.RESOLVE)
        self.run_shards(shards)
        self.run(PhaseName.PUBLISH, shards=shards)

    def run_shards(self, shards: int) -> None:
        for shard in range(shards):
            self.run(PhaseName.AUGMENT, shard=shard, shards=shards)

    def with_settings(self, **changes: Any) -> "LocalRun":
        return replace(self, settings=replace(self.settings, **changes))


def local_run(
    folder: Path, endpoint: str, token: str | None, spec: Mapping[str, Any], *, uid: str = UID, patience: float = 3.0
) -> LocalRun:
    """A job with this spec, submitted to a cluster that is a folder."""
    folder.mkdir(parents=True)
    metadata = {"name": "demo", "namespace": "lab", "uid": uid}
    (folder / "job.json").write_text(json.dumps({"metadata": metadata, "spec": spec}))
    return reopened(folder, endpoint, token, uid=uid, patience=patience)


def reopened(folder: Path, endpoint: str, token: str | None, *, uid: str = UID, patience: float = 3.0) -> LocalRun:
    """A job that was submitted before, maybe by another process."""
    settings = Settings(
        namespace="lab",
        job_name="demo",
        job_uid=uid,
        hub_endpoint=endpoint,
        hub_token=token,
        credentials_secret="hub-token/token",
        hub_patience_seconds=patience,
        scratch=folder / "scratch",
        node_name="node-a",
    )
    return LocalRun(folder, settings)


def spec_of(source: str, **augmentation: Any) -> dict[str, Any]:
    """A spec with lighting and two copies, unless told otherwise."""
    return {"source": {"hub": {"repoID": source}}, "augmentation": {"copies": 2, "seed": 7, **augmentation}}
