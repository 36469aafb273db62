"""The two controllers that are measured against each other, each as a process of its own before the same API server."""

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

from prometheus_client.parser import text_string_to_metric_families

from augmentation_api.identifiers import LABEL_JOB_NAME
from benchmarks.scale_cluster import NAMESPACE
from devcluster import settings
from devcluster.tools import go_module
from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import OperatorProcess, until

Json = dict[str, Any]
STAGES = ("resolve", "augment", "publish")


class Metrics:
    """Metrics of a controller at one moment."""

    def __init__(self, text: str) -> None:
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples if sample.value
        ]

    def total(self, name: str, **labels: str) -> float:
        """The sum of a metric over all labels but these."""
        return sum(sample.value for sample in self._samples if sample.name == name and _has(sample.labels, labels))

    def by(self, name: str, *labels: str) -> Counter[tuple[str, ...]]:
        """A metric by some of its labels."""
        found: Counter[tuple[str, ...]] = Counter()
        for sample in self._samples:
            if sample.name == name:
                found[tuple(sample.labels[label] for label in labels)] += round(sample.value)
        return found

    def quantile(self, name: str, fraction: float, **labels: str) -> float:
        """A quantile of a histogram, as Prometheus' histogram_quantile estimates it; 0 without observations."""
        buckets: Counter[float] = Counter()
        for sample in self._samples:
            if sample.name == f"{name}_bucket" and _has(sample.labels, labels):
                buckets[float(sample.labels["le"])] += int(sample.value)
        below, lower = 0, 0.0
        wanted = fraction * max(buckets.values(), default=0)
        for bound, count in sorted(buckets.items()):
            if count >= wanted:
                return lower if bound == float("inf") else lower + (bound - lower) * (wanted - below) / (count - below)
            below, lower = count, bound
        return 0.0


class Contender(Protocol):
    """A controller that takes jobs from creation to completion."""

    name: str
    collection: str
    job_label: str

    @property
    def process_id(self) -> int:
        """Of the controller."""

    def start(self) -> None:
        """Start it, and wait until it answers."""

    def stop(self) -> None:
        """End it."""

    def manifest(self, name: str) -> Json:
        """One job."""

    def is_complete(self, body: Json) -> bool:
        """Whether a job has ended well."""

    def metrics(self) -> Metrics:
        """What it has counted."""

    def completed(self, metrics: Metrics) -> int:
        """Jobs that it says are complete."""

    def calls(self, metrics: Metrics) -> Counter[tuple[str, ...]]:
        """Its calls of the API so far."""

    def reconciles(self, metrics: Metrics, fraction: float) -> float:
        """A quantile of how long its reconciles took, in seconds."""


class Ours:
    """augmentation-operator, with the rights that the chart gives it."""

    name = "augmentation-operator"
    collection = f"/apis/augmentation.dev/v1alpha1/namespaces/{NAMESPACE}/augmentationjobs"
    job_label = LABEL_JOB_NAME

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        folder = plane.folder / "operator"
        folder.mkdir()
        self._process = OperatorProcess(plane, folder)
        self._workers: subprocess.Popen[bytes] | None = None

    @property
    def process_id(self) -> int:
        return self._process.process_id

    def start(self) -> None:
        with (self._plane.folder / "stand-in-workers.log").open("ab") as log:
            self._workers = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.stand_in_workers", self._plane.kubeconfig], stdout=log, stderr=log
            )
        self._process.start()
        self._process.await_ready()
        until(lambda: self.metrics().total("augmentation_operator_leads") == 1, lambda: self._process.log[-4000:])

    def stop(self) -> None:
        if self._process.is_running:
            self._process.stop()
        if self._workers is not None:
            self._workers.kill()
            self._workers.wait()

    def manifest(self, name: str) -> Json:
        return {
            "apiVersion": "augmentation.dev/v1alpha1",
            "kind": "AugmentationJob",
            "metadata": {"name": name},
            "spec": {
                "source": {"hub": {"repoID": "lab/kitchen"}},
                "augmentation": {"transforms": ["lighting"], "copies": 1, "seed": 7},
            },
        }

    def is_complete(self, body: Json) -> bool:
        return bool(body.get("status", {}).get("state") == "completed")

    def metrics(self) -> Metrics:
        return Metrics(self._process.metrics_text())

    def completed(self, metrics: Metrics) -> int:
        return round(metrics.total("augmentation_jobs", state="completed"))

    def calls(self, metrics: Metrics) -> Counter[tuple[str, ...]]:
        return metrics.by("augmentation_operator_api_requests_total", "verb", "resource")

    def reconciles(self, metrics: Metrics, fraction: float) -> float:
        return metrics.quantile("augmentation_operator_reconcile_seconds", fraction)


