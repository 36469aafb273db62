"""A job of thousands of short episodes on the real cluster: undisturbed, and with two shards killed at random.

The product is installed as the demo installs it. A generated dataset (episodes of 10 to 20 frames of 64x48, two
cameras) goes to the local hub and is augmented twice: one job is left alone; of the other, two shards are chosen, and
for each the part of its work after which its pod is killed, the first by SIGKILL of the worker, the second by deletion
without grace. Then every file of both results is compared, byte for byte. A preview job comes first, so that the
images are there.

Of each job: its wall time, from its creation to its completion, by what it went to; the share of the augment phase, and
of the time in which a shard was at work; requests to the hub; the largest size of the resource (status and
managedFields), and the sizes of the shards' records. Exit status 1 if anything differs or a job does not complete.

    python -m benchmarks.thousands_of_episodes --episodes 2000

`--runs undisturbed` and `--runs killed` make one of the jobs; a result stays in build/thousands-of-episodes/ for the
comparison.

Measured on two quiet cores with two shards. Four copies: 181 s, of which 0.92 in the augment phase and 0.88 with a
shard at work; what is left are 21 s of starting pods, resolve, publish and noticing each end. One copy: 72 s (0.86,
0.76), and with both shards killed 90 s (0.88, 0.80); of 23 files none differed. 180 to 220 requests to the hub; a
resource of 13 to 19 KiB; records of 6 (one copy) to 200 KiB (four) a shard.
"""

import argparse
import hashlib
import json
import random
import re
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from huggingface_hub import HfApi, constants
from huggingface_hub.utils.tqdm import disable_progress_bars
from rich.console import Console
from rich.table import Table

from benchmarks.generated_datasets import make_short_episodes
from devcluster import settings
from devcluster.demo.installation import install, open_access
from devcluster.localhub.hub_process import requests_seen
from tests.e2e.faults import Faults
from tests.e2e.user import FINAL, Json, User

OUTPUT = settings.CHECKOUT / "build" / "thousands-of-episodes"
TAG = "v3.0"
RUNS = ("undisturbed", "killed")
POLL_SECONDS = 1.0
STALLED_SECONDS = 300.0
PHASES = ("resolve", "augment", "publish")
FINISHED = re.compile(r"(?P<episodes>\d+) of them done before")


@dataclass
class Killing:
    """A shard that is to be killed, once it has done a part of its frames."""

    shard: int
    part: float
    is_done: bool = False


@dataclass
class Course:
    """What was seen of one job.

    Attributes:
        job: the resource when it had ended.
        pods: by phase, the pods that were there then.
        largest: bytes of the resource at its largest, as the API server keeps it.
        records: bytes of each shard's ConfigMap.
        requests: to the hub, by kind.
        killed: what was killed, in words.
    """

    job: Json
    pods: Mapping[str, Sequence[Json]]
    largest: int
    records: list[int]
    requests: Counter[str]
    killed: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From creation to completion."""
        return moment(self.job["status"]["completedAt"]) - moment(self.job["metadata"]["creationTimestamp"])

    def phase(self, name: str) -> Json:
        """The phase of the status."""
        return next(phase for phase in self.job["status"]["phases"] if phase["name"] == name)

    def at_work(self) -> tuple[float, float]:
        """When the first shard began with its work, and when the last one ended."""
        ended = [moment(event["timestamp"]) for event in self.events("augment", "completed")]
        return min(moment(event["timestamp"]) for event in self.events("augment", "started", "resumed")), max(ended)

    def events(self, phase: str, *kinds: str) -> list[Json]:
        """Events of a phase of some kinds."""
        return [event for event in self.phase(phase).get("events", []) if event.get("status") in kinds]

    def parts(self) -> dict[str, float]:
        """Seconds by what they went to; together they are the wall time."""
        marks = [("", moment(self.job["metadata"]["creationTimestamp"]))]
        for name in PHASES:
            containers = [state for pod in self.pods[name] for state in container_times(pod)]
            marks.append((f"{name}: until a pod runs", min(began for began, _ in containers)))
            if name == "augment":
                began, ended = self.at_work()
                marks.append(("augment: until a shard is at work", began))
                marks.append(("augment: shards at work", ended))
            marks.append(
                (
                    f"{name}: pods run" if name != "augment" else "augment: until pods have ended",
                    max(ended for _, ended in containers),
                )
            )
        marks.append(("until the status says so", moment(self.job["status"]["completedAt"])))
        return {what: after - before for (_, before), (what, after) in pairwise(marks)}


def moment(text: str) -> float:
    """A timestamp of Kubernetes in seconds."""
    return datetime.fromisoformat(text).timestamp()


def container_times(pod: Json) -> list[tuple[float, float]]:
    """When the worker of a pod began and ended."""
    states = [status["state"].get("terminated") for status in pod["status"].get("containerStatuses", [])]
    return [(moment(state["startedAt"]), moment(state["finishedAt"])) for state in states if state]


def upload(user: User, episodes: int) -> str:
    """Have the dataset on the hub; gives its name."""
    name = f"demo/episodes-{episodes}"
    api = user.hub
    api.create_repo(name, repo_type="dataset", exist_ok=True)
    if TAG not in {tag.name for tag in api.list_repo_refs(name, repo_type="dataset").tags}:
        folder = OUTPUT / f"source-{episodes}"
        if not folder.exists():
            make_short_episodes(folder, episodes)
        api.upload_folder(repo_id=name, repo_type="dataset", folder_path=folder, commit_message="Generated")
        api.create_tag(name, repo_type="dataset", tag=TAG)
    return name


def have_images(user: User, source: str) -> None:
    """Run a preview, after which the worker's image is on the node."""
    name = user.new_dataset_id("preview").replace("/", "-")
    spec = {"source": {"hub": {"repoID": source}}, "preview": {}, "augmentation": {}}
    user.complete(user.apply(name, spec))


