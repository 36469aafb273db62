"""A job on the local cluster, and where its wall time went: what benchmarks on the real cluster share."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from huggingface_hub import HfApi, constants
from huggingface_hub.utils.tqdm import disable_progress_bars

from augmentation_worker.media.stage_clock import Stage
from devcluster import settings
from devcluster.demo.installation import install, open_access
from tests.e2e.user import Json, User

PHASES = ("resolve", "augment", "publish")
TAG = "v3.0"
STAGES = tuple(stage.value for stage in Stage if stage is not Stage.METADATA)
"""Of a shard at work, as its last event names them."""
PARTS = ("scheduling", "pull and start", "import", "metadata", *STAGES, "publish")
"""What the wall time of a job is divided into."""


@contextmanager
def open_user(folder: Path) -> Iterator[User]:
    """A user of the product as the demo installs it, whose running jobs are cancelled at the end."""
    # The local hub speaks plain LFS, and the library was imported before devcluster.demo could say so.
    constants.HF_HUB_DISABLE_XET = True
    disable_progress_bars()
    folder.mkdir(parents=True, exist_ok=True)
    installation = install(settings.from_environment())
    access = open_access(installation, "benchmark")
    user = User(installation.kubectl, access, HfApi(endpoint=access.hub_endpoint, token=access.hub_token), folder)
    try:
        yield user
    finally:
        user.leave()


def upload(user: User, name: str, folder: Path, make: Callable[[Path], None]) -> None:
    """Have a dataset on the hub, of a folder that `make` makes where it is missing. It stays for the next time."""
    user.hub.create_repo(name, repo_type="dataset", exist_ok=True)
    if TAG not in {tag.name for tag in user.hub.list_repo_refs(name, repo_type="dataset").tags}:
        if not folder.exists():
            make(folder)
        user.hub.upload_folder(repo_id=name, repo_type="dataset", folder_path=folder, commit_message="Generated")
        user.hub.create_tag(name, repo_type="dataset", tag=TAG)


def have_images(user: User, source: str) -> None:
    """Run a job of one episode, after which the images of all phases are on the node."""
    augmentation = {"transforms": ["lighting"], "copies": 1, "episodes": "0:1"}
    spec = {"source": {"hub": {"repoID": source}}, "augmentation": augmentation}
    user.complete(user.apply(user.new_dataset_id("images").replace("/", "-"), spec))


@dataclass(frozen=True)
class JobTimes:
    """When what happened in a job that has completed.

    Attributes:
        job: the resource.
        pods: by phase, its pods.
    """

    job: Json
    pods: Mapping[str, Sequence[Json]]

    @classmethod
    def of(cls, user: User, job: Json) -> "JobTimes":
        """Of a job whose pods are still there."""
        return cls(job, {phase: user.pods(job["metadata"]["uid"], phase) for phase in PHASES})

    @property
    def seconds(self) -> float:
        """From creation to completion."""
        return moment(self.job["status"]["completedAt"]) - moment(self.job["metadata"]["creationTimestamp"])

    def phase(self, name: str) -> Json:
        """The phase of the status."""
        return next(phase for phase in self.job["status"]["phases"] if phase["name"] == name)

    def events(self, phase: str, *kinds: str) -> list[Json]:
        """Events of a phase of some kinds."""
        return [event for event in self.phase(phase).get("events", []) if event.get("status") in kinds]

    def at_work(self) -> tuple[float, float]:
        """When the first shard began with its work, and when the last one ended."""
        ended = [moment(event["timestamp"]) for event in self.events("augment", "completed")]
        return min(moment(event["timestamp"]) for event in self.events("augment", "started", "resumed")), max(ended)

    def share_of_augment(self) -> float:
        """Of the wall time, the part of the augment phase."""
        phase = self.phase("augment")
        return (moment(phase["completedAt"]) - moment(phase["startedAt"])) / self.seconds

    def share_at_work(self) -> float:
        """Of the wall time, the part in which shards were at work."""
        began, ended = self.at_work()
        return (ended - began) / self.seconds

    def intervals(self) -> dict[str, float]:
        """Seconds by what they went to, in the order of time; together they are the wall time."""
        marks = [("", moment(self.job["metadata"]["creationTimestamp"]))]
        for name in PHASES:
            containers = [state for pod in self.pods[name] for state in container_times(pod)]
            marks.append((f"{name}: until a node has a pod", min(map(scheduled, self.pods[name]))))
            marks.append((f"{name}: until a container runs", min(began for began, _ in containers)))
            if name == "augment":
                began, ended = self.at_work()
                marks += [("augment: until a shard is at work", began), ("augment: shards at work", ended)]
            else:
                (first,) = self.events(name, "started")[:1]
                marks.append((f"{name}: until its first event", moment(first["timestamp"])))
            marks.append((f"{name}: until pods have ended", max(ended for _, ended in containers)))
        marks.append(("until the status says so", moment(self.job["status"]["completedAt"])))
        return {what: after - before for (_, before), (what, after) in pairwise(marks)}

    def stage_seconds(self) -> dict[str, float]:
        """Seconds that all shards spent in each stage, by their last events."""
        total: dict[str, float] = {}
        for event in self.events("augment", "completed"):
            for stage, text in (event.get("data") or {}).items():
                total[stage] = total.get(stage, 0.0) + float(text.removesuffix(" s"))
        return total

    def parts(self) -> dict[str, float]:
        """The wall time by PARTS.

        The time in which shards are at work is divided in proportion of what their threads spent in each stage, and
        what a shard takes before by the seconds of metadata that it counted.
        """
        took, stages, shards = self.intervals(), self.stage_seconds(), len(self.events("augment", "completed"))
        ahead = took["augment: until a shard is at work"]
        metadata = min(stages.get("metadata", 0.0) / shards, ahead)
        parts = dict.fromkeys(PARTS, 0.0)
        parts["scheduling"] = took["until the status says so"] + took["augment: until pods have ended"]
        for name in PHASES:
            parts["scheduling"] += took[f"{name}: until a node has a pod"]
            parts["pull and start"] += took[f"{name}: until a container runs"]
        parts["import"] = (
            sum(took[f"{name}: until its first event"] for name in ("resolve", "publish")) + ahead - metadata
        )
        parts["metadata"] = took["resolve: until pods have ended"] + metadata
        parts["publish"] = took["publish: until pods have ended"]
        total = sum(stages.get(stage, 0.0) for stage in STAGES)
        for stage in STAGES:
            parts[stage] = took["augment: shards at work"] * stages.get(stage, 0.0) / total
        return parts


def moment(text: str) -> float:
    """A timestamp of Kubernetes in seconds."""
    return datetime.fromisoformat(text).timestamp()


def scheduled(pod: Json) -> float:
    """When a node was found for a pod."""
    (condition,) = (each for each in pod["status"]["conditions"] if each["type"] == "PodScheduled")
    return moment(condition["lastTransitionTime"])


def container_times(pod: Json) -> list[tuple[float, float]]:
    """When the worker of a pod began and ended."""
    states = [status["state"].get("terminated") for status in pod["status"].get("containerStatuses", [])]
    return [(moment(state["startedAt"]), moment(state["finishedAt"])) for state in states if state]


def record_sizes(user: User, job_id: str) -> list[int]:
    """Bytes of the data of each ConfigMap of a job, the largest first."""
    selector = f"augmentation.dev/job-uid={job_id}"
    listing = json.loads(user.kubectl.run("get", "configmaps", "-n", user.namespace, "-l", selector, "-o", "json"))
    return sorted((sum(map(len, each.get("data", {}).values())) for each in listing["items"]), reverse=True)
