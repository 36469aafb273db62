"""The chart's life in a cluster, with the real Helm 4 and Helm 3: adoption, releases side by side, upgrade, uninstall.

Nothing runs here: there is no kubelet. The tests of this module are steps of one story, in their order.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from devcluster.tools import tool_path
from tests.integration.chart.helm_template import CHART, NAMESPACE, RELEASE, Json
from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import Cluster, until

CRD = "augmentationjobs.augmentation.dev"
CRD_PATH = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRD}"
PROGRESS_COLUMN = "    - name: Progress\n"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of these tests' own, with CRDs that kubectl applied."""
    with ControlPlane(tmp_path_factory.mktemp("chart-control-plane")) as plane:
        plane.start_controllers("clusterrole-aggregation-controller")
        yield plane


@pytest.fixture(scope="module")
def administrator(plane: ControlPlane) -> Cluster:
    cluster = Cluster(plane)
    for name in ("robots-a", "robots-b"):
        cluster.post("/api/v1/namespaces", {"metadata": {"name": name}})
    return cluster


def helm(plane: ControlPlane, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool_path(program), *arguments, f"--kubeconfig={plane.kubeconfig}"],
        capture_output=True,
        text=True,
        check=False,
    )


def done(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 0, process.stderr
    return process.stdout


IN_ITS_NAMESPACE = ("--namespace", NAMESPACE)
SERVING_A = ("--set", "watchNamespaces={robots-a}")


def test_crds_of_somebody_else_are_adopted_on_request_only(plane: ControlPlane, administrator: Cluster) -> None:
    install = ("install", RELEASE, CHART, *IN_ITS_NAMESPACE, "--create-namespace", *SERVING_A)
    refused = helm(plane, "helm", *install)
    assert refused.returncode != 0
    assert "invalid ownership metadata" in refused.stderr
    done(helm(plane, "helm", *install, "--take-ownership", "--force-conflicts"))
    metadata = administrator.get(CRD_PATH)["metadata"]
    assert metadata["annotations"]["meta.helm.sh/release-name"] == RELEASE


def test_second_release_lives_beside_the_first(plane: ControlPlane, administrator: Cluster) -> None:
    values = CHART / "ci" / "second-release-values.yaml"
    done(helm(plane, "helm3", "install", "team-b", CHART, "--namespace", "team-b", "--create-namespace", "-f", values))
    first = administrator.as_account(NAMESPACE, "augmentation-operator")
    second = administrator.as_account("team-b", "team-b-augmentation-operator")
    for operator, own, other in ((first, "robots-a", "robots-b"), (second, "robots-b", "robots-a")):
        assert operator.may("create", "jobs", own, group="batch")
        assert not operator.may("create", "jobs", other, group="batch")
    # A worker is held by the policy of the release that serves its namespace, and by no other's.
    bindings = administrator.get("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings")["items"]
    served = {
        binding["metadata"]["name"]: binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"][0][
            "values"
        ]
        for binding in bindings
        if "workers-" in binding["metadata"]["name"]
    }
    assert served == {
        "augmentation-workers-records": ["robots-a"],
        "augmentation-workers-status": ["robots-a"],
        "team-b-augmentation-workers-records": ["robots-b"],
        "team-b-augmentation-workers-status": ["robots-b"],
    }


def test_operator_may_write_the_classes_of_its_chart_only(plane: ControlPlane, administrator: Cluster) -> None:
    first = administrator.as_account(NAMESPACE, "augmentation-operator")
    for verb in ("create", "patch"):
        assert first.may(verb, "augmentationclasses", "", "cpu", group="augmentation.dev")
        assert not first.may(verb, "augmentationclasses", "", "other", group="augmentation.dev")
    second = administrator.as_account("team-b", "team-b-augmentation-operator")
    assert not second.may("patch", "augmentationclasses", "", "cpu", group="augmentation.dev")


def as_user(cluster: Cluster, method: str, path: str, user: str, body: Json | None = None) -> int:
    """Status of the answer. The API server says 429 while it reads a CRD that has just changed."""
    statuses: list[int] = []

    def answered() -> bool:
        answer = cluster.http.request(method, path, json=body, headers={"Impersonate-User": user})
        statuses.append(answer.status_code)
        return answer.status_code != 429

    until(answered, lambda: statuses)
    return statuses[-1]


