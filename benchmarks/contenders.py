"""A controller that is measured (the other one: jobset.py), as a process of its own before the API server."""

import subprocess
import sys
from collections import Counter
from typing import Any, Protocol

from prometheus_client.parser import text_string_to_metric_families

from augmentation_api import AugmentationJob
from augmentation_api.identifiers import API_VERSION, FIELD_MANAGER_OPERATOR, JOB_KIND, LABEL_JOB_NAME
from augmentation_operator.reconcile.decision import operator_part
from benchmarks.call_costs import Call, Sample, copied
from benchmarks.scale_cluster import NAMESPACE
from benchmarks.stand_in_workers import REPORTS
from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import SYSTEM_NAMESPACE, Cluster, OperatorProcess, path_of, until

Json = dict[str, Any]
BY_WORKERS = "augmentationjobs/status by workers"
_OUR_CALLS = "augmentation_operator_api_requests_total"
_OUR_CHILDREN = {
    "jobs": "Job",
    "configmaps": "ConfigMap",
    "serviceaccounts": "ServiceAccount",
    "roles": "Role",
    "rolebindings": "RoleBinding",
}
_GROUPED = ("Job", "Role", "RoleBinding")


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

    @property
    def process_ids(self) -> dict[str, int]:
        """Of what is none of the control plane's programs, by name."""

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

    def calls(self, metrics: Metrics, requests: Counter[Call]) -> Counter[Call]:
        """Its calls of the API so far.

        Args:
            requests: all that the API server has answered, by whomever.
        """

    def samples(self, cluster: Cluster, name: str) -> dict[Call, Sample]:
        """One of each kind of the calls that a job takes: its own, those of the job's user and of the workers."""

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

    @property
    def process_ids(self) -> dict[str, int]:
        assert self._workers is not None
        return {self.name: self.process_id, "stand-in workers": self._workers.pid}

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

    def calls(self, metrics: Metrics, requests: Counter[Call]) -> Counter[Call]:
        del requests
        return Counter(
            {(verb, resource): n for (verb, resource), n in metrics.by(_OUR_CALLS, "verb", "resource").items()}
        )

    def samples(self, cluster: Cluster, name: str) -> dict[Call, Sample]:
        job, user = cluster.get(f"{self.collection}/{name}"), self._plane.token
        uid = job["metadata"]["uid"]
        operator = self._plane.kubectl("create", "token", "augmentation-operator", f"--namespace={SYSTEM_NAMESPACE}")
        token = operator.strip()
        samples: dict[Call, Sample] = {}
        for resource, kind in _OUR_CHILDREN.items():
            collection = path_of(resource, NAMESPACE)
            child = cluster.get(collection, labelSelector=f"augmentation.dev/job-uid={uid}")["items"][0]
            version = collection.removeprefix("/apis/").partition("/namespaces")[0] if kind in _GROUPED else "v1"
            samples["create", resource] = Sample(collection, copied(child, version, kind), token)
        samples["create", "events"] = event_sample(cluster, uid, token)
        samples["create", "augmentationjobs"] = Sample(self.collection, self.manifest("sample"), user)
        head = {"apiVersion": API_VERSION, "kind": JOB_KIND, "metadata": {"name": name}}
        path = f"{self.collection}/{name}/status"
        for writer, status in (
            ("augmentationjobs/status", operator_part(AugmentationJob.read(job)[0].status)),
            (BY_WORKERS, REPORTS["augment"]),
        ):
            manager = FIELD_MANAGER_OPERATOR if writer != BY_WORKERS else "augmentation-worker-shard-0"
            query = {"fieldManager": manager, "force": "true"}
            samples["apply", writer] = Sample(path, {**head, "status": status}, token, query)
        return samples

    def reconciles(self, metrics: Metrics, fraction: float) -> float:
        return metrics.quantile("augmentation_operator_reconcile_seconds", fraction)


def event_sample(cluster: Cluster, uid: str, token: str) -> Sample:
    """An Event of an object."""
    events = path_of("events", NAMESPACE)
    event = cluster.get(events, fieldSelector=f"involvedObject.uid={uid}")["items"][0]
    return Sample(events, copied(event, "v1", "Event"), token)


def _has(labels: dict[str, str], wanted: dict[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in wanted.items())
