"""Exposure of the gateway, names of images, and warnings of `helm install`."""

import pytest

from tests.integration.chart.helm_template import Json, notes, one, pod_specs, refusal, rendered

DIGEST = f"@sha256:{'a' * 64}"
BY_DIGEST = {name: f"registry.example/{name}{DIGEST}" for name in ("operator", "gateway", "worker", "workerCuda")}
TLS = {"gateway": {"tls": {"secretName": "augmentation-tls"}}}
INGRESS: Json = {
    "gateway": {
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "hosts": ["augmentation.robots.example"],
            "tls": [{"secretName": "augmentation-tls", "hosts": ["augmentation.robots.example"]}],
        }
    }
}
IN_CLEAR = "keys are sent unencrypted"


def test_gateway_serves_https_with_its_certificate() -> None:
    objects = rendered(TLS)
    pod = pod_specs(objects)["augmentation-gateway"]
    container = pod["containers"][0]
    assert {"name": "AUGMENTATION_TLS_FOLDER", "value": "/run/tls"} in container["env"]
    assert (
        container["livenessProbe"]["httpGet"]["scheme"] == container["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    )
    (port,) = [
        item for item in one(objects, "Service", "augmentation-gateway")["spec"]["ports"] if item["name"] == "http"
    ]
    assert (port["port"], port["appProtocol"]) == (443, "https")
    assert any(
        word.startswith("https://augmentation-gateway.")
        for word in pod_specs(objects)["augmentation-test"]["containers"][0]["command"]
    )


def test_plain_http_uses_port_80_by_default() -> None:
    (port,) = [
        item for item in one(rendered(), "Service", "augmentation-gateway")["spec"]["ports"] if item["name"] == "http"
    ]
    assert (port["port"], port["appProtocol"]) == (80, "http")


def test_ingress_terminates_tls_before_gateway() -> None:
    spec = one(rendered(INGRESS), "Ingress", "augmentation-gateway")["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"][0]["hosts"] == [spec["rules"][0]["host"]]
    assert spec["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] == {"number": 80}


def test_ingress_without_host_is_rejected() -> None:
    assert "hosts" in refusal({"gateway": {"ingress": {"enabled": True}}})


@pytest.mark.parametrize("values", [TLS, INGRESS])
def test_tls_values_cause_no_warning(values: Json) -> None:
    assert IN_CLEAR not in notes(values)


def test_keys_over_plain_http_cause_warning() -> None:
    assert IN_CLEAR in notes()


def test_ingress_without_tls_causes_warning() -> None:
    assert IN_CLEAR in notes({"gateway": {"ingress": {"enabled": True, "hosts": ["robots.example"]}}})


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://localhub.localhub.svc:8080",
        "https://10.20.30.40",
        "https://hub",
        "https://172.20.0.1",
        "https://hub.lan",
    ],
)
def test_hub_out_of_reach_of_workers_causes_warning(endpoint: str) -> None:
    assert "networkPolicies.workers.extraEgress" in notes({"hub": {"endpoint": endpoint}})
    rule = {"to": [{"ipBlock": {"cidr": "10.20.30.40/32"}}], "ports": [{"port": 443}]}
    allowed = {"hub": {"endpoint": endpoint}, "networkPolicies": {"workers": {"extraEgress": [rule]}}}
    assert "networkPolicies.workers.extraEgress" not in notes(allowed)


def test_store_out_of_reach_of_workers_causes_warning() -> None:
    said = notes({"objectStores": {"s3": {"endpoint": "http://minio.minio.svc:9000"}}})
    assert "the store (objectStores.s3) http://minio.minio.svc:9000 looks like a private one" in said
    assert "credentials and datasets are sent unencrypted" in said


def test_hub_at_disallowed_port_causes_warning() -> None:
    assert "is at port 8443" in notes({"hub": {"endpoint": "https://hub.robots.example:8443"}})
    assert "is at port" not in notes()


def test_hub_over_plain_http_causes_warning() -> None:
    assert "hub tokens and datasets are sent unencrypted" in notes({"hub": {"endpoint": "http://hub.robots.example"}})
    assert "hub tokens" not in notes({"images": BY_DIGEST})


def test_images_by_tag_cause_warning() -> None:
    assert "images by tag (operator, gateway, worker, workerCuda)" in notes()
    assert "images by tag" not in notes({"images": BY_DIGEST})


def test_images_by_tag_can_be_rejected() -> None:
    assert "images.gateway is gateway:1" in refusal(
        {"images": {**BY_DIGEST, "gateway": "gateway:1", "requireDigests": True}}
    )
    assert rendered({"images": {**BY_DIGEST, "requireDigests": True}})


def test_image_of_class_by_tag_can_be_rejected() -> None:
    values = {"images": {**BY_DIGEST, "requireDigests": True}, "classes": {"cpu": {"image": "other:1"}}}
    assert "classes.cpu.image is other:1" in refusal(values)


def test_truncated_digest_is_rejected() -> None:
    assert "images" in refusal({"images": {"operator": "operator@sha256:abc"}})
