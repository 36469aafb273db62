"""A class's podTemplate on a real API server: what is refused at once and why, and pods that have everything of it."""

import copy
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from augmentation_api import AugmentationClass, AugmentationJob
from augmentation_operator.manifests.identity import identity
from augmentation_operator.manifests.phase_jobs import augment_job
from tests.fixtures.authority import Authority
from tests.integration.operator.cluster import (
    CHECKOUT,
    SYSTEM_NAMESPACE,
    Cluster,
    Json,
    OperatorProcess,
    path_of,
    until,
)
from tests.integration.operator.conftest import CLOUD_ROLE
from tests.integration.operator.jobs import Job

EVERYTHING: Json = {
    "labels": {"team": "robots", "azure.workload.identity/use": "true"},
    "annotations": {"sidecar.istio.io/inject": "false", "kueue.x-k8s.io/podset-required-topology": "rack"},
    "env": [
        {"name": "TEAM", "value": "robots"},
        {"name": "HTTPS_PROXY", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url"}}},
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ],
    "volumes": [
        {"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
        {"name": "nas", "csi": {"driver": "nfs.csi.k8s.io", "volumeAttributes": {"server": "nas", "share": "/x"}}},
        {"name": "settings", "configMap": {"name": "settings", "items": [{"key": "a", "path": "a.yaml"}]}},
        {"name": "licence", "secret": {"secretName": "licence", "defaultMode": 288}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
        {
            "name": "fast",
            "ephemeral": {
                "volumeClaimTemplate": {
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "100Gi"}}}
                }
            },
        },
    ],
    "volumeMounts": [
        {"name": "models", "mountPath": "/mnt/models", "readOnly": True},
        {"name": "shm", "mountPath": "/dev/shm"},
    ],
    "initContainers": [
        {"name": "fetch", "image": "fetch:1", "command": ["sh", "-c", "true"],
         "volumeMounts": [{"name": "fast", "mountPath": "/fast"}]},
        {"name": "tunnel", "image": "tunnel:1", "restartPolicy": "Always", "resources": {"limits": {"cpu": "1"}},
         "startupProbe": {"tcpSocket": {"port": 3128}}, "securityContext": {"runAsUser": 1000}},
    ],
    "securityContext": {"runAsUser": 1234, "supplementalGroups": [5000], "seLinuxOptions": {"level": "s0:c1,c2"}},
    "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
    "nodeSelector": {"pool": "robots"},
    "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
            }
        },
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 10,
                    "podAffinityTerm": {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {"matchLabels": {"team": "robots"}},
                    },
                }
            ]
        },
    },
    "topologySpreadConstraints": [{"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
}  # fmt: skip


def a_class(name: str, pod_template: Json, **spec: Any) -> Json:
    return {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationClass",
        "metadata": {"name": name},
        "spec": {"image": "worker:1", "podTemplate": pod_template, **spec},
    }


def stored(cluster: Cluster, name: str, pod_template: Json, **spec: Any) -> AugmentationClass:
    """A class as the API server would keep it, with its defaults."""
    path = f"{path_of('augmentationclasses')}?dryRun=All"
    return AugmentationClass.from_wire(cluster.post(path, a_class(name, pod_template, **spec)))


@pytest.fixture(scope="module")
def complete(cluster: Cluster) -> AugmentationClass:
    return stored(
        cluster, "complete", EVERYTHING,
        placements=[{"name": "a", "nodeAffinity": {"required": [{"key": "gpu", "operator": "Exists"}]}}],
    )  # fmt: skip


@pytest.fixture(scope="module")
def job() -> AugmentationJob:
    return AugmentationJob.from_wire(
        {
            "apiVersion": "augmentation.dev/v1alpha1",
            "kind": "AugmentationJob",
            "metadata": {"name": "kitchen", "namespace": "robots", "uid": "0f1e2d3c-aaaa-4bbb-8ccc-ddddeeeeffff"},
            "spec": {"source": {"hub": {"repoID": "lab/kitchen"}}},
        }
    )


def test_pod_with_everything_is_accepted_in_a_restricted_namespace(
    cluster: Cluster, complete: AugmentationClass, job: AugmentationJob
) -> None:
    template = augment_job(job, complete, 2)["spec"]["template"]
    pod = {"metadata": {**template["metadata"], "name": "probe"}, "spec": template["spec"]}
    made = cluster.post(f"{path_of('pods', 'robots')}?dryRun=All", pod)["spec"]
    assert [each["name"] for each in made["initContainers"]] == ["fetch", "tunnel"]
    if cluster.minor_version >= 34:  # before, dynamic resource allocation is off unless an administrator enables it
        assert made["resourceClaims"] == [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}]
        assert made["containers"][0]["resources"]["claims"] == [{"name": "gpu"}]
    assert made["securityContext"]["runAsUser"] == 1234
    assert {each["name"] for each in made["volumes"]} >= {"models", "nas", "settings", "licence", "shm", "fast"}
    (term,) = made["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [each["key"] for each in term["matchExpressions"]] == ["gpu", "disk"]


@pytest.fixture(scope="module")
def account(cluster: Cluster) -> Cluster:
    """The operator's account, once the API server keeps it to the chart's policies."""
    account = cluster.as_account(SYSTEM_NAMESPACE, "augmentation-operator")

    def is_kept_to_policy() -> bool:
        try:
            account.post(f"{path_of('configmaps', 'robots')}?dryRun=All", {"metadata": {"name": "of-nobody"}})
        except httpx.HTTPStatusError as error:
            return "the operator writes only configmaps" in str(error)
        return False

    until(is_kept_to_policy, lambda: "the policy is not in force")
    return account


def test_operators_own_account_may_make_that_job(
    account: Cluster, complete: AugmentationClass, job: AugmentationJob
) -> None:
    made = account.post(f"{path_of('jobs', 'robots')}?dryRun=All", augment_job(job, complete, 2))
    assert made["spec"]["template"]["spec"]["initContainers"][1]["restartPolicy"] == "Always"


@pytest.mark.parametrize(
    "change",
    [
        {"securityContext": {}},
        {"securityContext": {"allowPrivilegeEscalation": False, "runAsUser": 0}},
        {"securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"add": ["NET_ADMIN"]}}},
        {"ports": [{"containerPort": 53, "hostPort": 53}]},
    ],
)
def test_operator_that_was_taken_over_makes_no_privileged_init_container(
    account: Cluster, complete: AugmentationClass, job: AugmentationJob, change: Json
) -> None:
    manifest = copy.deepcopy(augment_job(job, complete, 2))
    manifest["spec"]["template"]["spec"]["initContainers"][0].update(change)
    with pytest.raises(httpx.HTTPStatusError, match="the operator makes restricted pods only"):
        account.post(f"{path_of('jobs', 'robots')}?dryRun=All", manifest)


def test_operator_annotates_service_accounts_only_as_the_chart_says(account: Cluster, cluster: Cluster) -> None:
    # A job that exists: what is owned by none is collected.
    job = AugmentationJob.from_wire(Job(cluster, namespace="elsewhere", suspend=True).read())

    def manifest(role: str) -> Json:
        template = {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": role}}}
        return identity(job, stored(cluster, "aws", template), 1)[0]

    path = path_of("serviceaccounts", "elsewhere")
    with pytest.raises(httpx.HTTPStatusError, match=r"operatorPolicy\.serviceAccountAnnotations"):
        account.post(path, manifest("arn:aws:iam::111122223333:role/admin"))
    made = account.post(path, manifest(CLOUD_ROLE))
    assert made["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": CLOUD_ROLE}
    name = made["metadata"]["name"]
    account.apply(f"{path}/{name}", manifest(CLOUD_ROLE), "augmentation-operator")
    for change in (
        {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": "admin"}}},
        {"metadata": {"annotations": {"iam.gke.io/gcp-service-account": "admin"}}},
        {"secrets": [{"name": "admin"}]},
    ):
        with pytest.raises(httpx.HTTPStatusError, match=r"operatorPolicy\.serviceAccountAnnotations"):
            account.merge_patch(f"{path}/{name}", change)


REFUSED: list[tuple[Json, str]] = [
    ({"labels": {"augmentation.dev/job-uid": "x"}}, "labels may not be"),
    ({"labels": {"kueue.x-k8s.io/queue-name": "x"}}, "labels may not be"),
    ({"labels": {"team ": "robots"}}, "a key is a name of at most 63 letters"),
    ({"annotations": {"example.com/a/b": "x"}}, "a key is a name of at most 63 letters"),
    ({"serviceAccount": {"annotations": {"example.com/": "x"}}}, "a key is a name of at most 63 letters"),
    ({"annotations": {"batch.kubernetes.io/job-index-failure-count": "0"}}, "annotations may not begin with"),
    ({"annotations": {"container.apparmor.security.beta.kubernetes.io/worker": "unconfined"}}, "may not begin with"),
    ({"serviceAccount": {"annotations": {"kubernetes.io/x": "y"}}}, "those are Kubernetes' own"),
    ({"env": [{"name": "AUGMENTATION_LOCAL_JOB", "value": "/mnt"}]}, "env may not name"),
    ({"env": [{"name": "KUBERNETES_SERVICE_HOST", "value": "evil"}]}, "env may not name"),
    ({"env": [{"name": "HF_ENDPOINT", "value": "https://evil"}]}, "env may not name"),
    ({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}, "Duplicate value"),
    (
        {"env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
        "value or valueFrom",
    ),
    ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.hostNetwork"}}}]}, "should match"),
    *(
        (
            {"volumes": [{"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": path}]}}]},
            "should match",
        )
        for path in ("/etc/passwd", "a/../../b", "..data")
    ),
    ({"nodeSelector": {"team": "not a label"}}, "should match"),
    ({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, "a folder of the node is shared"),
    ({"volumes": [{"name": "nas", "nfs": {"server": "nas", "path": "/"}}]}, "nfs.csi.k8s.io"),
    ({"volumes": [{"name": "token", "projected": {"sources": []}}]}, "it could hold tokens"),
    ({"volumes": [{"name": "identity", "emptyDir": {}}]}, "a volume may not be called"),
    ({"volumes": [{"name": "none"}]}, "exactly one of configMap"),
    ({"volumeMounts": [{"name": "hub-token", "mountPath": "/mnt"}]}, "not the operator's own"),
    (
        {"initContainers": [{"name": "a", "image": "a", "volumeMounts": [{"name": "identity", "mountPath": "/mnt"}]}]},
        "not the operator's own",
    ),
    ({"initContainers": [{"name": "worker", "image": "a"}]}, "may not be called worker"),
    ({"initContainers": [{"name": "a", "image": "a", "restartPolicy": "Never"}]}, "Unsupported value"),
    ({"initContainers": [{"name": "a", "image": "a", "securityContext": {"runAsUser": 0}}]}, "greater than or equal"),
    ({"containers": [{"name": "proxy", "image": "p"}]}, "add a native sidecar to initContainers"),
    ({"envFrom": [{"configMapRef": {"name": "a"}}]}, "name each in env"),
    ({"hostNetwork": True}, "workers run as strangers to their node"),
    ({"serviceAccountName": "admin"}, "each job has an account of its own"),
    ({"automountServiceAccountToken": True}, "bound to the pod"),
    ({"spec": {"volumes": []}}, "stand directly in podTemplate"),
    ({"securityContext": {"omitIDs": True, "runAsUser": 7}}, "leave runAsUser, runAsGroup and fsGroup out"),
    ({"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}, "Unsupported value"),
    ({"resourceClaims": [{"name": "gpu"}]}, "either resourceClaimName or resourceClaimTemplateName"),
    *(
        ({"volumes": [{"name": "v", "emptyDir": {}}], "volumeMounts": [{"name": "v", "mountPath": path}]}, message)
        for path, message in (
            ("/", "mountPath has to be absolute"),
            ("/scratch/hub", "mountPath may not be"),
            ("/run", "mountPath may not be"),
            ("/var/run/secrets/kubernetes.io/serviceaccount", "mountPath may not be"),
            ("/mnt/../scratch", "mountPath has to be absolute"),
            ("mnt", "mountPath has to be absolute"),
        )
    ),
    *(
        (
            {
                "volumes": [{"name": "v", "emptyDir": {}}],
                "volumeMounts": [{"name": "v", "mountPath": "/mnt", "subPath": path}],
            },
            "should match",
        )
        for path in ("/", "../up", "a//b")
    ),
]


@pytest.mark.parametrize(
    ("pod_template", "message"),
    REFUSED,
    ids=[f"{next(iter(each))}-{number}" for number, (each, _) in enumerate(REFUSED)],
)
def test_what_would_weaken_a_worker_is_refused_at_apply(cluster: Cluster, pod_template: Json, message: str) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        stored(cluster, "refused", pod_template)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"caBundle": {}}, "exactly one of pem, configMap, secret"),
        ({"caBundle": {"pem": "x", "secret": {"name": "a"}}}, "exactly one of pem, configMap, secret"),
        ({"caBundle": {"pem": "not a certificate"}}, "has to hold certificates"),
        (
            {"caBundle": {"pem": "-----BEGIN CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----"}},
            "has to hold certificates (-----BEGIN CERTIFICATE-----) and no key",
        ),
        ({"proxy": {"https": "http://user:password@proxy:3128"}}, "everybody may read a class"),
        ({"proxy": {"https": "proxy:3128"}}, "should match"),
        (
            {"proxy": {"https": "http://p"}, "podTemplate": {"env": [{"name": "no_proxy", "value": "x"}]}},
            "podTemplate.env names a variable that proxy sets",
        ),
    ],
)
def test_bundles_and_proxies_that_cannot_work_are_refused_at_apply(cluster: Cluster, spec: Json, message: str) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        stored(
            cluster, "refused", spec.get("podTemplate", {}), **{key: spec[key] for key in spec if key != "podTemplate"}
        )
    assert message in str(caught.value)


def test_operator_makes_pods_and_account_as_the_class_says(
    operator: OperatorProcess, cluster: Cluster, tmp_path: Path
) -> None:
    pem = Authority(tmp_path).certificate.read_text()
    template = {**EVERYTHING, "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": CLOUD_ROLE}}}
    proxied = {"caBundle": {"pem": pem}, "proxy": {"http": "http://proxy.example:3128"}}
    template["env"] = [each for each in EVERYTHING["env"] if each["name"] != "HTTPS_PROXY"]
    cluster.post(path_of("augmentationclasses"), a_class("everything", template, **proxied))
    job = Job(cluster, className="everything")
    (pod,) = job.await_pods("resolve")
    account = cluster.get(path_of("serviceaccounts", "robots", pod["spec"]["serviceAccountName"]))
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": CLOUD_ROLE}
    bundle = next(each["configMap"] for each in pod["spec"]["volumes"] if each["name"] == "ca-bundle")
    assert cluster.get(path_of("configmaps", "robots", bundle["name"]))["data"] == {"ca.crt": pem}
    assert [each["name"] for each in pod["spec"]["initContainers"]] == ["fetch", "tunnel"]
    assert pod["metadata"]["labels"]["team"] == "robots"
    assert pod["metadata"]["labels"]["augmentation.dev/job-uid"] == job.uid
    assert "resourceClaims" not in pod["spec"]
    job.change(cancel=True)
    job.until_state("cancelled")


