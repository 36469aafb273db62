"""The product installed on a cluster: CRDs, chart, a key, and the local hub. Safe to repeat; quick when it stands."""

import base64
import json
import secrets
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from augmentation_api.identifiers import CLASS_PLURAL, GROUP, JOB_PLURAL
from augmentation_gateway.credentials.keys import ALL_PROJECTS, ApiKey, KeysDocument, Principal, digest_of, new_secret
from devcluster import commands
from devcluster.demo.access import Access
from devcluster.demo.kubectl import Kubectl
from devcluster.demo.port_forward import forward
from devcluster.errors import DevclusterError
from devcluster.kind_config import GATEWAY_NODE_PORT
from devcluster.progress import step
from devcluster.settings import CHECKOUT, Settings

SYSTEM_NAMESPACE = "augmentation-system"
HUB_NAMESPACE = "localhub"
RELEASE = "augmentation"
CHART = CHECKOUT / "deploy" / "helm" / "augmentation-operator"
HUB_USER = "demo"
_HUB_IN_CLUSTER = f"http://localhub.{HUB_NAMESPACE}.svc:8080"
_KEYS_SECRET = "augmentation-gateway-keys"
_ACCESS_SECRET = "demo-access"
_GATEWAY_PORT = 80
_KEY_SECONDS = 180.0
_CLASS_SECONDS = 180.0
_CLASS_WRITER = "augmentation.dev/written-by"
_HUB_PORT = 8080
STORE_NAMESPACE = "object-store"
STORE_PORT = 7070
STORE_BUCKET = "robots"
STORE_SECRET = "object-store"
TO_THE_STORE = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": STORE_NAMESPACE}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "versitygw"}},
        }
    ],
    "ports": [{"port": STORE_PORT, "protocol": "TCP"}],
}
TO_THE_HUB = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": HUB_NAMESPACE}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "localhub"}},
        }
    ],
    "ports": [{"port": _HUB_PORT, "protocol": "TCP"}],
}
_OURS = "app.kubernetes.io/created-by=augmentation-devcluster"
"""Label of the namespaces and CRDs made here, by which they are removed again."""


@dataclass(frozen=True)
class Installation:
    """A cluster with the product on it."""

    kubectl: Kubectl
    gateway_url: str
    hub_endpoint: str
    hub_token: str


def install(settings: Settings) -> Installation:
    """Install or update everything from the images that `devcluster images` built last.

    Raises DevclusterError with the tool's own words when a step fails.
    """
    environment = commands.environment(settings)
    kubectl = Kubectl(environment["KUBECTL"], environment["HELM"], Path(environment["KUBECONFIG"]))
    images = json.loads(Path(environment["IMAGES"]).read_text())
    gateway_port, hub_port = int(environment["GATEWAY_PORT"]), int(environment["HUB_PORT"])
    forwarders = settings.images_file.parent
    with step("local hub"):
        hub_token = _install_hub(kubectl, images["localhub"], node_port=not settings.existing)
        if settings.existing:
            hub_port = forward(kubectl, HUB_NAMESPACE, "localhub", hub_port, _HUB_PORT, forwarders)
    hub_endpoint = f"http://127.0.0.1:{hub_port}"
    with step("operator and gateway, by Helm"):
        kubectl.apply(restricted_namespace(SYSTEM_NAMESPACE))
        _install_chart(kubectl, images, hub_endpoint, node_port=not settings.existing)
        if settings.existing:
            gateway_port = forward(
                kubectl, SYSTEM_NAMESPACE, "augmentation-gateway", gateway_port, _GATEWAY_PORT, forwarders
            )
    return Installation(kubectl, f"http://127.0.0.1:{gateway_port}", hub_endpoint, hub_token)


