"""What an administrator sets of names, pods, monitors and routes, in the objects that come of it."""

import pytest
import yaml

from tests.integration.chart.helm_template import CHART, Json, one, pod_specs, refusal, rendered
from tests.integration.operator.cluster import chart_classes


def values_of(file: str) -> Json:
    values: Json = yaml.safe_load((CHART / "ci" / f"{file}-values.yaml").read_text())
    return values


EVERYTHING = values_of("everything")


def test_every_object_has_the_common_labels_and_the_names_of_the_release() -> None:
    for each in rendered(EVERYTHING):
        assert each["metadata"]["labels"]["team"] == "robots"
        is_crd = each["kind"] == "CustomResourceDefinition"
        assert is_crd or each["metadata"]["name"].startswith("robots-")


@pytest.mark.parametrize("program", ["operator", "gateway"])
def test_pod_is_as_the_values_say(program: str) -> None:
    pod = pod_specs(rendered(EVERYTHING))[f"robots-{program}"]
    container = pod["containers"][0]
    digest = EVERYTHING["operator"]["image"]["digest"]
    assert container["image"] == f"registry.example/robotics/augmentation-{program}:1.2.3@{digest}"
    said = EVERYTHING["operator"]
    for field in ("nodeSelector", "tolerations", "affinity", "hostAliases", "dnsConfig", "runtimeClassName"):
        assert pod[field] == said[field]
    (constraint,) = pod["topologySpreadConstraints"]
    assert constraint["labelSelector"]["matchLabels"]["app.kubernetes.io/name"] == f"augmentation-{program}"
    assert said["extraEnv"][0] in container["env"]
    assert container["envFrom"] == said["envFrom"]
    assert said["volumeMounts"][0] in container["volumeMounts"]
    assert said["volumes"][0] in pod["volumes"]
    assert {"name": "AUGMENTATION_LOG_LEVEL", "value": "debug"} in container["env"]
    # A field of a probe is added to the chart's own.
    assert container["livenessProbe"]["timeoutSeconds"] == 5
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["livenessProbe"]["periodSeconds"] == 10


def test_null_leaves_the_users_of_pods_to_openshift() -> None:
    for pod in pod_specs(rendered(values_of("openshift"))).values():
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert "securityContext" not in pod_specs(rendered(values_of("minimal")))["augmentation-datasets-operator"]


def test_foreign_service_account_has_the_operators_rights() -> None:
    objects = rendered(values_of("minimal"))
    assert not [each for each in objects if each["kind"] == "ServiceAccount"]
    assert pod_specs(objects)["augmentation-datasets-operator"]["serviceAccountName"] == "prepared"
    binding = one(objects, "ClusterRoleBinding", "augmentation-datasets-operator")
    assert binding["subjects"][0]["name"] == "prepared"


def test_disruption_budget_is_by_default_for_several_replicas_only() -> None:
    def budgets(values: Json) -> dict[str, Json]:
        objects = rendered(values)
        return {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "PodDisruptionBudget"}

    assert budgets({}) == {}
    assert budgets(EVERYTHING)["robots-gateway"]["maxUnavailable"] == "50%"
    assert budgets(values_of("minimal"))["augmentation-datasets-operator"]["minAvailable"] == 1


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor"])
def test_both_programs_are_monitored_as_their_prometheus_selects(kind: str) -> None:
    monitors = [each for each in rendered(EVERYTHING) if each["kind"] == kind]
    assert [each["metadata"]["name"] for each in monitors] == ["robots-operator", "robots-gateway"]
    for monitor in monitors:
        assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
        (endpoint,) = monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]
        assert (endpoint["port"], endpoint["interval"], endpoint["honorLabels"]) == ("metrics", "30s", True)