def test_users_have_the_rights_of_their_role_in_the_namespace(administrator: Cluster, plane: ControlPlane) -> None:
    jobs = "/apis/augmentation.dev/v1alpha1/namespaces/robots-a/augmentationjobs"
    for user, role in (("viewer", "view"), ("editor", "edit"), ("owner", "admin")):
        plane.kubectl("create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}", "--namespace=robots-a")
        plane.kubectl("wait", f"clusterrole/{role}", "--for=jsonpath={.rules[0].verbs}", "--timeout=50s")
        # Roles are followed by the API server, a moment behind.
        until(lambda user=user: as_user(administrator, "GET", jobs, user) == 200, lambda: "no right")  # type: ignore[misc]
    job = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"name": "first"},
        "spec": {"source": {"hub": {"repoID": "demo/pusht"}}, "augmentation": {"copies": 1}},
    }
    assert as_user(administrator, "POST", jobs, "viewer", job) == 403
    assert as_user(administrator, "POST", jobs, "stranger", job) == 403
    assert as_user(administrator, "POST", jobs, "editor", job) == 201
    assert as_user(administrator, "GET", jobs, "viewer") == 200
    assert as_user(administrator, "GET", jobs.replace("robots-a", "robots-b"), "editor") == 403
    # Neither a forged status nor a forged principal, and nobody else's classes.
    assert as_user(administrator, "PUT", f"{jobs}/first/status", "owner", job) == 403
    forged = {**job, "metadata": {"name": "forged", "annotations": {"augmentation.dev/principal-id": "somebody"}}}
    assert as_user(administrator, "POST", jobs, "owner", forged) in (403, 422)
    assert as_user(administrator, "GET", "/apis/augmentation.dev/v1alpha1/augmentationclasses", "owner") == 403
    assert as_user(administrator, "DELETE", f"{jobs}/first", "viewer") == 403
    assert as_user(administrator, "DELETE", f"{jobs}/first", "editor") == 200


def test_uninstall_keeps_crds_and_a_cluster_without_them_gets_them_first(
    plane: ControlPlane, administrator: Cluster, tmp_path: Path
) -> None:
    done(helm(plane, "helm", "uninstall", RELEASE, *IN_ITS_NAMESPACE))
    assert administrator.get(CRD_PATH)["metadata"]["name"] == CRD
    assert administrator.get("/api/v1/namespaces/team-b/serviceaccounts")["items"]
    plane.kubectl("delete", "crd", CRD, "augmentationclasses.augmentation.dev")

    older = tmp_path / "older"
    shutil.copytree(CHART, older)
    template = older / "templates" / "crds" / f"{CRD}.yaml"
    lines = template.read_text().replace(PROGRESS_COLUMN, "    - name: Older\n")
    template.write_text(lines)
    # Helm 3 cannot force what another has written, and need not.
    done(helm(plane, "helm3", "install", RELEASE, older, *IN_ITS_NAMESPACE, *SERVING_A))
    assert "Older" in columns(administrator)


@pytest.mark.parametrize("program", ["helm3", "helm"])
def test_upgrade_brings_the_charts_crds(plane: ControlPlane, administrator: Cluster, program: str) -> None:
    done(helm(plane, program, "upgrade", RELEASE, CHART, *IN_ITS_NAMESPACE, *SERVING_A))
    assert "Progress" in columns(administrator)
    assert "Older" not in columns(administrator)


def test_reinstalled_release_finds_its_crds_again_and_is_as_rendered(plane: ControlPlane) -> None:
    done(helm(plane, "helm", "uninstall", RELEASE, *IN_ITS_NAMESPACE))
    done(helm(plane, "helm", "install", RELEASE, CHART, *IN_ITS_NAMESPACE, *SERVING_A))
    # As GitOps tools compare: nothing differs, however often it is rendered.
    rendered = done(helm(plane, "helm", "template", RELEASE, CHART, "--no-hooks", *IN_ITS_NAMESPACE, *SERVING_A))
    items = [each for each in yaml.load_all(rendered, yaml.CSafeLoader) if each]
    manifest = {"apiVersion": "v1", "kind": "List", "items": items}
    assert plane.kubectl("diff", "--server-side", "--force-conflicts", "-f", "-", manifest=manifest) == ""


def columns(administrator: Cluster) -> list[str]:
    """Columns that kubectl prints of jobs."""
    (version,) = administrator.get(CRD_PATH)["spec"]["versions"]
    return [column["name"] for column in version["additionalPrinterColumns"]]