def open_access(installation: Installation, user: str) -> Access:
    """A namespace for one user's jobs, with a hub token in it and a key for the gateway. Keeps what is there."""
    kubectl, namespace = installation.kubectl, f"augmentation-{user}"
    recorded = secret_values(kubectl, _ACCESS_SECRET, namespace)
    api_key = recorded.get("api-key") or new_secret()
    kubectl.apply(
        restricted_namespace(namespace),
        secret("hub-token", namespace, {"token": installation.hub_token}),
        secret(_ACCESS_SECRET, namespace, {"api-key": api_key}),
    )
    entry = ApiKey(
        id=user,
        sha256=digest_of(api_key),
        principal=Principal(type="user", id=user),
        organisation="demo",
        namespace=namespace,
        projects=(ALL_PROJECTS,),
    )
    _register_key(kubectl, entry)
    _await_key(installation.gateway_url, api_key)
    return Access(
        gateway_url=installation.gateway_url,
        api_key=api_key,
        hub_endpoint=installation.hub_endpoint,
        hub_token=installation.hub_token,
        kubeconfig=kubectl.kubeconfig,
        namespace=namespace,
    )


def uninstall(kubectl: Kubectl) -> None:
    """Remove what `install` and `open_access` made, and nothing that was there before.

    If the CRDs are ours, every AugmentationJob goes with them.
    """
    if kubectl.run("get", "crd", "--selector", _OURS, "--output", "name"):
        kubectl.run("delete", f"{JOB_PLURAL}.{GROUP}", "--all", "--all-namespaces", check=False)
    kubectl.helm("uninstall", RELEASE, "--namespace", SYSTEM_NAMESPACE, "--ignore-not-found", "--wait")
    _delete_classes(kubectl)
    kubectl.run("delete", "namespace,crd", "--selector", _OURS)


def _delete_classes(kubectl: Kubectl) -> None:
    """The classes that the demo's operator wrote, where the CRDs are somebody else's and stay."""
    text = kubectl.run("get", CLASS_PLURAL, "--output", "json", check=False)
    for each in json.loads(text)["items"] if text else ():
        if each["metadata"].get("annotations", {}).get(_CLASS_WRITER, "").startswith(f"{SYSTEM_NAMESPACE}/"):
            kubectl.run("delete", CLASS_PLURAL, each["metadata"]["name"])


def _updated_foreign_crds(kubectl: Kubectl) -> bool:
    """Whether there are CRDs that somebody else has installed. They are updated, and stay when the demo goes."""
    names = [f"{plural}.{GROUP}" for plural in (JOB_PLURAL, CLASS_PLURAL)]
    key, _, value = _OURS.partition("=")
    found = [crd for name in names if (crd := kubectl.get("crd", name)) is not None]
    if all(crd["metadata"].get("labels", {}).get(key) == value for crd in found):
        return False
    for name in names:
        kubectl.run("apply", "--server-side", "--force-conflicts", "-f", CHECKOUT / "deploy" / "crds" / f"{name}.yaml")
        kubectl.run("wait", "--for=condition=Established", f"crd/{name}", "--timeout=30s")
    return True


def restricted_namespace(name: str) -> dict[str, Any]:
    """A namespace in which only pods under restricted pod security may run."""
    key, _, value = _OURS.partition("=")
    labels = {"pod-security.kubernetes.io/enforce": "restricted", key: value}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _install_hub(kubectl: Kubectl, image: str, *, node_port: bool) -> str:
    recorded = secret_values(kubectl, "localhub-tokens", HUB_NAMESPACE).get("tokens", "")
    token = recorded.split(":")[1] if recorded else f"hf_{secrets.token_hex(17)}"
    text = (CHECKOUT / "devcluster" / "localhub" / "manifest.yaml").read_text().replace("LOCALHUB_IMAGE", image)
    objects = list(yaml.safe_load_all(text))
    for each in objects:
        each["metadata"]["namespace"] = HUB_NAMESPACE
        if each["kind"] == "Service" and not node_port:
            each["spec"]["type"] = "ClusterIP"
            for port in each["spec"]["ports"]:
                port.pop("nodePort")
    kubectl.apply(
        restricted_namespace(HUB_NAMESPACE),
        secret("localhub-tokens", HUB_NAMESPACE, {"tokens": f"{HUB_USER}:{token}:write"}),
        *objects,
    )
    kubectl.run("rollout", "status", "deployment/localhub", "--namespace", HUB_NAMESPACE, "--timeout=180s")
    return token


