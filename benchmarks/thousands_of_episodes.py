"""A job of thousands of short episodes on the real cluster: undisturbed, and with two shards killed at random.

The product is installed as the demo installs it. A generated dataset (episodes of 10 to 20 frames of 64x48, two
cameras) goes to the local hub and is augmented twice: one job is left alone; of the other, two shards are chosen, and
for each the part of its work after which its pod is killed, the first by SIGKILL of the worker, the second by deletion
without grace. Then every file of both results is compared, byte for byte. A job of one episode comes first, so that
the images are there.

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
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.cluster_job import JobTimes, have_images, open_user, record_sizes, upload
from benchmarks.generated_datasets import make_short_episodes
from devcluster import settings
from devcluster.localhub.hub_process import requests_seen
from tests.e2e.faults import Faults
from tests.e2e.user import FINAL, Json, User

OUTPUT = settings.CHECKOUT / "build" / "thousands-of-episodes"
RUNS = ("undisturbed", "killed")
POLL_SECONDS = 1.0
STALLED_SECONDS = 300.0


@dataclass
class Killing:
    """A shard that is to be killed, once it has done a part of its frames."""

    shard: int
    part: float
    is_done: bool = False


@dataclass(frozen=True)
class Course:
    """What was seen of one job.

    Attributes:
        times: when what happened.
        largest: bytes of the resource at its largest, as the API server keeps it.
        records: bytes of each shard's ConfigMap.
        requests: to the hub, by kind.
        killed: what was killed, in words.
    """

    times: JobTimes
    largest: int
    records: list[int]
    requests: Counter[str]
    killed: Sequence[str]


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
    return Course(JobTimes.of(user, job), largest, record_sizes(user, job_id), requests, killed)


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
    times = {name: course.times for name, course in courses.items()}
    for what in next(iter(times.values())).intervals():
        table.add_row(what, *(f"{each.intervals()[what]:.0f} s" for each in times.values()))
    table.add_row("wall time", *(f"{each.seconds:.0f} s" for each in times.values()))
    for each in times.values():
        assert abs(sum(each.intervals().values()) - each.seconds) < 1
    table.add_row("share of the augment phase", *(f"{each.share_of_augment():.3f}" for each in times.values()))
    table.add_row("share of shards at work", *(f"{each.share_at_work():.3f}" for each in times.values()))
    statuses = [each.job["status"] for each in times.values()]
    table.add_row("frames made", *(str(status["progress"]["frames"]["done"]) for status in statuses))
    table.add_row("restarted pods", *(str(status.get("retryCount", 0)) for status in statuses))
    table.add_row("largest resource", *(f"{course.largest / 1024:.1f} KiB" for course in courses.values()))
    table.add_row(
        "records (ConfigMaps)",
        *(
            f"{sum(course.records) / 1024:.1f} KiB, largest {course.records[0] / 1024:.1f}"
            for course in courses.values()
        ),
    )
    table.add_row("requests to the hub", *(str(course.requests.total()) for course in courses.values()))
    for kind in sorted(set().union(*(course.requests for course in courses.values()))):
        table.add_row(f"  {kind}", *(str(course.requests[kind]) for course in courses.values()))
    console.print(table)
    for each in times.values():
        for event in each.events("augment", "resumed"):
            console.print(f"  {event['message']}", highlight=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="of what is killed")
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=RUNS)
    asked = parser.parse_args()
    console = Console(width=120)
    with open_user(OUTPUT) as user:
        return compare(user, asked, random.Random(asked.seed), console)


def compare(user: User, asked: argparse.Namespace, chance: random.Random, console: Console) -> int:
    """Run the jobs and compare their results."""
    source = f"demo/episodes-{asked.episodes}"
    folder = OUTPUT / f"source-{asked.episodes}"
    upload(user, source, folder, lambda new: make_short_episodes(new, asked.episodes))
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
        job = courses[name].times.job
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