def run(user: User, name: str, spec: Json, killings: Sequence[Killing], faults: Faults, console: Console) -> Course:
    """One job from its creation to its end. Raises SystemExit where it does not complete."""
    forget_requests(user)
    job_id = user.apply(name, spec)
    path = f"/apis/augmentation.dev/v1alpha1/namespaces/{user.namespace}/augmentationjobs/{name}"
    largest, done, moved = 0, -1, time.monotonic()
    killed: list[str] = []
    while True:
        text = user.kubectl.run("get", "--raw", path)
        largest, job = max(largest, len(text)), json.loads(text)
        status = job.get("status", {})
        if status.get("state") in FINAL:
            break
        for killing in killings:
            if not killing.is_done and (pod := running_pod(user, job_id, killing, status)) is not None:
                killing.is_done = True
                killed.append(kill(user, faults, pod, killing, by_deletion=len(killed) % 2 == 1))
                console.print(f"  {name}: {killed[-1]}")
        now = status.get("progress", {}).get("frames", {}).get("done", 0)
        if now != done:
            done, moved = now, time.monotonic()
        if time.monotonic() - moved > STALLED_SECONDS:
            raise SystemExit(f"{name}: nothing for {STALLED_SECONDS:.0f} s: {status.get('message')}")
        time.sleep(POLL_SECONDS)
    if status["state"] != "completed":
        raise SystemExit(f"{name} {status['state']}: {status.get('message')}")
    if left := [killing.shard for killing in killings if not killing.is_done]:
        raise SystemExit(f"{name}: shards {left} ended before they were killed")
    requests = Counter(kind_of(request) for request in seen_requests(user))
    return Course(
        job=job,
        pods={phase: user.pods(job_id, phase) for phase in PHASES},
        largest=largest,
        records=sizes_of_records(user, job_id),
        requests=requests,
        killed=killed,
    )


def running_pod(user: User, job_id: str, killing: Killing, status: Json) -> Json | None:
    """The pod of a shard that has come to where it is to be killed."""
    for shard in status.get("shards", []):
        frames = shard.get("frames", {})
        if shard["index"] != killing.shard or frames.get("done", 0) < killing.part * frames.get("total", 1):
            continue
        for pod in user.pods(job_id, "augment"):
            index = pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"]
            if index == str(killing.shard) and pod["status"]["phase"] == "Running":
                return pod
    return None


def kill(user: User, faults: Faults, pod: Json, killing: Killing, *, by_deletion: bool) -> str:
    """Kill a shard; gives what was done, in words."""
    how = "deleted without grace"
    # The pods of an Indexed Job have a host name other than their own.
    if by_deletion or not faults.kill_worker_of(pod["spec"]["hostname"]):
        user.kill(user.namespace, pod["metadata"]["name"])
    else:
        how = "worker killed by SIGKILL"
    return f"shard {killing.shard} after {killing.part:.0%} of its frames: {how}"


def forget_requests(user: User) -> None:
    """Empty the hub's log of requests."""
    headers = {"Authorization": f"Bearer {user.access.hub_token}"}
    request = urllib.request.Request(f"{user.access.hub_endpoint}/_log", method="DELETE", headers=headers)
    urllib.request.urlopen(request, timeout=30).close()


def seen_requests(user: User) -> list[Json]:
    """Requests to the hub since then, 10,000 at most."""
    return requests_seen(user.access.hub_endpoint, user.access.hub_token)


def kind_of(request: Json) -> str:
    """A request to the hub in few words: what it asks for, without names."""
    path = re.sub(r"/(demo/[^/]+|[0-9a-f]{40,64})(?=/|$)", "", str(request["path"]))
    words = [word for word in path.removeprefix("/api").split("/") if word]
    return " ".join([str(request["method"]), *words[:3]])


def sizes_of_records(user: User, job_id: str) -> list[int]:
    """Bytes of the data of each ConfigMap of a job, the largest first."""
    selector = f"augmentation.dev/job-uid={job_id}"
    listing = json.loads(user.kubectl.run("get", "configmaps", "-n", user.namespace, "-l", selector, "-o", "json"))
    return sorted((sum(map(len, each.get("data", {}).values())) for each in listing["items"]), reverse=True)