def _install_chart(kubectl: Kubectl, images: Mapping[str, str], hub_endpoint: str, *, node_port: bool) -> None:
    service = {"type": "NodePort", "nodePort": GATEWAY_NODE_PORT} if node_port else {"type": "ClusterIP"}
    key, _, value = _OURS.partition("=")
    values = {
        "commonLabels": {key: value},
        "crds": {"enabled": not _updated_foreign_crds(kubectl)},
        "images": {name: images[name] for name in ("operator", "gateway", "worker")},
        "gateway": {"service": service},
        # The hub of the demo is a pod; workers reach public addresses only where nobody says otherwise.
        "networkPolicies": {"workers": {"extraEgress": [TO_THE_HUB, TO_THE_STORE]}},
        "hub": {"endpoint": _HUB_IN_CLUSTER, "publicEndpoint": hub_endpoint},
        # Of `make demo STORE=s3`, where it runs.
        "objectStores": {
            "s3": {
                "endpoint": f"http://versitygw.{STORE_NAMESPACE}.svc:{STORE_PORT}",
                "region": "us-east-1",
                "credentialsSecretRef": {"name": STORE_SECRET},
            }
        },
        # A laptop's share: the dev cluster has two cores for everything.
        # The sample's episodes are so small that all would share a file, and a pod that is killed would begin again.
        "classes": {
            "cpu": {"resources": {"requests": {"cpu": "250m", "memory": "512Mi"}}, "limits": {"checkpointMB": 1}},
            # It would need the image with CUDA.
            "gpu-l4": None,
        },
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        kubectl.helm(
            "upgrade", "--install", RELEASE, CHART, "--namespace", SYSTEM_NAMESPACE, "--values", file.name,
            "--wait", "--timeout", "5m",
            # The CRDs of an older demo, which were applied by kubectl.
            "--take-ownership", "--force-conflicts",
        )  # fmt: skip
    _await_class(kubectl, "cpu")


def _await_class(kubectl: Kubectl, name: str) -> None:
    """Until the operator has written a class of the chart. Raises DevclusterError after _CLASS_SECONDS."""
    deadline = time.monotonic() + _CLASS_SECONDS
    while kubectl.get("augmentationclass", name) is None:
        if time.monotonic() > deadline:
            raise DevclusterError(f"the operator has not written the AugmentationClass {name}: see its log")
        time.sleep(0.2)


def _register_key(kubectl: Kubectl, entry: ApiKey) -> None:
    """Put a key among the gateway's."""
    recorded = secret_values(kubectl, _KEYS_SECRET, SYSTEM_NAMESPACE).get("keys.json")
    known = KeysDocument.model_validate_json(recorded).keys if recorded else ()
    if entry in known:
        return
    document = KeysDocument(keys=(*(key for key in known if key.id != entry.id), entry))
    kubectl.apply(secret(_KEYS_SECRET, SYSTEM_NAMESPACE, {"keys.json": document.model_dump_json(indent=1)}))


def _await_key(gateway_url: str, api_key: str) -> None:
    """Until the gateway takes a key: it follows the Secret of its keys. Raises DevclusterError after _KEY_SECONDS."""
    request = urllib.request.Request(f"{gateway_url}/v1/key", headers={"x-api-key": api_key})
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _KEY_SECONDS
    while True:
        try:
            ask.open(request, timeout=10).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise DevclusterError(f"the gateway at {gateway_url} does not take the key: {error}") from error
        time.sleep(0.2)


def secret(name: str, namespace: str, values: Mapping[str, str]) -> dict[str, Any]:
    """A Secret with these values."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "data": encoded,
    }


def secret_values(kubectl: Kubectl, name: str, namespace: str) -> dict[str, str]:
    """The values of a Secret; none where there is no such."""
    found = kubectl.get("secret", name, namespace)
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()} if found else {}