def test_route_leads_to_the_gateways_service() -> None:
    objects = rendered(EVERYTHING)
    (rule,) = one(objects, "HTTPRoute", "robots-gateway")["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "robots-gateway", "port": 443}]
    assert one(objects, "Service", "robots-gateway")["spec"]["ports"][0]["port"] == 443
    assert "parentRefs" in refusal({"gateway": {"httpRoute": {"enabled": True}}})


def test_gateway_is_open_to_the_ingress_controller_only() -> None:
    (http, _) = one(rendered(EVERYTHING), "NetworkPolicy", "robots-gateway")["spec"]["ingress"]
    assert http["from"] == EVERYTHING["networkPolicies"]["gateway"]["ingressPeers"]


def test_crds_are_kept_unless_said_otherwise() -> None:
    def kept(values: Json) -> list[bool]:
        crds = [each for each in rendered(values) if each["kind"] == "CustomResourceDefinition"]
        return ["helm.sh/resource-policy" in each["metadata"].get("annotations", {}) for each in crds]

    assert kept({}) == [True, True]
    assert kept(values_of("minimal")) == [False, False]
    assert kept(values_of("second-release")) == []


@pytest.mark.parametrize(
    "values",
    [
        {"operator": {"nodeSelektor": {}}},
        {"gateway": {"service": {"annotation": {}}}},
        {"monitoring": {"serviceMonitor": True}},
        {"worker": {"image": {"digest": "sha256:abc"}}},
        {"classes": {"cpu": {"resource": {}}}},
        {"classes": {"cpu": {"hub": {"endpont": "https://hub.example"}}}},
    ],
)
def test_unknown_or_malformed_value_is_rejected(values: Json) -> None:
    assert "don't meet the specifications of the schema" in refusal(values)


def test_values_without_which_there_is_no_chart_are_asked_for_by_name() -> None:
    """Null takes a default away: an empty `podLabels:` is enough."""
    nothing = {
        "commonLabels": None,
        "gateway": {"podLabels": None, "keysSecretName": None, "service": {"labels": None}},
        "operator": {"extraEnv": None, "serviceAccount": {"create": None}},
        "worker": {"image": {"repository": None}},
        "networkPolicies": {"workers": {"extraEgress": None}},
        "hub": {"endpoint": None},
    }
    message = refusal(nothing)
    names = ("commonLabels", "podLabels", "keysSecretName", "labels", "extraEnv", "create", "repository", "extraEgress")
    assert [name for name in (*names, "endpoint") if f"'{name}'" not in message] == []


def test_probes_without_timing_are_kubernetes_own() -> None:
    pod = pod_specs(rendered({"gateway": {"livenessProbe": None}, "operator": {"readinessProbe": None}}))
    assert pod["augmentation-gateway"]["containers"][0]["livenessProbe"].keys() == {"httpGet"}
    assert pod["augmentation-operator"]["containers"][0]["readinessProbe"].keys() == {"httpGet"}


def images_of(values: Json) -> list[tuple[str, str | None]]:
    """Of the classes cpu and own: image and cudaImage."""
    own = {"own": {"image": "model:1"}, "cpu": {}, "gpu-l4": None}
    found = {each["metadata"]["name"]: each["spec"] for each in chart_classes(rendered({**values, "classes": own}))}
    return [(found[name]["image"], found[name].get("cudaImage")) for name in ("cpu", "own")]


@pytest.mark.parametrize(
    ("values", "image", "cuda_image"),
    [
        ({}, "augmentation-worker:0.1.0", "augmentation-worker-cuda:0.1.0"),
        (
            {"images": {"registry": "r.example"}, "worker": {"image": {"tag": "2"}}},
            "r.example/augmentation-worker:2",
            "r.example/augmentation-worker-cuda:2",
        ),
        ({"images": {"worker": "w:1"}}, "w:1", None),
        ({"images": {"worker": "w:1", "workerCuda": "c:1"}}, "w:1", "c:1"),
        ({"worker": {"image": {"repository": "mine"}}}, "mine:0.1.0", None),
    ],
)
def test_image_with_cuda_is_of_the_chart_or_named(values: Json, image: str, cuda_image: str | None) -> None:
    assert images_of(values) == [(image, cuda_image), ("model:1", None)]


@pytest.mark.parametrize("gpu", [{}, {"resources": {}, "podTemplate": {"resourceClaims": [{"name": "gpu"}]}}])
def test_class_with_a_gpu_needs_an_image_with_cuda(gpu: Json) -> None:
    values = {"images": {"worker": "w:1"}, "classes": {"gpu-l4": gpu}}
    said = "classes.gpu-l4 asks for a GPU, and of the worker image w:1 the one with CUDA is not known"
    assert said in refusal(values)
    assert "in images.workerCuda, or leave the class out (classes.gpu-l4: null)" in refusal(values)
    for known in ({"image": "mine:1"}, {"cudaImage": "mine:1"}):
        assert rendered({**values, "classes": {"gpu-l4": gpu | known}})
