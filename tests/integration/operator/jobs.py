"""An AugmentationJob in a real cluster, and stand-ins for the kubelet and the worker."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self

import httpx

from augmentation_api import FailureReason
from augmentation_api.worker_contract import TerminationMessage
from tests.integration.operator.cluster import Cluster, Json, path_of, until

NODE = "node-a"
_numbers = itertools.count()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Job:
    """One AugmentationJob, made as `kubectl apply` would."""

    def __init__(self, cluster: Cluster, *, name: str | None = None, namespace: str = "robots", **spec: object) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.name = name or f"job-{next(_numbers)}"
        body = {
            "apiVersion": "augmentation.dev/v1alpha1",
            "kind": "AugmentationJob",
            "metadata": {"name": self.name},
            "spec": {"source": {"hub": {"repoID": "lab/kitchen"}}, **spec},
        }
        self.uid: str = cluster.apply(self.path(), body, "kubectl")["metadata"]["uid"]

    def path(self, subresource: str = "") -> str:
        return path_of("augmentationjobs", self.namespace, self.name, subresource)

    def change(self, **spec: object) -> None:
        self.cluster.merge_patch(self.path(), {"spec": spec})

    def read(self) -> Json:
        return self.cluster.get(self.path())

    @property
    def status(self) -> Json:
        status: Json = self.read().get("status", {})
        return status

    @property
    def state(self) -> str:
        return str(self.status.get("state", ""))

    def condition(self, kind: str) -> Json:
        return next((entry for entry in self.status.get("conditions", []) if entry["type"] == kind), {})

    def phases(self) -> dict[str, str]:
        return {phase["name"]: phase["status"] for phase in self.status.get("phases", []) if "status" in phase}

    def children(self) -> dict[str, Json]:
        """The batch Jobs by phase."""
        found = self.cluster.items("jobs", self.namespace, job_uid=self.uid)
        return {job["metadata"]["labels"]["augmentation.dev/phase"]: job for job in found}

    def pods(self, phase: str) -> list[Json]:
        """The pods of a phase that have not ended, by index."""
        found = self.cluster.items("pods", self.namespace, job_uid=self.uid, phase=phase)
        return sorted((pod for pod in found if not _has_ended(pod)), key=_index_of)

    def until(self, condition: Callable[[Self], object]) -> None:
        """Wait until something holds of this job; fails with its status, its children and the controllers' log.

        What the status does not have yet, a KeyError, does not hold yet.
        """

        def holds() -> bool:
            with suppress(KeyError):
                return bool(condition(self))
            return False

        until(holds, self._explained)

    def _explained(self) -> str:
        children = {phase: child.get("status", {}) for phase, child in self.children().items()}
        controllers = self.cluster.plane.log_tail("kube-controller-manager")
        return f"status {self.status}\nJobs {children}\nkube-controller-manager:\n{controllers}"

    def until_state(self, state: str) -> None:
        self.until(lambda job: job.state == state)

    def await_pods(self, phase: str, count: int = 1) -> list[Json]:
        """Wait until a phase has so many pods that have not ended."""
        found: list[Json] = []

        def has_as_many(job: Self) -> bool:
            found[:] = job.pods(phase)
            return len(found) == count

        self.until(has_as_many)
        return found


def _index_of(pod: Json) -> int:
    return int(pod["metadata"].get("annotations", {}).get("batch.kubernetes.io/job-completion-index", 0))


def _has_ended(pod: Json) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")


class StandInKubelet:
    """Plays scheduler and kubelet, which do not run here: it writes of pods what they would write."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def add_node(self) -> None:
        """The one node, with the labels a cloud gives it."""
        labels = {
            "node.kubernetes.io/instance-type": "g6.xlarge",
            "topology.kubernetes.io/region": "eu-north-1",
            "topology.kubernetes.io/zone": "eu-north-1a",
            "nvidia.com/gpu.product": "NVIDIA-L4",
        }
        self._cluster.post(path_of("nodes"), {"metadata": {"name": NODE, "labels": labels}})

    def start(self, pod: Json) -> None:
        """The pod gets its node and its container starts."""
        binding = {"metadata": {"name": _name(pod)}, "target": {"kind": "Node", "name": NODE}}
        self._cluster.post(self._path(pod, "binding"), binding)
        self._write(pod, "Running", {"running": {"startedAt": _now()}})

    def wait(self, pod: Json, reason: str, message: str) -> None:
        """The container cannot start yet."""
        self._write(pod, "Pending", {"waiting": {"reason": reason, "message": message}})

    def succeed(self, pod: Json) -> None:
        """The container ends well."""
        self._write(pod, "Succeeded", {"terminated": _terminated(0, "Completed")})

    def fail(self, pod: Json, exit_code: int = 1, message: str = "", reason: str = "Error") -> None:
        """The container ends badly."""
        self._write(pod, "Failed", {"terminated": _terminated(exit_code, reason, message)})

    def give_up(self, pod: Json, failure: FailureReason, message: str) -> None:
        """The worker gives up with words of its own."""
        self.fail(pod, failure.exit_code, TerminationMessage(reason=failure, message=message).encode())

    def preempt(self, pod: Json) -> None:
        """The pod makes room for another one: it is marked so, and its container is killed."""
        target = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": "made room",
        }
        self._write(pod, "Failed", {"terminated": _terminated(143, "Error")}, {**target, "lastTransitionTime": _now()})

    def end_deleted_pods(self, job: Job, phase: str) -> int:
        """End the containers of pods that are being deleted, then let them go; gives how many there were."""
        deleted = [pod for pod in job.pods(phase) if pod["metadata"].get("deletionTimestamp")]
        for pod in deleted:
            try:
                self.fail(pod, 143)
                self._cluster.delete(self._path(pod), gracePeriodSeconds=0)
            except httpx.HTTPStatusError as error:
                if error.response.status_code != 404:  # of a pod without a node, the API server itself lets go
                    raise
        return len(deleted)

    def _write(self, pod: Json, phase: str, state: Json, *conditions: Json) -> None:
        scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": _now()}
        status = {
            "phase": phase,
            "conditions": [scheduled, *conditions],
            "containerStatuses": [
                {
                    "name": "worker",
                    "image": "worker",
                    "imageID": "",
                    "ready": phase == "Running",
                    "restartCount": 0,
                    "state": state,
                }
            ],
        }
        self._cluster.merge_patch(self._path(pod, "status"), {"status": status})

    def _path(self, pod: Json, subresource: str = "") -> str:
        return path_of("pods", pod["metadata"]["namespace"], _name(pod), subresource)


