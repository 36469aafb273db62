"""What a compromised operator cannot do, checked with its own account on a real API server."""

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from augmentation_api import AugmentationJob, PhaseName
from augmentation_operator.manifests.identity import identity, source_listing
from augmentation_operator.manifests.network_policy import WorkersEgress, network_policy
from augmentation_operator.manifests.phase_jobs import single_pod_job
from augmentation_operator.queueing.kueue.view import activate_workload
from tests.integration.operator.cluster import SYSTEM_NAMESPACE, Cluster, Json, OperatorProcess, path_of, until
from tests.integration.operator.jobs import Job
from tests.unit.operator.simulated_cluster import make_class

_numbers = itertools.count()
PROTECTED = ["kube-system", "kube-public", "kube-node-lease", SYSTEM_NAMESPACE]
PLURALS = {
    "Job": "jobs",
    "ServiceAccount": "serviceaccounts",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "ConfigMap": "configmaps",
    "NetworkPolicy": "networkpolicies",
}


@pytest.fixture(scope="module")
def account(operator_process: OperatorProcess, cluster: Cluster) -> Cluster:
    for name in (*PROTECTED[:3], "fresh"):
        try:
            cluster.post("/api/v1/namespaces", {"metadata": {"name": name}})
        except httpx.HTTPStatusError as error:
            assert error.response.status_code == 409
    return cluster.as_account(SYSTEM_NAMESPACE, "augmentation-operator")


def children(namespace: str) -> dict[str, Json]:
    """What the operator makes for a job, by kind: accepted as it is in an ordinary namespace."""
    job = AugmentationJob.from_wire(
        {
            "apiVersion": "augmentation.dev/v1alpha1",
            "kind": "AugmentationJob",
            "metadata": {"name": "kitchen", "namespace": namespace, "uid": "0f1e2d3c-aaaa-4bbb-8ccc-ddddeeeeffff"},
            "spec": {"source": {"hub": {"repoID": "lab/kitchen"}}},
        }
    )
    policy, cpu = network_policy(namespace, WorkersEgress(()), []), make_class()
    resolve = single_pod_job(job, cpu, PhaseName.RESOLVE, 0)
    made = [*identity(job, cpu, 1), *source_listing(job), resolve, policy]
    return {each["kind"]: each for each in made}


def create(account: Cluster, manifest: Json) -> Json:
    path = path_of(PLURALS[manifest["kind"]], manifest["metadata"]["namespace"])
    return account.post(f"{path}?dryRun=All", manifest)


@pytest.mark.parametrize("kind", sorted(PLURALS))
def test_children_that_the_operator_creates_are_accepted(account: Cluster, kind: str) -> None:
    # Kubernetes looks a role up before it lets somebody bind it.
    if kind != "RoleBinding":
        assert create(account, children("fresh")[kind])


@pytest.mark.parametrize("namespace", PROTECTED)
@pytest.mark.parametrize("kind", sorted(PLURALS))
def test_operator_creates_nothing_in_system_namespaces(account: Cluster, kind: str, namespace: str) -> None:
    with pytest.raises(httpx.HTTPStatusError, match=f"augmentations do not run in namespace {namespace}|not found"):
        create(account, children(namespace)[kind])


@pytest.mark.parametrize("namespace", PROTECTED)
@pytest.mark.parametrize("who", ["administrator", "augmentation-gateway"])
def test_job_in_a_system_namespace_is_denied_with_the_fix(
    cluster: Cluster, account: Cluster, who: str, namespace: str
) -> None:
    user = cluster if who == "administrator" else cluster.as_account(SYSTEM_NAMESPACE, who)
    body = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"name": "misplaced"},
        "spec": {"source": {"hub": {"repoID": "lab/kitchen"}}},
    }
    with pytest.raises(httpx.HTTPStatusError, match="name this one in watchNamespaces of the Helm chart"):
        user.post(path_of("augmentationjobs", namespace), body)


def _pod(change: Callable[[Json], None]) -> Callable[[Json], None]:
    return lambda manifest: change(manifest["spec"]["template"]["spec"])


def _own(manifest: Json) -> None:
    manifest["metadata"].pop("ownerReferences")


