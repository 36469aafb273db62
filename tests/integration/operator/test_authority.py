"""The admission policy of the API server: the creator of a job may use everything that the job names."""

import itertools
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import yaml

from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import CHECKOUT, SYSTEM_NAMESPACE, Cluster, Json, path_of, rendered, until

NAMESPACE = "shared"
SHARED = {
    "secrets": "shared-token",
    "claims": "shared-data",
    "priorityClasses": "research",
    "workloadPriorityClasses": "research-queue",
}
RESOURCES = {
    "secrets": "",
    "persistentvolumeclaims": "",
    "priorityclasses": "scheduling.k8s.io",
    "workloadpriorityclasses": "kueue.x-k8s.io",
    "pods": "",
}
MAKES_JOBS: Json = {
    "apiGroups": ["augmentation.dev"],
    "resources": ["augmentationjobs"],
    "verbs": ["get", "create", "patch", "update"],
}
HUB: Json = {"hub": {"repoID": "lab/kitchen"}}
S3: Json = {"bucket": "robots", "path": "kitchen"}
ASKED: dict[str, tuple[Callable[[str], Json], str, str]] = {
    "spec.credentialsSecretRef.name": (lambda name: {"credentialsSecretRef": {"name": name}}, "secrets", "Secret"),
    "spec.source.s3.credentialsSecretRef.name": (
        lambda name: {"source": {"s3": {**S3, "credentialsSecretRef": {"name": name}}}, "output": {"hub": {}}},
        "secrets",
        "Secret",
    ),
    "spec.output.azure.credentialsSecretRef.name": (
        lambda name: {
            "output": {
                "azure": {"account": "lab", "container": "robots", "path": "a", "credentialsSecretRef": {"name": name}}
            }
        },
        "secrets",
        "Secret",
    ),
    "spec.source.volume.claimName": (
        lambda name: {"source": {"volume": {"claimName": name}}, "output": {"hub": {}}},
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
    ),
    "spec.output.volume.claimName": (
        lambda name: {"output": {"volume": {"claimName": name}}},
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
    ),
    "spec.priorityClassName": (lambda name: {"priorityClassName": name}, "priorityclasses", "PriorityClass"),
    "spec.workloadPriorityClassName": (
        lambda name: {"workloadPriorityClassName": name},
        "workloadpriorityclasses",
        "WorkloadPriorityClass",
    ),
}
_numbers = itertools.count()
Grant = Callable[..., Cluster]


@pytest.fixture(scope="module")
def administrator(cluster: Cluster, plane: ControlPlane) -> Cluster:
    """An API server with the chart's rights and policies; what everybody may use is named in its values."""
    cluster.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    values = {f"jobAuthorityPolicy.anyoneMayUse.{kind}": f"{{{name}}}" for kind, name in SHARED.items()}
    rights = rendered("templates/job-authority-policy.yaml", **values)
    plane.kubectl("apply", "-f", "-", manifest={"apiVersion": "v1", "kind": "List", "items": rights})
    cluster.post(
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        {"metadata": {"name": "research"}, "value": 10, "globalDefault": False},
    )
    return cluster


@pytest.fixture(scope="module")
def grant(administrator: Cluster) -> Grant:
    """A new user who may make jobs and what else is given: (verb, resource, name)."""

    def granted(*rights: tuple[str, str, str]) -> Cluster:
        name = f"user-{next(_numbers)}"
        administrator.post(path_of("serviceaccounts", NAMESPACE), {"metadata": {"name": name}})
        rules = [
            MAKES_JOBS,
            *(
                {"apiGroups": [RESOURCES[resource]], "resources": [resource], "verbs": [verb]}
                | ({"resourceNames": [named]} if named else {})
                for verb, resource, named in rights
            ),
        ]
        metadata, group = {"name": name}, "rbac.authorization.k8s.io"
        subject = {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}
        reference = {"apiGroup": group, "kind": "ClusterRole", "name": name}
        administrator.post(f"/apis/{group}/v1/clusterroles", {"metadata": metadata, "rules": rules})
        administrator.post(
            f"/apis/{group}/v1/clusterrolebindings", {"metadata": metadata, "roleRef": reference, "subjects": [subject]}
        )
        user = administrator.as_account(NAMESPACE, name)
        # Roles and policies are followed by the API server, a moment behind.
        until(lambda: user.may("create", "augmentationjobs", NAMESPACE, group="augmentation.dev"), lambda: "no right")
        return user

    probe = granted()
    until(lambda: bool(refused(probe, {"priorityClassName": "nobodys"})), lambda: "the policy is not in force")
    return granted


