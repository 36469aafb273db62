"""A real API server with a real Job controller, the chart's RBAC rules, and the operator as a separate process."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from devcluster.tools import tool_path
from tests.integration.control_plane import ControlPlane

CHECKOUT = Path(__file__).resolve().parents[3]
CHART = CHECKOUT / "deploy" / "helm" / "augmentation-operator"
RELEASE = "augmentation"
SYSTEM_NAMESPACE = "augmentation-system"
TIMEOUT_SECONDS = 180.0
PATHS = {
    "augmentationjobs": "/apis/augmentation.dev/v1alpha1",
    "augmentationclasses": "/apis/augmentation.dev/v1alpha1",
    "jobs": "/apis/batch/v1",
    "roles": "/apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
}

Json = dict[str, Any]

API_SERVERS: Json = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"}},
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["172.18.0.2"]}],
    "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
}
"""What an API server publishes of itself. The one here must not: its address is a loopback one."""


def path_of(resource: str, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
    """URL path of a collection or an object."""
    parts = [PATHS.get(resource, "/api/v1"), *(["namespaces", namespace] if namespace else []), resource]
    return "/".join([*parts, *([name] if name else []), *([subresource] if subresource else [])])


class Cluster:
    """The API server as one user sees it, over plain HTTP."""

    def __init__(self, plane: ControlPlane, token: str | None = None) -> None:
        self.plane = plane
        self._trust = ssl.create_default_context(cafile=str(plane.folder / "certificates" / "apiserver.crt"))
        self.http = httpx.Client(
            base_url=plane.url,
            headers={"Authorization": f"Bearer {token or plane.token}"},
            verify=self._trust,
            trust_env=False,
            timeout=30,
        )

    def as_account(self, namespace: str, name: str, pod: Json | None = None) -> "Cluster":
        """The API server as a service account sees it; with a pod, by a token that is bound to it, as the kubelet's."""
        spec: Json = {"expirationSeconds": 3600}
        if pod is not None:
            metadata = pod["metadata"]
            bound = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
            spec["boundObjectRef"] = bound
        token = self.post(path_of("serviceaccounts", namespace, name, "token"), {"spec": spec})
        return Cluster(self.plane, token["status"]["token"])

    @property
    def minor_version(self) -> int:
        """34 of Kubernetes 1.34."""
        return int(self.get("/version")["minor"])

    def get(self, path: str, **query: str) -> Json:
        return self._json(self.http.get(path, params=query))

    def items(self, resource: str, namespace: str, **labels: str) -> list[Json]:
        selector = ",".join(f"augmentation.dev/{name.replace('_', '-')}={value}" for name, value in labels.items())
        found: list[Json] = self.get(path_of(resource, namespace), labelSelector=selector)["items"]
        return found

    def post(self, path: str, body: Json) -> Json:
        return self._json(self.http.post(path, json=body))

    def merge_patch(self, path: str, body: Json) -> Json:
        headers = {"Content-Type": "application/merge-patch+json"}
        return self._json(self.http.patch(path, content=json.dumps(body), headers=headers))

    def apply(self, path: str, body: Json, field_manager: str) -> Json:
        headers = {"Content-Type": "application/apply-patch+yaml"}
        query = {"fieldManager": field_manager, "force": "true"}
        content = json.dumps(body, ensure_ascii=False).encode()
        return self._json(self.http.patch(path, params=query, content=content, headers=headers))

    def await_pods_of_jobs(self) -> None:
        """Wait until the Job controller works: a Job gets its pod. Fails with the end of the controller's log."""
        container = {"name": "probe", "image": "probe"}
        template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        body = {"metadata": {"name": "probe"}, "spec": {"template": template}}
        self.post(path_of("jobs", "default"), body)

        def has_pod() -> bool:
            self.plane.keep_controllers_running()
            return bool(self.get(path_of("pods", "default"), labelSelector="job-name=probe")["items"])

        until(has_pod, lambda: self.plane.log_tail("kube-controller-manager"))
        self.delete(path_of("jobs", "default", "probe"), propagationPolicy="Background")

    def delete(self, path: str, **options: object) -> None:
        self._json(self.http.request("DELETE", path, json=options))

    def may(self, verb: str, resource: str, namespace: str, name: str = "", group: str = "", sub: str = "") -> bool:
        """What `kubectl auth can-i` answers this user."""
        attributes = {
            "verb": verb,
            "resource": resource,
            "namespace": namespace,
            "name": name,
            "group": group,
            "subresource": sub,
        }
        review = self.post(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {"resourceAttributes": attributes}}
        )
        return bool(review["status"]["allowed"])

    @staticmethod
    def _json(answer: httpx.Response) -> Json:
        if answer.is_error:
            raise httpx.HTTPStatusError(answer.text, request=answer.request, response=answer)
        body: Json = answer.json()
        return body