DOCUMENTED = re.findall(r"```yaml\n(apiVersion.*?)```", (CHECKOUT / "docs" / "classes.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", DOCUMENTED, ids=range(len(DOCUMENTED)))
def test_documented_class_makes_pods_that_a_restricted_namespace_accepts(
    cluster: Cluster, job: AugmentationJob, block: str
) -> None:
    path = f"{path_of('augmentationclasses')}?dryRun=All&fieldValidation=Strict"
    documented = AugmentationClass.from_wire(cluster.post(path, yaml.safe_load(block)))
    template = augment_job(job, documented, 2)["spec"]["template"]
    pod = {"metadata": {**template["metadata"], "name": "probe"}, "spec": template["spec"]}
    made = cluster.post(f"{path_of('pods', 'robots')}?dryRun=All&fieldValidation=Strict", pod)
    assert made["spec"]["containers"][0]["name"] == "worker"


def test_every_field_refused_by_name_says_what_to_do(cluster: Cluster) -> None:
    names = {"hostIPC": True, "hostPID": True, "image": "x", "nodeName": "n", "priorityClassName": "high",
             "restartPolicy": "Always", "resources": {}, "imagePullSecrets": [{"name": "a"}]}  # fmt: skip
    with pytest.raises(httpx.HTTPStatusError) as caught:
        stored(cluster, "refused", names)
    assert all(f"{name} is not accepted here: " in str(caught.value) for name in names)