@pytest.fixture(scope="module")
def nobody(grant: Grant) -> Cluster:
    """Who may make jobs, and nothing else."""
    return grant()


def make(user: Cluster, spec: Json, *, dry_run: bool = True, name: str = "", **metadata: Any) -> Json:
    body = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"name": name or f"job-{next(_numbers)}", **metadata},
        "spec": {"source": HUB, **spec},
    }
    return user.post(path_of("augmentationjobs", NAMESPACE) + ("?dryRun=All" if dry_run else ""), body)


def refused(user: Cluster, spec: Json, **how: Any) -> str:
    """What the API server answers; empty where it takes the job."""
    try:
        make(user, spec, **how)
    except httpx.HTTPStatusError as error:
        assert error.response.status_code in (403, 422), error
        return str(error)
    return ""


def test_job_that_names_nothing_needs_no_rights(nobody: Cluster) -> None:
    assert make(nobody, {"output": {"hub": {"repoID": "lab/result"}}})["spec"]["source"] == HUB


@pytest.mark.parametrize("field", ASKED)
def test_object_a_user_may_not_use_is_denied_with_field_and_fix(nobody: Cluster, field: str) -> None:
    spec, _, kind = ASKED[field]
    said = refused(nobody, spec("foreign"))
    assert f"{field}: system:serviceaccount:{NAMESPACE}:" in said
    assert f"may not use the {kind} foreign" in said
    assert "grant the verb use" in said


@pytest.mark.parametrize("field", ASKED)
def test_verb_use_suffices_for_that_name_only(grant: Grant, field: str) -> None:
    spec, resource, _ = ASKED[field]
    user = grant(("use", resource, "own"))
    assert refused(user, spec("own")) == ""
    assert f"{field}: " in refused(user, spec("foreign"))


@pytest.mark.parametrize("field", ASKED)
def test_right_to_create_pods_suffices(grant: Grant, field: str) -> None:
    assert refused(grant(("create", "pods", "")), ASKED[field][0]("any")) == ""


def test_right_to_read_a_secret_suffices(grant: Grant) -> None:
    user = grant(("get", "secrets", "own"))
    assert refused(user, {"credentialsSecretRef": {"name": "own"}}) == ""
    assert "may not use the Secret foreign" in refused(user, {"credentialsSecretRef": {"name": "foreign"}})


def test_secret_goes_to_an_endpoint_of_the_job_only_for_who_may_read_it(grant: Grant) -> None:
    place = {**S3, "endpoint": "https://store.example", "credentialsSecretRef": {"name": "own"}}
    spec = {"source": {"s3": place}, "output": {"hub": {}}}
    said = refused(grant(("use", "secrets", "own")), spec)
    assert "may not send the Secret own of namespace shared to an endpoint of their own: leave endpoint out" in said
    assert refused(grant(("get", "secrets", "own")), spec) == ""


@pytest.mark.parametrize("field", ["spec.source.volume.claimName", "spec.priorityClassName"])
def test_right_to_read_a_claim_or_a_priority_class_does_not_suffice(grant: Grant, field: str) -> None:
    """As the built-in role `view` sees claims, without what is on them."""
    spec, resource, _ = ASKED[field]
    assert f"{field}: " in refused(grant(("get", resource, "")), spec("seen"))


@pytest.mark.parametrize("field", ASKED)
def test_objects_listed_in_the_chart_may_be_used_by_everybody(nobody: Cluster, field: str) -> None:
    spec, resource, _ = ASKED[field]
    listed = {"secrets": "secrets", "persistentvolumeclaims": "claims", "priorityclasses": "priorityClasses"}
    listed["workloadpriorityclasses"] = "workloadPriorityClasses"
    assert refused(nobody, spec(SHARED[listed[resource]])) == ""