MISUSES: list[tuple[str, str, Callable[[Json], Any]]] = [
    *((f"a {kind} of nobody", kind, _own) for kind in ("Job", "ServiceAccount", "Role", "ConfigMap")),
    ("another's name", "ConfigMap", lambda each: each["metadata"].update(name="kube-proxy")),
    ("another's account", "Job", _pod(lambda pod: pod.update(serviceAccountName="default"))),
    ("the namespace's token", "Job", _pod(lambda pod: pod.update(automountServiceAccountToken=True))),
    ("the node's files", "Job", _pod(lambda pod: pod["volumes"].append({"name": "n", "hostPath": {"path": "/"}}))),
    ("the node's network", "Job", _pod(lambda pod: pod.update(hostNetwork=True))),
    ("root", "Job", _pod(lambda pod: pod["securityContext"].update(runAsNonRoot=False))),
    (
        "privileges",
        "Job",
        _pod(lambda pod: pod["containers"][0].update(securityContext={"allowPrivilegeEscalation": True})),
    ),
    (
        "root in a container",
        "Job",
        _pod(lambda pod: pod["containers"][0]["securityContext"].update(runAsNonRoot=False, runAsUser=0)),
    ),
    (
        "every system call",
        "Job",
        _pod(lambda pod: pod["containers"][0]["securityContext"].update(seccompProfile={"type": "Unconfined"})),
    ),
    (
        "a port of the node",
        "Job",
        _pod(lambda pod: pod["containers"][0].update(ports=[{"containerPort": 53, "hostPort": 53}])),
    ),
    ("a node of its choice", "Job", _pod(lambda pod: pod.update(nodeName="control-plane"))),
    ("a system priority", "Job", _pod(lambda pod: pod.update(priorityClassName="system-node-critical"))),
    (
        "a token for a cloud",
        "Job",
        _pod(lambda pod: pod["volumes"][1]["projected"]["sources"][0]["serviceAccountToken"].update(audience="cloud")),
    ),
    (
        "no isolation",
        "Job",
        lambda each: each["spec"]["template"]["metadata"]["labels"].pop("augmentation.dev/job-uid"),
    ),
    ("another's ConfigMap", "Role", lambda each: each["rules"][2]["resourceNames"].append("kube-root-ca.crt")),
    ("another's job", "Role", lambda each: each["rules"][1]["resourceNames"].append("another")),
    (
        "a container of its own that is not restricted",
        "Job",
        _pod(lambda pod: pod.update(initContainers=[dict(pod["containers"][0], name="i", securityContext={})])),
    ),
    (
        "rights of the cloud",
        "ServiceAccount",
        lambda each: each["metadata"].update(annotations={"eks.amazonaws.com/role-arn": "admin"}),
    ),
    (
        "rights that it holds",
        "Role",
        lambda each: each["rules"].append({"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}),
    ),
    ("rights without a name", "Role", lambda each: each["rules"][0].pop("resourceNames")),
    ("foreign pods' network", "NetworkPolicy", lambda each: each["spec"].update(podSelector={})),
    ("a foreign policy", "NetworkPolicy", lambda each: each["metadata"].update(name="default-deny")),
]


@pytest.mark.parametrize(("kind", "change"), [each[1:] for each in MISUSES], ids=[each[0] for each in MISUSES])
def test_compromised_operator_gains_nothing(account: Cluster, kind: str, change: Callable[[Json], Any]) -> None:
    manifest = copy.deepcopy(children("robots")[kind])
    change(manifest)
    with pytest.raises(httpx.HTTPStatusError, match=r"the operator|attempting to grant"):
        create(account, manifest)


def test_operator_changes_no_foreign_object(cluster: Cluster, account: Cluster) -> None:
    cluster.post(path_of("configmaps", "robots"), {"metadata": {"name": "foreign"}, "data": {"kept": "yes"}})
    with pytest.raises(httpx.HTTPStatusError, match="the operator writes only configmaps that an AugmentationJob owns"):
        account.merge_patch(path_of("configmaps", "robots", "foreign"), {"data": {"kept": "no"}})


def test_operator_deletes_no_foreign_job(cluster: Cluster, account: Cluster) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "probe", "image": "probe"}]}}
    namespace = "elsewhere-unrestricted"
    cluster.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
    cluster.post(path_of("jobs", namespace), {"metadata": {"name": "foreign"}, "spec": {"template": template}})
    with pytest.raises(httpx.HTTPStatusError, match="the operator writes only jobs that an AugmentationJob owns"):
        account.delete(path_of("jobs", namespace, "foreign"))