class JobSet:
    """JobSet's controller as it comes, without its webhooks: what they would fill in, the manifest says itself.

    That spares it a call of its own at each write: the comparison errs in its favour.
    """

    name = "JobSet"
    collection = f"/apis/jobset.x-k8s.io/v1alpha2/namespaces/{NAMESPACE}/jobsets"
    job_label = "jobset.sigs.k8s.io/jobset-name"

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._folder = plane.folder / "jobset"
        self._folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as webhook, socket.socket() as metrics, socket.socket() as health:
            for each in (webhook, metrics, health):
                each.bind(("127.0.0.1", 0))
            self._webhook_port, self._metrics_port, self._health_port = (
                each.getsockname()[1] for each in (webhook, metrics, health)
            )

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        module = go_module("jobset", "sigs.k8s.io/jobset", settings.cache_folder(os.environ))
        crds = module / "config" / "components" / "crd" / "bases"
        self._plane.kubectl("apply", "--server-side", "-f", str(crds))
        until(lambda: "jobsets" in self._plane.kubectl("api-resources", "--api-group=jobset.x-k8s.io"), str)
        # It starts no webhook server and no metrics without a certificate.
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"),
                *("-keyout", self._folder / "tls.key", "-out", self._folder / "tls.crt"),
            ],
            check=True,
            capture_output=True,
        )
        settings_of_it = {
            "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
            "kind": "Configuration",
            "leaderElection": {"leaderElect": False},
            "internalCertManagement": {"enable": False},
            "webhook": {"port": self._webhook_port, "certDir": str(self._folder)},
            "metrics": {"bindAddress": f"127.0.0.1:{self._metrics_port}", "certDir": str(self._folder)},
            "health": {"healthProbeBindAddress": f"127.0.0.1:{self._health_port}"},
        }
        (self._folder / "configuration.json").write_text(json.dumps(settings_of_it))
        self._process = self._plane.start_program(
            "jobset",
            f"--kubeconfig={self._plane.kubeconfig}",
            f"--config={self._folder / 'configuration.json'}",
            "--zap-log-level=error",
        )
        until(self._answers, lambda: self._plane.log_tail("jobset"))

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def manifest(self, name: str) -> Json:
        return {
            "apiVersion": "jobset.x-k8s.io/v1alpha2",
            "kind": "JobSet",
            "metadata": {"name": name},
            "spec": {
                "suspend": False,
                "network": {"enableDNSHostnames": False},
                "successPolicy": {"operator": "All", "targetReplicatedJobs": []},
                "failurePolicy": {"maxRestarts": 0},
                "replicatedJobs": [self._stage(number) for number in range(len(STAGES))],
            },
        }

    def _stage(self, number: int) -> Json:
        container = {
            "name": "worker",
            "image": "worker",
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
        }
        stage: Json = {
            "name": STAGES[number],
            "replicas": 1,
            "template": {
                "spec": {
                    "completionMode": "Indexed",
                    "completions": 1,
                    "parallelism": 1,
                    "backoffLimit": 3,
                    "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
                }
            },
        }
        if number:
            stage["dependsOn"] = [{"name": STAGES[number - 1], "status": "Complete"}]
        return stage

    def is_complete(self, body: Json) -> bool:
        conditions = body.get("status", {}).get("conditions", [])
        return any(entry["type"] == "Completed" and entry["status"] == "True" for entry in conditions)

    def metrics(self) -> Metrics:
        return Metrics(self._ask(f"https://127.0.0.1:{self._metrics_port}/metrics"))

    def completed(self, metrics: Metrics) -> int:
        return round(metrics.total("jobset_completed_total"))

    def calls(self, metrics: Metrics) -> Counter[tuple[str, ...]]:
        return metrics.by("rest_client_requests_total", "method", "code")

    def reconciles(self, metrics: Metrics, fraction: float) -> float:
        return metrics.quantile("controller_runtime_reconcile_time_seconds", fraction, controller="jobset")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._plane.log_tail("jobset")
        try:
            return bool(self._ask(f"http://127.0.0.1:{self._health_port}/readyz"))
        except OSError:
            return False

    def _ask(self, url: str) -> str:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self._plane.token}"})
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE  # a certificate made above, on this machine
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )
        with opener.open(request, timeout=30) as answer:
            text: str = answer.read().decode()
        return text


def _has(labels: dict[str, str], wanted: dict[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in wanted.items())


def processor_seconds(process: int) -> float:
    """What a process has spent on processors, in all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> tuple[float, float]:
    """Resident memory of a process in MiB: now, and at its most."""
    text = Path(f"/proc/{process}/status").read_text()
    now, most = (re.search(rf"{name}:\s+(\d+) kB", text) for name in ("VmRSS", "VmHWM"))
    assert now is not None and most is not None
    return int(now[1]) / 1024, int(most[1]) / 1024