def test_both_of_two_claims_are_authorized(grant: Grant) -> None:
    user = grant(("use", "persistentvolumeclaims", "own"))
    both = {"source": {"volume": {"claimName": "own"}}, "output": {"volume": {"claimName": "foreign"}}}
    assert "spec.output.volume.claimName" in refused(user, both)
    both = {"source": {"volume": {"claimName": "foreign"}}, "output": {"volume": {"claimName": "own"}}}
    assert "spec.source.volume.claimName" in refused(user, both)


@pytest.mark.parametrize("name", ["system-node-critical", "system-cluster-critical"])
def test_system_priority_is_denied_to_everybody(administrator: Cluster, name: str) -> None:
    assert "name another one, or leave it out" in refused(administrator, {"priorityClassName": name})


def test_job_may_be_controlled_by_a_user_who_may_not_use_what_it_names(administrator: Cluster, nobody: Cluster) -> None:
    named = {"credentialsSecretRef": {"name": "foreign"}, "output": {"volume": {"claimName": "foreign"}}}
    job = make(administrator, {**named, "priorityClassName": "research"}, dry_run=False)
    path = path_of("augmentationjobs", NAMESPACE, job["metadata"]["name"])
    assert nobody.merge_patch(path, {"spec": {"cancel": True}})["spec"]["cancel"] is True


@pytest.mark.parametrize("name", ["api-key-id", "principal-type", "principal-id", "organisation", "request-sha256"])
def test_attested_annotations_are_reserved_for_the_gateway(administrator: Cluster, nobody: Cluster, name: str) -> None:
    claim = {f"augmentation.dev/{name}": "somebody"}
    assert "is the gateway's to write" in refused(nobody, {}, annotations=claim)
    gateway = administrator.as_account(SYSTEM_NAMESPACE, "augmentation-gateway")
    job = make(gateway, {}, dry_run=False, annotations=claim)
    path = path_of("augmentationjobs", NAMESPACE, job["metadata"]["name"])
    for changed in ("another", None):
        with pytest.raises(httpx.HTTPStatusError, match="is the gateway's to write"):
            nobody.merge_patch(path, {"metadata": {"annotations": {f"augmentation.dev/{name}": changed}}})
    assert nobody.merge_patch(path, {"metadata": {"annotations": {"mine": "note"}}})["metadata"]["annotations"] == {
        **claim,
        "mine": "note",
    }


def test_compromised_gateway_may_name_nothing_either(administrator: Cluster) -> None:
    gateway = administrator.as_account(SYSTEM_NAMESPACE, "augmentation-gateway")
    for field, (spec, _, kind) in ASKED.items():
        assert (
            f"{field}: system:serviceaccount:{SYSTEM_NAMESPACE}:augmentation-gateway may not use the {kind}"
            in refused(gateway, spec("foreign"))
        )


def test_gateway_may_name_the_secret_of_a_key_with_the_documented_right(
    administrator: Cluster, plane: ControlPlane
) -> None:
    """As docs/rest.md has it for keys with a hub token of their own."""
    text = (CHECKOUT / "docs" / "rest.md").read_text()
    (manifest,) = (block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "verbs: [use]" in block)
    documents = list(yaml.safe_load_all(manifest.replace("robots", NAMESPACE)))
    plane.kubectl("apply", "-f", "-", manifest={"apiVersion": "v1", "kind": "List", "items": documents})
    gateway = administrator.as_account(SYSTEM_NAMESPACE, "augmentation-gateway")
    until(lambda: gateway.may("use", "secrets", NAMESPACE, "project-a-hub-token"), lambda: "no right")
    assert refused(gateway, {"credentialsSecretRef": {"name": "project-a-hub-token"}}) == ""
    assert not gateway.may("get", "secrets", NAMESPACE, "project-a-hub-token")


def test_sample_needs_only_the_right_to_create_jobs(nobody: Cluster) -> None:
    sample = yaml.safe_load((CHECKOUT / "deploy" / "samples" / "augmentationjob.yaml").read_text())
    assert make(nobody, sample["spec"])["kind"] == "AugmentationJob"