def rendered(*templates: str, **values: str) -> list[Json]:
    """What `helm template` makes of the chart with these values, or of some of its templates."""
    options = [f"--set={name}={value}" for name, value in values.items()]
    options += [f"--show-only={template}" for template in templates]
    done = subprocess.run(
        [tool_path("helm"), "template", RELEASE, CHART, "--namespace", SYSTEM_NAMESPACE, *options],
        capture_output=True,
        text=True,
        check=True,
    )
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def install_chart(plane: ControlPlane, *values: str) -> None:
    """What `helm install` would make of the chart's rights and policies, without its Deployments, and its classes."""
    options = {"crds.enabled": "false"} | dict(value.split("=", 1) for value in values)
    not_here = ("Deployment", "Service", "Pod", "PodDisruptionBudget")
    items = [document for document in rendered(**options) if document["kind"] not in not_here]
    items += chart_classes(items)
    plane.kubectl("create", "namespace", SYSTEM_NAMESPACE)
    manifest = {"apiVersion": "v1", "kind": "List", "items": [*items, API_SERVERS]}
    plane.kubectl("apply", "--server-side", "--field-manager=helm", "-f", "-", manifest=manifest)


def chart_classes(items: list[Json]) -> list[Json]:
    """The AugmentationClasses that the operator would write, as a chart before this one installed them."""
    (file,) = (item["data"]["classes.json"] for item in items if item["metadata"]["name"] == "augmentation-classes")
    head = {"apiVersion": "augmentation.dev/v1alpha1", "kind": "AugmentationClass"}
    by_helm = {"annotations": {"meta.helm.sh/release-namespace": SYSTEM_NAMESPACE}}
    return [{**head, "metadata": {"name": name, **by_helm}, "spec": spec} for name, spec in json.loads(file).items()]


@dataclass
class OperatorProcess:
    """`python -m augmentation_operator`, with the chart's service account and no more rights than that.

    Attributes:
        identity: its name among the candidates for the Lease.
        server: where it finds the API server; empty: where that is.
        log: what it wrote.
    """

    plane: ControlPlane
    folder: Path
    identity: str = "first"
    environment: dict[str, str] = field(default_factory=dict)
    server: str = ""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.folder / "operator.log").read_text()

    def start(self) -> None:
        """Start it without waiting."""
        with socket.socket() as probe, socket.socket() as other:
            for each in (probe, other):
                each.bind(("127.0.0.1", 0))
            self._port, self._metrics_port = probe.getsockname()[1], other.getsockname()[1]
        kubeconfig = json.loads(self.plane.kubeconfig_of("operator").read_text())
        token = self.plane.kubectl("create", "token", "augmentation-operator", "--namespace", SYSTEM_NAMESPACE)
        kubeconfig["users"][0]["user"] = {"token": token.strip()}
        if self.server:
            kubeconfig["clusters"][0]["cluster"] = {"server": self.server}
        (self.folder / "kubeconfig").write_text(json.dumps(kubeconfig))
        for file in ("workers-egress", "classes"):
            data = json.loads(
                self.plane.kubectl(
                    "get", "configmap", f"augmentation-{file}", f"--namespace={SYSTEM_NAMESPACE}", "--output=json"
                )
            )["data"]
            (content,) = data.values()
            (self.folder / f"{file}.json").write_text(content)
        settings = {
            "AUGMENTATION_WORKERS_EGRESS_FILE": str(self.folder / "workers-egress.json"),
            "AUGMENTATION_CLASSES_FILE": str(self.folder / "classes.json"),
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "AUGMENTATION_LIVENESS_ADDRESS": f"127.0.0.1:{self._port}",
            "AUGMENTATION_METRICS_ADDRESS": f"127.0.0.1:{self._metrics_port}",
            # As in a pod, whose process is the same candidate after a restart.
            "AUGMENTATION_LEASE_NAMESPACE": SYSTEM_NAMESPACE,
            "AUGMENTATION_IDENTITY": self.identity,
        }
        with (self.folder / "operator.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "augmentation_operator"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **settings, **self.environment},
            )

    def await_ready(self) -> None:
        """Wait until its liveness endpoint answers."""

        def answers() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.log[-4000:]
            try:
                return (
                    httpx.get(f"http://127.0.0.1:{self._port}/healthz", timeout=60, trust_env=False).status_code == 200
                )
            except httpx.TransportError:
                return False

        until(answers, lambda: self.log[-4000:])

    def metrics(self) -> dict[str, float]:
        """What it answers at /metrics, by name and labels."""
        lines = (line.rsplit(" ", 1) for line in self.metrics_text().splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def metrics_text(self) -> str:
        """What it answers at /metrics."""
        url = f"http://127.0.0.1:{self._metrics_port}/metrics"
        return httpx.get(url, trust_env=False, timeout=30).raise_for_status().text

    @property
    def process_id(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    def restart(self) -> None:
        """Start it again after it was stopped, and wait."""
        self.start()
        self.await_ready()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; returns the exit status."""
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(timeout=60)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.stop(signal.SIGKILL)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None


def until(condition: Callable[[], bool], explain: Callable[[], object], seconds: float = TIMEOUT_SECONDS) -> None:
    """Wait for a condition; fails with what `explain` says."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {seconds} s: {explain()}")
        time.sleep(0.05)