def digests(folder: Path, job_id: str) -> dict[str, str]:
    """SHA-256 of each file of a result, in which the id of its job, which it names once, stands as JOB."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".cache" not in path.relative_to(folder).parts:
            content = path.read_bytes()
            if path.name == "augmentation.json":
                content = content.replace(job_id.encode(), b"JOB", 1)
            found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    return found


def print_course(courses: Mapping[str, Course], console: Console) -> None:
    """What was measured, a column per job."""
    table = Table("", *courses)
    for what in next(iter(courses.values())).parts():
        table.add_row(what, *(f"{course.parts()[what]:.0f} s" for course in courses.values()))
    table.add_row("wall time", *(f"{course.seconds:.0f} s" for course in courses.values()))
    for course in courses.values():
        assert abs(sum(course.parts().values()) - course.seconds) < 1
    phases = {name: course.phase("augment") for name, course in courses.items()}
    shares = [
        (moment(phases[name]["completedAt"]) - moment(phases[name]["startedAt"])) / course.seconds
        for name, course in courses.items()
    ]
    table.add_row("share of the augment phase", *(f"{share:.3f}" for share in shares))
    work = [(ended - began) / course.seconds for course in courses.values() for began, ended in [course.at_work()]]
    table.add_row("share of shards at work", *(f"{share:.3f}" for share in work))
    statuses = [course.job["status"] for course in courses.values()]
    table.add_row("frames made", *(str(status["progress"]["frames"]["done"]) for status in statuses))
    table.add_row("restarted pods", *(str(status.get("retryCount", 0)) for status in statuses))
    table.add_row("largest resource", *(f"{course.largest / 1024:.1f} KiB" for course in courses.values()))
    table.add_row(
        "records (ConfigMaps)",
        *(f"{sum(each.records) / 1024:.1f} KiB, largest {each.records[0] / 1024:.1f}" for each in courses.values()),
    )
    table.add_row("requests to the hub", *(str(course.requests.total()) for course in courses.values()))
    for kind in sorted(set().union(*(course.requests for course in courses.values()))):
        table.add_row(f"  {kind}", *(str(course.requests[kind]) for course in courses.values()))
    console.print(table)
    for course in courses.values():
        for event in course.events("augment", "resumed"):
            console.print(f"  {event['message']}", highlight=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="of what is killed")
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=RUNS)
    asked = parser.parse_args()
    # The local hub speaks plain LFS, and the library was imported before devcluster.demo could say so.
    constants.HF_HUB_DISABLE_XET = True
    disable_progress_bars()
    console = Console(width=120)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    installation = install(settings.from_environment())
    access = open_access(installation, "benchmark")
    api = HfApi(endpoint=access.hub_endpoint, token=access.hub_token)
    chance = random.Random(asked.seed)
    user = User(installation.kubectl, access, api, OUTPUT)
    try:
        return compare(user, asked, chance, console)
    finally:
        user.leave()


def compare(user: User, asked: argparse.Namespace, chance: random.Random, console: Console) -> int:
    """Run the jobs and compare their results."""
    source = upload(user, asked.episodes)
    spec = {
        "source": {"hub": {"repoID": source}},
        "augmentation": {"transforms": ["lighting", "noise"], "copies": asked.copies, "seed": 7},
        "parallelism": asked.shards,
    }
    chosen = [Killing(shard, chance.uniform(0.1, 0.9)) for shard in chance.sample(range(asked.shards), 2)]
    have_images(user, source)
    console.print(f"{asked.episodes} episodes, {asked.copies} copies, {asked.shards} shards; seed {asked.seed}")
    courses: dict[str, Course] = {}
    for name in asked.runs:
        unique = user.new_dataset_id(name).removeprefix("demo/")
        courses[name] = run(
            user, unique, spec, chosen if name == "killed" else (), Faults(user.kubectl, chance), console
        )
        job = courses[name].job
        job_id, dataset = job["metadata"]["uid"], job["status"]["output"]["datasetID"]
        files = digests(user.download(dataset), job_id)
        (OUTPUT / f"{name}.json").write_text(json.dumps(files, indent=1) + "\n")
        user.delete(job_id)
    print_course(courses, console)
    return compare_files(console)


def compare_files(console: Console) -> int:
    """Compare the newest results of both; 1 if they differ."""
    if not all((OUTPUT / f"{name}.json").exists() for name in RUNS):
        console.print("there is one result so far: nothing is compared")
        return 0
    one, other = (json.loads((OUTPUT / f"{name}.json").read_text()) for name in RUNS)
    different = sorted(path for path in {*one, *other} if one.get(path) != other.get(path))
    console.print(f"{len(one)} files undisturbed, {len(other)} killed; {len(different)} differ")
    for path in different:
        console.print(f"  {path}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
