"""Throughput of the operator, from creation to completion of jobs, compared with JobSet's controller in one run.

Each stands before the same programs: a real API server, Job controller, garbage collector and scheduler, with kwok's
nodes (scale_cluster.py); one after the other, in a new cluster, so that neither works among what the other has left.
Each gets the same number of jobs at once: AugmentationJobs of one shard, and JobSets with one Job per phase of an
AugmentationJob that has a pod, each depending on the one before. A stand-in writes our workers' reports
(stand_in_workers.py).

Of each: jobs a second from the first creation to the last completion, reconciles, calls of the API a job, memory and
time on a processor; how long one job on the idle cluster waits for its first pod; and of the operator what it takes
when all jobs have ended. Ratios mean more than rates: API server and controllers share this machine's cores.

    python -m benchmarks.operator_scale --jobs 10000
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from augmentation_api import PhaseName
from augmentation_kube import Resource, connect
from benchmarks.contenders import Contender, JobSet, Ours, memory, processor_seconds
from benchmarks.scale_cluster import NAMESPACE, scale_cluster
from benchmarks.stand_in_workers import REPORTS
from devcluster.tools import tool_path
from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import Cluster, path_of

CREATORS = 8
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "helm", "kwok")
QUIET_SECONDS = 10.0
STALLED_SECONDS = 300.0


@dataclass(frozen=True)
class Course:
    """What was measured of one contender."""

    jobs: int
    seconds: float
    first_pod: list[float]
    reconcile: tuple[float, float]
    calls: dict[tuple[str, ...], float]
    processor: float
    memory: tuple[float, float]

    @property
    def rate(self) -> float:
        return self.jobs / self.seconds

    @property
    def calls_a_job(self) -> float:
        return sum(self.calls.values())


def measure(plane: ControlPlane, contender: Contender, jobs: int, alone: int) -> Course:
    """Start a contender and give it its jobs: a first one, `alone` jobs one after another, and `jobs` at once."""
    cluster = Cluster(plane)
    contender.start()
    time_to_first_pod(cluster, contender, "first")
    await_complete(contender, 1, "a first job, which is not counted")
    first_pod = [time_to_first_pod(cluster, contender, f"alone-{number}") for number in range(alone)]
    await_complete(contender, 1 + alone, "jobs alone")
    time.sleep(QUIET_SECONDS)
    before, spent = contender.metrics(), processor_seconds(contender.process_id)
    began = time.monotonic()
    asyncio.run(create(plane, contender, jobs))
    await_complete(contender, 1 + alone + jobs, f"{jobs} jobs")
    # JobSet counts some twice, so the jobs themselves have the last word.
    while unfinished := sum(not contender.is_complete(body) for body in everything(cluster, contender)):
        if time.monotonic() - began > STALLED_SECONDS + jobs:
            raise SystemExit(f"{contender.name} says that all jobs are complete, and {unfinished} are not")
        time.sleep(1)
    seconds = time.monotonic() - began
    spent = processor_seconds(contender.process_id) - spent
    after = contender.metrics()
    calls = contender.calls(after) - contender.calls(before)
    return Course(
        jobs=jobs,
        seconds=seconds,
        first_pod=first_pod,
        reconcile=(contender.reconciles(after, 0.5), contender.reconciles(after, 0.99)),
        calls={key: count / jobs for key, count in calls.most_common()},
        processor=spent,
        memory=memory(contender.process_id),
    )


def time_to_first_pod(cluster: Cluster, contender: Contender, name: str) -> float:
    """Seconds from the request for one job to the moment its first pod is seen in a watch."""
    version = cluster.get(path_of("pods", NAMESPACE), limit="1")["metadata"]["resourceVersion"]
    query = {"watch": "true", "resourceVersion": version, "labelSelector": f"{contender.job_label}={name}"}
    with cluster.http.stream("GET", path_of("pods", NAMESPACE), params=query) as answer:
        began = time.monotonic()
        cluster.post(contender.collection, contender.manifest(name))
        next(answer.iter_lines())
        return time.monotonic() - began


async def create(plane: ControlPlane, contender: Contender, jobs: int) -> None:
    numbers = iter(range(jobs))
    headers = {"Authorization": f"Bearer {plane.token}"}
    async with httpx.AsyncClient(
        base_url=plane.url, headers=headers, verify=False, trust_env=False, timeout=60
    ) as http:

        async def some() -> None:
            for number in numbers:
                answer = await http.post(contender.collection, json=contender.manifest(f"job-{number}"))
                answer.raise_for_status()

        await asyncio.gather(*(some() for _ in range(CREATORS)))


def await_complete(contender: Contender, jobs: int, what: str) -> None:
    """Wait until a number of jobs of a contender are complete; fails if nothing changes for long."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"{contender.name}, {what}", total=jobs)
        done, moved = 0, time.monotonic()
        while done < jobs:
            # Seldom for many jobs: JobSet answers with a line a job, and whoever asks takes time from whoever works.
            time.sleep(min(3.0, 0.2 + jobs / 2000))
            now = contender.completed(contender.metrics())
            if now != done:
                done, moved = now, time.monotonic()
                bar.update(task, completed=done)
            # Of jobs that were made at once all are begun before the first is complete.
            elif (still := time.monotonic() - moved) > STALLED_SECONDS + jobs / 4:
                raise SystemExit(f"{contender.name}: {done} of {jobs} jobs, and nothing for {still:.0f} s")


def everything(cluster: Cluster, contender: Contender) -> list[dict[str, Any]]:
    """All jobs of a contender as the API server has them."""
    found: list[dict[str, Any]] = []
    query = {"limit": "500"}
    while True:
        answer = cluster.get(contender.collection, **query)
        found += answer["items"]
        if not (token := answer["metadata"].get("continue")):
            return found
        query["continue"] = token


