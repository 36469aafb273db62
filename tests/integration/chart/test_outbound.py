"""caBundle and proxy of the values reach operator, gateway and classes; classes take a podTemplate."""

from pathlib import Path
from typing import Any

import pytest

from augmentation_api import AugmentationClass
from augmentation_api.outbound import Proxy, proxy_variables
from tests.fixtures.authority import Authority
from tests.integration.chart.helm_template import Json, refusal, rendered
from tests.integration.operator.cluster import chart_classes

ARN = "arn:aws:iam::111122223333:role/augmentation"


def classes(documents: list[Json]) -> dict[str, AugmentationClass]:
    found = map(AugmentationClass.from_wire, chart_classes(documents))
    return {each.metadata.name: each for each in found}


def programs(documents: list[Json]) -> list[Json]:
    """The pods of operator and gateway."""
    return [each["spec"]["template"]["spec"] for each in documents if each["kind"] == "Deployment"]


def variables(pod: Json) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}


def test_one_setting_reaches_operator_gateway_and_classes(tmp_path: Path) -> None:
    pem = Authority(tmp_path).certificate.read_text()
    proxy = {"https": "http://proxy.example:3128", "noProxy": [".corp.example"]}
    own = {"configMap": {"name": "trust", "key": "bundle.pem"}}
    documents = rendered(
        {"caBundle": {"pem": pem}, "proxy": proxy, "classes": {"gpu-l4": {"caBundle": own, "proxy": {}}}}
    )
    (bundle,) = (each for each in documents if each["metadata"]["name"].endswith("-ca-bundle"))
    assert bundle["data"] == {"ca.crt": pem}
    pods = programs(documents)
    assert len(pods) == 2
    workers = proxy_variables(Proxy.model_validate(proxy), "$(KUBERNETES_SERVICE_HOST)")
    assert workers["https_proxy"] == "http://proxy.example:3128"
    for pod in pods:
        assert {"name": "ca-bundle", "configMap": {"name": bundle["metadata"]["name"]}} in pod["volumes"]
        assert variables(pod)["AUGMENTATION_CA_BUNDLE"] == "/run/ca-bundle/ca.crt"
        assert {name: variables(pod).get(name) for name in workers} == workers, "as the operator has it for workers"
    cpu, l4 = classes(documents)["cpu"].spec, classes(documents)["gpu-l4"].spec
    assert cpu.ca_bundle is not None
    assert cpu.ca_bundle.pem == pem
    assert cpu.proxy is not None
    assert cpu.proxy.no_proxy == [".corp.example"]
    assert l4.ca_bundle is not None
    assert (l4.ca_bundle.pem, l4.ca_bundle.config_map and l4.ca_bundle.config_map.name) == (None, "trust")
    assert l4.proxy is None


def test_object_stores_of_the_values_are_the_classes_unless_they_have_their_own() -> None:
    stores = {"s3": {"endpoint": "https://minio.example", "credentialsSecretRef": {"name": "minio"}}}
    own = {"gcs": {"credentialsSecretRef": {"name": "gcs"}}}
    found = classes(rendered({"objectStores": stores, "classes": {"gpu-l4": {"objectStores": own}}}))
    cpu, l4 = found["cpu"].spec.object_stores, found["gpu-l4"].spec.object_stores
    assert cpu is not None
    assert cpu.to_wire() == stores
    assert l4 is not None
    assert l4.to_wire() == own
    assert classes(rendered())["cpu"].spec.object_stores is None


def test_by_default_there_is_neither() -> None:
    documents = rendered()
    assert not [each for each in documents if each["metadata"]["name"].endswith("-ca-bundle")]
    assert all("HTTPS_PROXY" not in variables(pod) for pod in programs(documents))


@pytest.mark.parametrize(
    "values",
    [
        {"caBundle": {"secret": {"name": "a"}, "configMap": {"name": "b"}}},
        {"caBundle": {"pem": "no certificate"}},
        {"proxy": {"https": "http://user:password@proxy:3128"}},
        {"proxy": {"no": ["x"]}},
    ],
)
def test_bundles_and_proxies_that_cannot_work_are_refused(values: Json) -> None:
    assert "caBundle" in refusal(values) or "proxy" in refusal(values)


def test_pod_template_of_a_class_is_passed_on_and_its_annotations_are_allowed() -> None:
    template = {
        "annotations": {"sidecar.istio.io/inject": "false"},
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": ARN}},
        "volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}],
        "volumeMounts": [{"name": "models", "mountPath": "/mnt/models"}],
        "securityContext": {"omitIDs": True},
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
    }
    allowed = {"serviceAccountAnnotations": {"iam.gke.io/gcp-service-account": ["a@b"]}}
    documents = rendered({"classes": {"cpu": {"podTemplate": template}}, "operatorPolicy": allowed})
    own = classes(documents)["cpu"].spec.pod_template
    assert own is not None
    assert own.security_context.omit_ids
    assert own.volume_mounts[0].mount_path == "/mnt/models"
    policy = next(each for each in documents if "operator-writes" in each["metadata"]["name"])
    (rule,) = (each for each in policy["spec"]["validations"] if "serviceaccounts" in each["expression"])
    assert f'["eks.amazonaws.com/role-arn={ARN}","iam.gke.io/gcp-service-account=a@b"]' in rule["expression"]