def _name(pod: Json) -> str:
    return str(pod["metadata"]["name"])


def _terminated(exit_code: int, reason: str, message: str = "") -> Json:
    return {
        "exitCode": exit_code,
        "reason": reason,
        "message": message,
        "startedAt": _now(),
        "finishedAt": _now(),
    }


class StandInWorker:
    """Plays the worker: writes to its job's status what a real one writes, with the identity of the pod it is in."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._accounts: dict[str, Cluster] = {}

    def account(self, phase: str, index: int = 0) -> Cluster:
        """The API server as the pod of a phase and index sees it that runs, or else the newest."""
        found = self._job.cluster.items("pods", self._job.namespace, job_uid=self._job.uid, phase=phase)
        of_index = [pod for pod in found if _index_of(pod) == index]
        # Two pods may have been created in the same second, of which one has ended.
        pod = max(of_index, key=lambda pod: (not _has_ended(pod), pod["metadata"]["creationTimestamp"], _name(pod)))
        name = f"{self._job.name}-{self._job.uid[:8]}-worker"
        if _name(pod) not in self._accounts:
            self._accounts[_name(pod)] = self._job.cluster.as_account(self._job.namespace, name, pod)
        return self._accounts[_name(pod)]

    def report(self, account: Cluster, field_manager: str, **status: Any) -> None:
        body = {
            "apiVersion": "augmentation.dev/v1alpha1",
            "kind": "AugmentationJob",
            "metadata": {"name": self._job.name},
            "status": status,
        }
        account.apply(self._job.path("status"), body, field_manager)

    def report_source(self, frames: int = 1000) -> None:
        self.report(
            self.account("resolve"),
            "augmentation-worker-resolve",
            source={
                "repoID": "lab/kitchen",
                "revision": "c0ffee",
                "episodes": 10,
                "frames": frames,
                "selectedEpisodes": 10,
                "selectedFrames": frames,
                "copies": 3,
            },
            phases=[
                {
                    "name": "resolve",
                    "events": [
                        {"id": "augmentation-worker-resolve-000001", "status": "found", "message": "10 episodes"}
                    ],
                }
            ],
        )

    def report_shard(self, index: int, done: int, state: str = "running") -> None:
        self.report(
            self.account("augment", index),
            f"augmentation-worker-shard-{index}",
            shards=[{"index": index, "state": state, "frames": {"total": 1500, "done": done}}],
            phases=[
                {
                    "name": "augment",
                    "events": [{"id": f"augmentation-worker-shard-{index}-000001", "status": "started"}],
                }
            ],
        )

    def report_output(self) -> None:
        self.report(
            self.account("publish"),
            "augmentation-worker-publish",
            output={"datasetID": "lab/result", "revision": "beef", "episodes": 40, "frames": 4000},
        )


def resolve(job: Job, kubelet: StandInKubelet, frames: int = 1000) -> StandInWorker:
    """Let the resolve phase run; gives the job's worker."""
    (pod,) = job.await_pods("resolve")
    kubelet.start(pod)
    worker = StandInWorker(job)
    worker.report_source(frames)
    kubelet.succeed(pod)
    return worker


def augment(job: Job, kubelet: StandInKubelet, worker: StandInWorker, shards: int = 1) -> None:
    """Let the augment phase run."""
    for index, pod in enumerate(job.await_pods("augment", shards)):
        kubelet.start(pod)
        worker.report_shard(index, 1500, "completed")
        kubelet.succeed(pod)


def publish(job: Job, kubelet: StandInKubelet, worker: StandInWorker) -> None:
    """Let the publish phase run."""
    (pod,) = job.await_pods("publish")
    kubelet.start(pod)
    worker.report_output()
    kubelet.succeed(pod)
