"""A user of an installation: submits by REST or kubectl, waits, downloads."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import yaml
from huggingface_hub import HfApi, snapshot_download

from devcluster.demo.access import Access
from devcluster.demo.job_progress import gateway_client
from devcluster.demo.kubectl import Kubectl
from devcluster.localhub.hub_process import clear_faults, inject_fault

Json = dict[str, Any]

FINAL = ("completed", "failed", "cancelled")
TIMEOUT_SECONDS = 300.0
GATEWAY_SECONDS = 180.0
"""A gateway is back within this time, whatever was killed and however busy the machine is."""


class User:
    """A user with a key of the gateway and a namespace."""

    def __init__(self, kubectl: Kubectl, access: Access, hub: HfApi, folder: Path) -> None:
        self.kubectl, self.access, self.hub, self.folder = kubectl, access, hub, folder
        self.namespace = access.namespace
        self._made: list[str] = []

    @staticmethod
    def new_dataset_id(name: str) -> str:
        """A dataset id that no previous run has used."""
        return f"demo/{name}-{uuid4().hex[:8]}"

    def post(self, **fields: Any) -> httpx.Response:
        """POST a job and return the response."""
        body = {"project_id": str(uuid4()), "dataset_id": "demo/pusht"} | fields
        with gateway_client(self.access) as gateway:
            return gateway.post("/v1/augmentation", json=body)

    def submit(self, **fields: Any) -> str:
        """POST a valid job and return its id."""
        answer = self.post(**fields)
        assert answer.status_code == 201, answer.text
        job_id = str(answer.json()["job_id"])
        self._made.append(job_id)
        return job_id

    def apply(self, name: str, spec: Json) -> str:
        """Apply a job with kubectl and return its id."""
        manifest = {
            "apiVersion": "augmentation.dev/v1alpha1",
            "kind": "AugmentationJob",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": spec,
        }
        self.kubectl.run("apply", "--filename", "-", stdin=yaml.safe_dump(manifest))
        job = self.kubectl.get("augmentationjob", name, self.namespace)
        assert job is not None
        self._made.append(job["metadata"]["uid"])
        return str(job["metadata"]["uid"])

    def status(self, job_id: str) -> Json:
        """GET a job through a gateway that may be restarting."""
        deadline = time.monotonic() + GATEWAY_SECONDS
        while True:
            try:
                with gateway_client(self.access) as gateway:
                    answer = gateway.get(f"/v1/augmentation/{job_id}", timeout=10)
                if answer.status_code == 200:
                    return dict(answer.json())
                assert time.monotonic() < deadline, answer.text
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.3)

    def resource(self, job_id: str) -> Json:
        """The AugmentationJob with this id."""
        return next(item for item in self.jobs() if item["metadata"]["uid"] == job_id)

    def jobs(self) -> list[Json]:
        """All AugmentationJobs of this user's namespace."""
        listing = json.loads(self.kubectl.run("get", "augmentationjobs", "-n", self.namespace, "-o", "json"))
        return list(listing["items"])

    def wait(self, job_id: str, reached: Callable[[Json], bool] | None = None) -> Json:
        """Wait until a job has finished, or `reached` is true, and return its status."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            status = self.status(job_id)
            if status["status"] in FINAL or (reached is not None and reached(status)):
                return status
            assert time.monotonic() < deadline, f"job {job_id} did not get there: {json.dumps(status, indent=1)}"
            time.sleep(0.5)

    def complete(self, job_id: str) -> Json:
        """Wait until a job has completed and return its final status."""
        status = self.wait(job_id)
        assert status["status"] == "completed", json.dumps(status, indent=1)
        return status

    def cancel(self, job_id: str) -> httpx.Response:
        """POST a cancel."""
        with gateway_client(self.access) as gateway:
            return gateway.post(f"/v1/augmentation/{job_id}/cancel")

    def retry(self, job_id: str) -> None:
        """POST a retry and wait until the operator has started it."""
        with gateway_client(self.access) as gateway:
            attempt = gateway.post(f"/v1/augmentation/{job_id}/retry").raise_for_status().json()["attempt"]
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while self.resource(job_id)["status"].get("attempt") != attempt:
            assert time.monotonic() < deadline, f"attempt {attempt} of job {job_id} does not begin"
            time.sleep(0.5)

    @contextmanager
    def uploads_held(self, dataset_id: str, *, after: int = 0) -> Iterator[None]:
        """The hub takes so many files for a result, and keeps who sends the next waiting until the block is left.

        A job that must be running for the test's next step is so, however fast it is. The worker's
        timeout for a request is two minutes; from then on it tries again, for one minute more.
        """
        hub, token = self.access.hub_endpoint, self.access.hub_token
        path = f"/lfs-storage/{dataset_id}/"
        inject_fault(hub, token, method="PUT", path_contains=path, skip=after, count=None, hold=True)
        try:
            yield
        finally:
            clear_faults(hub, token)

    def download(self, dataset_id: str, revision: str = "v3.0") -> Path:
        """Download the dataset at its version tag or another revision."""
        folder = self.folder / dataset_id.replace("/", "--")
        snapshot_download(
            dataset_id,
            repo_type="dataset",
            revision=revision,
            local_dir=folder,
            endpoint=self.access.hub_endpoint,
            token=self.access.hub_token,
        )
        return folder

    def pods(self, job_id: str, phase: str) -> list[Json]:
        """The pods of one phase of a job."""
        selector = f"augmentation.dev/job-uid={job_id},augmentation.dev/phase={phase}"
        text = self.kubectl.run("get", "pods", "-n", self.namespace, "-l", selector, "-o", "json")
        return list(json.loads(text)["items"])

    def owned(self, job_id: str, kinds: str) -> int:
        """Number of objects of these kinds that belong to a job."""
        return len(self._names_of(job_id, kinds))

    def delete(self, *job_ids: str) -> None:
        """Delete jobs with kubectl."""
        names = [self.resource(job_id)["metadata"]["name"] for job_id in job_ids]
        self.kubectl.run("delete", "augmentationjob", *names, "-n", self.namespace)
        self._made = [job_id for job_id in self._made if job_id not in job_ids]

    def wait_until_nothing_is_left(self, job_id: str) -> None:
        """Wait until all resources of a deleted job are gone."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while left := self._names_of(job_id, "jobs,pods,configmaps,serviceaccounts,roles,rolebindings"):
            assert time.monotonic() < deadline, left
            time.sleep(1)

    def _names_of(self, job_id: str, kinds: str) -> list[str]:
        selector = f"augmentation.dev/job-uid={job_id}"
        return self.kubectl.run("get", kinds, "-n", self.namespace, "-l", selector, "-o", "name").split()

    def kill(self, namespace: str, *pods: str) -> None:
        """Kill pods without notice."""
        self.kubectl.run("delete", "pod", *pods, "-n", namespace, "--force", "--grace-period=0")

    def leave(self) -> None:
        """Cancel all running jobs."""
        for job_id in self._made:
            if self.status(job_id)["status"] not in FINAL:
                self.cancel(job_id)
