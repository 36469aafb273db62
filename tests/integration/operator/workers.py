"""A job as the operator creates it, and its pods by name, without any running program."""

import itertools
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from augmentation_api import AugmentationJob, PhaseName
from augmentation_api.identifiers import (
    phase_job_name,
    shard_manifest_name,
    source_listing_name,
    worker_identity_name,
)
from augmentation_operator.manifests.identity import identity, shard_records, source_listing
from tests.integration.operator.cluster import Cluster, Json, path_of
from tests.unit.operator.simulated_cluster import make_class

NAMESPACE = "workers"
SHARDS = 12
_LONGEST_GENERATED = 58
_suffixes = itertools.product(string.ascii_lowercase[1:], repeat=5)


def pod_name(job_name: str, index: int | None = None) -> str:
    """The name that the Job controller gives a pod: a long one is cut before the index, or before the random end."""
    suffix = "".join(next(_suffixes))
    if index is None:
        return f"{job_name}-"[:_LONGEST_GENERATED] + suffix
    number = f"-{index}-"
    return job_name[: _LONGEST_GENERATED - len(number)] + number + suffix


@dataclass
class WorkersJob:
    """One AugmentationJob with what its workers need."""

    cluster: Cluster
    name: str
    attempt: int = 0
    rung: int = 0
    spec: Mapping[str, Any] = field(default_factory=dict)
    accounts: dict[tuple[str, int | None], Cluster] = field(default_factory=dict)

    def __post_init__(self) -> None:
        source = {"source": {"hub": {"repoID": "lab/kitchen"}}}
        body = {
            "apiVersion": "augmentation.dev/v1alpha1",
            "kind": "AugmentationJob",
            "metadata": {"name": self.name},
            "spec": {**source, **self.spec},
        }
        self.job = AugmentationJob.from_wire(self.cluster.post(path_of("augmentationjobs", NAMESPACE), body))
        self.uid = self.job.metadata.uid
        account = identity(self.job, make_class(), SHARDS)
        for manifest in [*account, *source_listing(self.job), *shard_records(self.job, SHARDS)]:
            self.cluster.post(path_of(f"{manifest['kind'].lower()}s", NAMESPACE), manifest)

    def path(self, subresource: str = "") -> str:
        return path_of("augmentationjobs", NAMESPACE, self.name, subresource)

    def record(self, shard: int) -> str:
        return path_of("configmaps", NAMESPACE, shard_manifest_name(self.name, self.uid, shard))

    @property
    def listing(self) -> str:
        return path_of("configmaps", NAMESPACE, source_listing_name(self.name, self.uid))

    @property
    def status(self) -> Json:
        status: Json = self.cluster.get(self.path()).get("status", {})
        return status

    def operator_says(self, **status: Any) -> None:
        apply_status(self.cluster, self, "augmentation-operator", **status)

    def pod(self, phase: PhaseName, index: int | None = None) -> Cluster:
        """The API server as a pod of a phase sees it: with a token that is bound to it."""
        if (phase, index) not in self.accounts:
            job = phase_job_name(self.name, self.uid, phase, self.attempt, self.rung if index is not None else 0)
            self.accounts[phase, index] = self.account_of_pod(pod_name(job, index))
        return self.accounts[phase, index]

    def account_of_pod(self, name: str) -> Cluster:
        account = worker_identity_name(self.name, self.uid)
        spec = {"serviceAccountName": account, "containers": [{"name": "worker", "image": "worker"}]}
        pod = self.cluster.post(path_of("pods", NAMESPACE), {"metadata": {"name": name}, "spec": spec})
        return self.cluster.as_account(NAMESPACE, account, pod)

    def unbound(self) -> Cluster:
        return self.cluster.as_account(NAMESPACE, worker_identity_name(self.name, self.uid))


def apply_status(account: Cluster, job: WorkersJob, field_manager: str, **status: Any) -> Json:
    """Server-side apply of a status, as operator and workers write it."""
    body = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"name": job.name, "uid": job.uid},
        "status": status,
    }
    return account.apply(job.path("status"), body, field_manager)


def refusal_of(answer: httpx.HTTPStatusError) -> str:
    """Why the API server refused; fails where it was for another reason than a policy or the CRD."""
    assert answer.response.status_code in (403, 422), answer
    return str(answer.response.json()["message"])
