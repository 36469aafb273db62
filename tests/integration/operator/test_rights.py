"""Least privilege: the RBAC rules of operator and workers suffice and grant nothing more."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from augmentation_api import AugmentationJobStatus
from augmentation_api.identifiers import source_listing_name
from augmentation_operator.manifests.identity import GRANTED_AHEAD
from tests.integration.operator.cluster import SYSTEM_NAMESPACE, Cluster, Json, OperatorProcess, path_of
from tests.integration.operator.jobs import Job, StandInKubelet, StandInWorker, resolve

GROUP = "augmentation.dev"
WORKERS = ("source", "shards", "output", "phases")
STEERED = [
    field.alias or name for name, field in AugmentationJobStatus.model_fields.items() if field.alias not in WORKERS
]
OTHERWISE: Json = {
    "state": "completed",
    "displayState": "completed",
    "currentPhase": "publish",
    "message": "all is well",
    "conditions": [],
    "progress": {"percent": 100},
    "className": "other",
    "classSnapshot": {"spec": {"image": "evil"}},
    "placement": {"node": "elsewhere"},
    "usage": {"cpuSeconds": 1},
    "queue": {"position": 1, "depth": 1},
    "notification": {"id": "a", "state": "delivered"},
    "preview": {"mediaType": "image/png", "image": "AAAA"},
    "badEpisodes": {"count": 1, "items": [{"index": 0, "cause": "damaged"}]},
    "phases": [{"name": "augment", "status": "completed"}],
}
"""What a worker would write into the fields that are not its own; a number or a time where none is named."""
NOBODY: Json = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody"}}


@dataclass
class Situation:
    """A job in its augment phase with two shards, and another job."""

    job: Job
    worker: StandInWorker
    other: Job

    @property
    def rights(self) -> Cluster:
        """What a worker sees: shard 1."""
        return self.worker.account("augment", 1)

    def record(self, shard: int) -> str:
        return f"{self.job.name}-{self.job.uid[:8]}-shard-{shard}"


@pytest.fixture(scope="module")
def situation(operator_process: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet) -> Iterator[Situation]:
    if not operator_process.is_running:
        operator_process.restart()
    job, other = Job(cluster, parallelism=2), Job(cluster)
    worker = resolve(job, kubelet)
    job.await_pods("augment", 2)
    other.await_pods("resolve")
    yield Situation(job, worker, other)


def rights_of(account: Cluster, namespace: str) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """What an account may do in a namespace: the names of objects by group, resource and verb."""
    review = account.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": namespace}})
    return {
        (group, resource, verb): tuple(sorted(rule.get("resourceNames", [])))
        for rule in review["status"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def granted_to(account: Cluster, namespace: str) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """What an account may do beyond what Kubernetes lets every account do."""
    administrator = Cluster(account.plane)
    administrator.apply(path_of("serviceaccounts", "elsewhere", "nobody"), NOBODY, "tests")
    everybodys = rights_of(administrator.as_account("elsewhere", "nobody"), namespace)
    return {right: names for right, names in rights_of(account, namespace).items() if right not in everybodys}


def test_worker_has_exactly_three_rights(situation: Situation) -> None:
    listing = source_listing_name(situation.job.name, situation.job.uid)
    own, records = (situation.job.name,), (*map(situation.record, range(GRANTED_AHEAD)), listing)
    assert granted_to(situation.rights, "robots") == {
        (GROUP, "augmentationjobs", "get"): own,
        (GROUP, "augmentationjobs/status", "patch"): own,
        ("", "configmaps", "get"): records,
        ("", "configmaps", "patch"): records,
    }


def test_worker_has_no_rights_in_another_namespace(situation: Situation) -> None:
    assert granted_to(situation.rights, "elsewhere") == {}


def test_worker_reads_its_job_and_writes_its_status(situation: Situation) -> None:
    assert situation.rights.get(situation.job.path())["metadata"]["uid"] == situation.job.uid
    situation.worker.report_shard(0, 10)
    assert situation.job.status["shards"][0]["frames"]["done"] == 10
    # The operator's part of the status follows, and stays from then on.
    situation.job.until(lambda job: job.status["progress"]["frames"]["done"] == 10)


@pytest.mark.parametrize("field", [*STEERED, "phases"])
def test_worker_cannot_write_fields_of_the_operator(situation: Situation, field: str) -> None:
    before = situation.job.status.get(field)
    otherwise = OTHERWISE.get(field, "2020-01-01T00:00:00Z" if field.endswith("At") else 7)
    headers = {"Content-Type": "application/merge-patch+json"}
    patch = json.dumps({"status": {field: otherwise}})
    answer = situation.rights.http.patch(situation.job.path("status"), content=patch, headers=headers)
    assert answer.status_code == 403
    assert f"status.{field}" in answer.json()["message"]
    assert situation.job.status.get(field) == before


def test_worker_writes_the_records_of_its_shards(situation: Situation) -> None:
    record = path_of("configmaps", "robots", situation.record(1))
    situation.rights.merge_patch(record, {"data": {"episode-0": "done"}})
    assert situation.rights.get(record)["data"] == {"episode-0": "done"}


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "{other}"),
        ("GET", "{jobs}"),
        ("PATCH", "{own}"),
        ("PATCH", "{other}/status"),
        ("DELETE", "{own}"),
        ("GET", "/api/v1/namespaces/robots/secrets"),
        ("GET", "/api/v1/namespaces/robots/pods"),
        ("GET", "/api/v1/namespaces/robots/configmaps"),
        ("GET", "/api/v1/namespaces/robots/serviceaccounts"),
        ("GET", "/apis/batch/v1/namespaces/robots/jobs"),
        ("GET", "/apis/augmentation.dev/v1alpha1/augmentationclasses"),
    ],
)
def test_worker_is_denied_everything_else(situation: Situation, verb: str, path: str) -> None:
    filled = path.format(
        own=situation.job.path(), other=situation.other.path(), jobs=path_of("augmentationjobs", "robots")
    )
    headers = {"Content-Type": "application/merge-patch+json"}
    body = "{}" if verb == "PATCH" else None
    assert situation.rights.http.request(verb, filled, content=body, headers=headers).status_code == 403


def test_worker_cannot_create_records(situation: Situation) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="forbidden"):
        situation.rights.post(path_of("configmaps", "robots"), {"metadata": {"name": "extra"}})


@pytest.mark.parametrize(
    ("verb", "resource", "group"),
    [
        ("get", "secrets", ""),
        ("list", "secrets", ""),
        ("create", "pods", ""),
        ("delete", "pods", ""),
        ("create", "clusterroles", "rbac.authorization.k8s.io"),
        ("create", "clusterrolebindings", "rbac.authorization.k8s.io"),
        ("escalate", "roles", "rbac.authorization.k8s.io"),
        ("bind", "roles", "rbac.authorization.k8s.io"),
        ("impersonate", "serviceaccounts", ""),
        ("patch", "nodes", ""),
        ("create", "augmentationjobs", GROUP),
        ("patch", "augmentationjobs", GROUP),
    ],
)
def test_operator_lacks_rights_it_does_not_need(cluster: Cluster, verb: str, resource: str, group: str) -> None:
    account = cluster.as_account(SYSTEM_NAMESPACE, "augmentation-operator")
    assert not account.may(verb, resource, "robots", group=group)


def test_operator_cannot_grant_rights_it_does_not_have(cluster: Cluster, situation: Situation) -> None:
    account = cluster.as_account(SYSTEM_NAMESPACE, "augmentation-operator")
    greedy = {
        "metadata": {"name": "greedy"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
    }
    with pytest.raises(httpx.HTTPStatusError, match="attempting to grant RBAC permissions not currently held"):
        account.post(path_of("roles", "robots"), greedy)
