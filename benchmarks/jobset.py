"""JobSet's controller (kubernetes-sigs/jobset), which the operator is measured against."""

import base64
import json
import os
import socket
import ssl
import subprocess
import urllib.request
from collections import Counter

import yaml

from benchmarks.call_costs import Call, Sample, copied
from benchmarks.contenders import Json, Metrics, event_sample
from benchmarks.scale_cluster import NAMESPACE
from devcluster import settings
from devcluster.tools import go_module
from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import Cluster, path_of, until

STAGES = ("resolve", "augment", "publish")


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

    @property
    def process_ids(self) -> dict[str, int]:
        return {}  # It is a program of the control plane.

    def start(self) -> None:
        module = go_module("jobset", "sigs.k8s.io/jobset", settings.cache_folder(os.environ))
        crds = module / "config" / "components" / "crd" / "bases"
        self._plane.kubectl("apply", "--server-side", "-f", str(crds))
        until(lambda: "jobsets" in self._plane.kubectl("api-resources", "--api-group=jobset.x-k8s.io"), str)
        # It starts no webhook server and no metrics without a certificate.
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"),
                *("-addext", "subjectAltName=IP:127.0.0.1"),
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

    def calls(self, metrics: Metrics, requests: Counter[Call]) -> Counter[Call]:
        # Its own metric knows methods only, and nobody else writes JobSets or makes Jobs.
        jobs, of_its_own = requests["create", "jobs"], metrics.by("rest_client_requests_total", "method")
        calls = {call: n for call, n in requests.items() if "jobsets" in call[1] and call != ("create", "jobsets")}
        return Counter({("create", "jobs"): jobs, ("create", "events"): of_its_own[("POST",)] - jobs, **calls})

    def samples(self, cluster: Cluster, name: str) -> dict[Call, Sample]:
        jobset = cluster.get(f"{self.collection}/{name}")
        jobs, token = path_of("jobs", NAMESPACE), self._plane.token
        child = cluster.get(jobs, labelSelector=f"{self.job_label}={name}")["items"][0]
        return {
            ("create", "jobs"): Sample(jobs, copied(child, "batch/v1", "Job"), token),
            ("create", "events"): event_sample(cluster, jobset["metadata"]["uid"], token),
            ("create", "jobsets"): Sample(self.collection, self.manifest("sample"), token),
            ("update", "jobsets/status"): Sample(f"{self.collection}/{name}/status", jobset, token),
        }

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


class InstalledJobSet(JobSet):
    """JobSet's controller with its webhooks, as its manifests install it."""

    name = "JobSet with webhooks"

    def start(self) -> None:
        super().start()
        module = go_module("jobset", "sigs.k8s.io/jobset", settings.cache_folder(os.environ))
        authority = base64.b64encode((self._folder / "tls.crt").read_bytes()).decode()
        manifests = module / "config" / "components" / "webhook" / "manifests.yaml"
        for manifest in yaml.safe_load_all(manifests.read_text()):
            for webhook in manifest["webhooks"]:
                path = webhook["clientConfig"]["service"]["path"]
                url = f"https://127.0.0.1:{self._webhook_port}{path}"
                webhook["clientConfig"] = {"url": url, "caBundle": authority}
            self._plane.kubectl("create", "-f", "-", manifest=manifest)
        until(self._is_called, lambda: self._plane.log_tail("jobset"))

    def _is_called(self) -> bool:
        """Whether the API server asks the webhooks: one of them refuses a policy of a stage that is not there."""
        manifest = self.manifest("refused")
        manifest["spec"]["successPolicy"]["targetReplicatedJobs"] = ["absent"]
        try:
            self._plane.kubectl("create", "--dry-run=server", f"--namespace={NAMESPACE}", "-f", "-", manifest=manifest)
        except RuntimeError as error:
            return "absent" in str(error)
        return False