async def make_finished(plane: ControlPlane, ours: Contender, jobs: int) -> None:
    """Jobs that have ended long ago, of which nothing else is left: made as they are, no operator took them there."""
    at = "2026-01-01T00:00:00Z"
    phases = [{"name": name, "status": "completed", "startedAt": at, "completedAt": at} for name in PhaseName]
    common = {"status": "True", "message": "sample", "lastTransitionTime": at, "observedGeneration": 1}
    status = {
        "state": "completed",
        "currentPhase": "publish",
        "observedGeneration": 1,
        "message": "published lab/result: 20 episodes, 2000 frames",
        "className": "cpu",
        "shardCount": 1,
        "phases": phases,
        "conditions": [
            {"type": "Accepted", "reason": "ClassSelected", **common},
            {"type": "Placed", "reason": "Running", **common},
            {"type": "Complete", "reason": "Published", **common},
        ],
        **REPORTS["resolve"],
        **REPORTS["augment"],
        **REPORTS["publish"],
        **dict.fromkeys(("createdAt", "queuedAt", "startedAt", "completedAt"), at),
    }
    numbers = iter(range(jobs))
    async with connect(str(plane.kubeconfig)) as api:

        async def some() -> None:
            for number in numbers:
                name = f"finished-{number}"
                await api.create(Resource.AUGMENTATION_JOBS, ours.manifest(name), NAMESPACE)
                await api.merge_patch(
                    Resource.AUGMENTATION_JOBS, name, {"status": status}, namespace=NAMESPACE, subresource="status"
                )

        await asyncio.gather(*(some() for _ in range(CREATORS)))


def idle(ours: Contender, seconds: int) -> None:
    """What the operator takes when all its jobs have ended: a share of one core, and memory."""
    time.sleep(QUIET_SECONDS)
    began, spent = time.monotonic(), processor_seconds(ours.process_id)
    time.sleep(seconds)
    share = (processor_seconds(ours.process_id) - spent) / (time.monotonic() - began)
    print(f"\nIdle with all jobs finished, over {seconds} s: {100 * share:.1f} % of a core, ", end="")
    now, most = memory(ours.process_id)
    print(f"{now:.0f} MiB of memory, {most:.0f} MiB at most since it was started")


def report(courses: dict[str, Course]) -> None:
    print(f"\n{'':<26}" + "".join(f"{name:>24}" for name in courses))
    rows = {
        "jobs": [f"{course.jobs}" for course in courses.values()],
        "jobs a second": [f"{course.rate:.2f}" for course in courses.values()],
        "reconcile p50, p99 (ms)": [
            f"{1000 * course.reconcile[0]:.1f}, {1000 * course.reconcile[1]:.1f}" for course in courses.values()
        ],
        "API calls a job": [f"{course.calls_a_job:.1f}" for course in courses.values()],
        "processor (ms a job)": [f"{1000 * course.processor / course.jobs:.0f}" for course in courses.values()],
        "memory, most (MiB)": [f"{course.memory[0]:.0f}, {course.memory[1]:.0f}" for course in courses.values()],
        "first pod (ms), worst": [
            f"{1000 * statistics.median(course.first_pod):.0f}, {1000 * max(course.first_pod):.0f}"
            for course in courses.values()
        ],
    }
    for name, values in rows.items():
        print(f"{name:<26}" + "".join(f"{value:>24}" for value in values))
    rates = [course.rate for course in courses.values()]
    if len(rates) > 1:
        print(f"{'jobs a second, ratio':<26}{'':>24}{rates[1] / rates[0]:>23.2f}x")
    for name, course in courses.items():
        print(f"\nCalls of {name} a job")
        for key, count in course.calls.items():
            print(f"  {' '.join(key):<40}{count:6.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the operator against JobSet's controller.")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--alone", type=int, default=10, help="jobs one after another, before")
    parser.add_argument("--idle-seconds", type=int, default=360, help="more than one check of the watch, every 5 min")
    parser.add_argument("--without-jobset", action="store_true")
    parser.add_argument(
        "--jobset-jobs", type=int, default=10_000, help="no more for JobSet; any rate falls with the number of jobs"
    )
    parser.add_argument("--finished", type=int, help="only measure idling with this number of finished jobs")
    options = parser.parse_args()
    for program in PROGRAMS if options.without_jobset else (*PROGRAMS, "jobset"):
        tool_path(program)
    # For each Go program: an API server that is left to itself keeps twice what it needs, 14 GiB with 10,000 jobs.
    os.environ.setdefault("GOMEMLIMIT", "9GiB")
    print(f"{len(os.sched_getaffinity(0))} cores, Python {sys.version.split()[0]}", flush=True)
    if options.finished:
        with scale_cluster() as plane:
            ours = Ours(plane)
            try:
                asyncio.run(make_finished(plane, ours, options.finished))
                ours.start()
                idle(ours, options.idle_seconds)
            finally:
                ours.stop()
        return
    courses: dict[str, Course] = {}
    kinds: list[type[JobSet] | type[Ours]] = [Ours] if options.without_jobset else [JobSet, Ours]
    for kind in kinds:
        jobs = min(options.jobs, options.jobset_jobs) if kind is JobSet else options.jobs
        with scale_cluster() as plane:
            contender = kind(plane)
            try:
                courses[contender.name] = measure(plane, contender, jobs, options.alone)
                if kind is Ours and options.idle_seconds:
                    idle(contender, options.idle_seconds)
            finally:
                contender.stop()
    report(courses)


if __name__ == "__main__":
    main()