WORKLOADS: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "workloads.kueue.x-k8s.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in for Kueue's"},
    },
    "spec": {
        "group": "kueue.x-k8s.io",
        "scope": "Namespaced",
        "names": {"kind": "Workload", "plural": "workloads"},
        "versions": [
            {
                "name": "v1beta2",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


@pytest.fixture(scope="module")
def workloads(cluster: Cluster) -> Iterator[str]:
    """Path of a collection of Kueue's Workloads, as far as an API server without Kueue has them."""
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    cluster.post(definitions, WORKLOADS)
    path = "/apis/kueue.x-k8s.io/v1beta2/namespaces/robots/workloads"
    until(lambda: not cluster.http.get(path).is_error, lambda: "no Workloads")
    try:
        yield path
    finally:
        cluster.delete(f"{definitions}/{WORKLOADS['metadata']['name']}")


def a_workload(name: str, owner: str) -> Json:
    reference = {"apiVersion": "batch/v1", "kind": "Job", "name": owner, "uid": "1", "controller": True}
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "Workload",
        "metadata": {"name": name, "ownerReferences": [reference]},
        "spec": {"queueName": "team-a", "priority": 0, "podSets": [{"name": "main", "count": 1}]},
    }


def patch_new(cluster: Cluster, account: Cluster, workloads: str, workload: Json, change: Json) -> Json:
    """Patch a Workload as an account; it is made again where the garbage collector, finding no owner, was faster."""
    while True:
        cluster.http.post(workloads, json=workload)
        try:
            return account.merge_patch(f"{workloads}/{workload['metadata']['name']}", change)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:
                raise


@pytest.mark.parametrize("turn", ["", "-2", "-b", "-12c"])
def test_operator_deactivates_and_activates_the_workload_of_an_augment_job(
    cluster: Cluster, account: Cluster, workloads: str, turn: str
) -> None:
    name = f"own{turn}"
    for active in (False, True):
        body, workload = activate_workload(name, active).body, a_workload(name, f"kitchen-0f1e2d3c-augment{turn}")
        assert patch_new(cluster, account, workloads, workload, body)["spec"]["active"] is active


@pytest.mark.parametrize(
    ("owner", "change"),
    [
        ("training", {"spec": {"active": False}}),
        ("kitchen-0f1e2d3c-augment", {"spec": {"priority": 9}}),
        ("kitchen-0f1e2d3c-augment", {"spec": {"queueName": None}}),
        ("kitchen-0f1e2d3c-augment", {"spec": {"maximumExecutionTimeSeconds": 9}}),
        ("kitchen-0f1e2d3c-augment", {"metadata": {"ownerReferences": None}}),
    ],
)
def test_operator_changes_no_foreign_workload_and_only_spec_active_of_its_own(
    cluster: Cluster, account: Cluster, workloads: str, owner: str, change: Json
) -> None:
    name = f"workload-{next(_numbers)}"
    with pytest.raises(httpx.HTTPStatusError, match=r"the Workloads of its own augment Jobs|cannot set an ownerRef"):
        patch_new(cluster, account, workloads, a_workload(name, owner), change)


def test_role_binding_grants_no_foreign_account_rights(
    operator: OperatorProcess, cluster: Cluster, account: Cluster
) -> None:
    job = Job(cluster)
    job.until(lambda job: job.children())
    (binding,) = cluster.items("rolebindings", "robots", job_uid=job.uid)
    own = binding["metadata"]["name"]
    other = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {
            "name": own,
            "labels": binding["metadata"]["labels"],
            "ownerReferences": binding["metadata"]["ownerReferences"],
        },
        "roleRef": binding["roleRef"],
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "robots"}],
    }
    with pytest.raises(httpx.HTTPStatusError, match="the job's own service account only"):
        account.apply(path_of("rolebindings", "robots", own), other, "augmentation-operator")
