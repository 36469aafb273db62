"""Throughput of the operator, from creation to completion of jobs, compared with JobSet's controller in one run.

Each stands before the same programs: a real API server, Job controller, garbage collector and scheduler, with kwok's
nodes (scale_cluster.py); they take turns, each time in a new cluster, so that neither works among what the other has
left. Each gets the same number of jobs at once: AugmentationJobs of one shard, and JobSets with one Job per phase of an
AugmentationJob that has a pod, each depending on the one before. A stand-in writes our workers' reports
(stand_in_workers.py). JobSet's controller runs without its webhooks, to its favour, and in the last round again with
them, as its manifests install it: our own admission is in the API server.

Of each: jobs a second from the first creation to the last completion, reconciles, memory; how long one job on the idle
cluster waits for its first pod; time on a processor of each program; and where the API server's goes: how many calls of
each kind a job takes, and what one costs (call_costs.py). Ratios mean more than rates: all share this machine's cores.

    python -m benchmarks.operator_scale                               two rounds of 100 jobs each, four minutes
    python -m benchmarks.operator_scale --rounds 1 --jobs 10000       70 minutes on two cores
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.call_costs import Call, cost_of_calls
from benchmarks.contenders import BY_WORKERS, Contender, Metrics, Ours
from benchmarks.figures import Axis, Cell, Figures, Plot, Series, Table
from benchmarks.idle_operator import idle, measure_idle
from benchmarks.jobset import InstalledJobSet, JobSet
from benchmarks.processes import memory, processor_seconds
from benchmarks.scale_cluster import NAMESPACE, scale_cluster
from devcluster.tools import tool_path
from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import Cluster, path_of

CREATORS = 8
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "helm", "kwok")
QUIET_SECONDS = 3.0
STALLED_SECONDS = 300.0
REMAINDER = "the controllers' calls for 3 Jobs and 3 pods, watches, garbage collection"
_VERBS = {"POST": "create", "PUT": "update"}


@dataclass(frozen=True)
class Course:
    """What was measured of one contender in one round.

    Attributes:
        calls: its own, a job.
        requests: all that the API server answered, a job.
        processors: seconds of each program.
        costs: milliseconds of API server and etcd for one call; empty where they were not measured.
    """

    jobs: int
    seconds: float
    first_pod: list[float]
    reconcile: tuple[float, float]
    calls: dict[Call, float]
    requests: dict[Call, float]
    processors: dict[str, float]
    memory: tuple[float, float]
    costs: dict[Call, float]

    @property
    def rate(self) -> float:
        return self.jobs / self.seconds

    @property
    def calls_a_job(self) -> float:
        return sum(self.calls.values())


def measure(plane: ControlPlane, contender: Contender, jobs: int, alone: int, *, with_costs: bool) -> Course:
    """Start a contender and give it its jobs: a first one, `alone` jobs one after another, and `jobs` at once.

    Args:
        with_costs: then stop it, and measure what its calls cost.
    """
    cluster = Cluster(plane)
    contender.start()
    time_to_first_pod(cluster, contender, "first")  # not counted
    first_pod = [time_to_first_pod(cluster, contender, f"alone-{number}") for number in range(alone)]
    await_complete(contender, 1 + alone, "first jobs")
    time.sleep(QUIET_SECONDS)
    before, requested, spent = contender.metrics(), requests_of(plane), processors(plane, contender)
    began = time.monotonic()
    asyncio.run(create(plane, contender, jobs))
    await_complete(contender, 1 + alone + jobs, f"{jobs} jobs")
    # JobSet counts some twice, so the jobs themselves have the last word.
    while unfinished := sum(not contender.is_complete(body) for body in everything(cluster, contender)):
        if time.monotonic() - began > STALLED_SECONDS + jobs:
            raise SystemExit(f"{contender.name} says that all jobs are complete, and {unfinished} are not")
        time.sleep(1)
    seconds = time.monotonic() - began
    spent = {name: value - spent[name] for name, value in processors(plane, contender).items()}
    after, requested_after = contender.metrics(), requests_of(plane)
    calls = contender.calls(after, requested_after) - contender.calls(before, requested)
    used = memory(contender.process_id)
    if with_costs:
        contender.stop()
    return Course(
        jobs=jobs,
        seconds=seconds,
        first_pod=first_pod,
        reconcile=(contender.reconciles(after, 0.5), contender.reconciles(after, 0.99)),
        calls={key: count / jobs for key, count in calls.items()},
        requests={key: count / jobs for key, count in (requested_after - requested).items()},
        processors=spent,
        memory=used,
        costs=cost_of_calls(plane, contender.samples(cluster, "first")) if with_costs else {},
    )


def requests_of(plane: ControlPlane) -> Counter[Call]:
    """How many requests of each kind the API server has answered, whoever made them."""
    url = f"{plane.url}/metrics"
    headers = {"Authorization": f"Bearer {plane.token}"}
    text = httpx.get(url, headers=headers, verify=False, trust_env=False, timeout=60).text
    lines = [line for line in text.splitlines() if line.startswith("apiserver_request_total{")]
    counted = Metrics("\n".join(["# TYPE apiserver_request_total counter", *lines, ""]))
    requests: Counter[Call] = Counter()
    for (verb, resource, part), count in counted.by(
        "apiserver_request_total", "verb", "resource", "subresource"
    ).items():
        requests[_VERBS.get(verb, verb.lower()), f"{resource}/{part}" if part else resource] += count
    return requests


def processors(plane: ControlPlane, contender: Contender) -> dict[str, float]:
    """Seconds that each program has spent on processors."""
    programs = {**plane.process_ids, **contender.process_ids}
    return {name: processor_seconds(process) for name, process in programs.items()}


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


def figures_of(courses: dict[str, list[Course]], arguments: Sequence[str], *, short: bool) -> Figures:
    """The best round of each contender, and what its calls cost."""
    best = {name: max(rounds, key=lambda course: course.rate) for name, rounds in courses.items()}
    names = list(best)
    columns = ["", *names]
    speed: list[list[Cell]] = [
        ["jobs in each of the rounds", *(f"{course.jobs} x {len(courses[name])}" for name, course in best.items())],
        ["jobs a second", *(course.rate for course in best.values())],
        ["API calls a job", *(course.calls_a_job for course in best.values())],
        ["processor, all programs, ms a job", *(sum(_processor(course).values()) for course in best.values())],
        ["reconcile p50, ms", *(1000 * course.reconcile[0] for course in best.values())],
        ["reconcile p99, ms", *(1000 * course.reconcile[1] for course in best.values())],
        ["memory at most, MiB", *(course.memory[1] for course in best.values())],
        ["first pod on the idle cluster, ms", *(1000 * statistics.median(each.first_pod) for each in best.values())],
        ["the same, worst", *(1000 * max(course.first_pod) for course in best.values())],
    ]
    programs = list(dict.fromkeys(program for course in best.values() for program in course.processors))
    layers = {program: [_processor(course).get(program) for course in best.values()] for program in programs}
    tables = [
        Table("Best round", columns, speed),
        Table("Processor time, ms a job", columns, [[program, *values] for program, values in layers.items()]),
        *(
            calls_table(name, best[name], each.costs)
            for name, rounds in courses.items()
            for each in rounds
            if each.costs
        ),
    ]
    notes = []
    if len(names) > 1:
        ours, others = best.pop(Ours.name), best
        ratios = (
            f"{ours.rate / course.rate:.2f} times as many jobs a second as {name}" for name, course in others.items()
        )
        notes.append(f"The operator makes {', and '.join(ratios)}.")
    return Figures(
        title="The operator against JobSet's controller",
        what="Jobs of one shard from creation to completion, all made at once, compared with JobSets of three Jobs, "
        "one after another, before the same API server, Job controller and scheduler, with nodes of kwok whose pods "
        "succeed after two seconds. Both are held by the processors: the API server takes most of them.",
        command=" ".join(["python -m benchmarks.operator_scale", *arguments]),
        tables=tables,
        plots=[
            Plot(
                "Processor time of each program",
                "stacked-bars",
                Axis("controller", names),
                "ms a job",
                [Series(program, values) for program, values in layers.items()],
            )
        ],
        notes=notes,
        short=short,
    )


def _processor(course: Course) -> dict[str, float]:
    return {name: 1000 * seconds / course.jobs for name, seconds in course.processors.items()}


def calls_table(name: str, course: Course, costs: Mapping[Call, float]) -> Table:
    """A contender's calls a job and what they cost, the user's and the workers' too, and the rest of the API server."""
    calls = dict(course.calls)
    for created in ("augmentationjobs", "jobsets"):
        calls |= {key: count for key, count in course.requests.items() if key == ("create", created)}
    applied = ("apply", "augmentationjobs/status")
    if applied in calls:
        calls["apply", BY_WORKERS] = course.requests[applied] - calls[applied]
    rows: list[list[Cell]] = []
    spent = 0.0
    for call, count in sorted(calls.items(), key=lambda each: -each[1] * costs.get(each[0], 0.0)):
        if count < 0.05:
            continue
        cost = costs.get(call)
        rows.append([" ".join(call), count, cost, None if cost is None else count * cost])
        spent += count * (cost or 0.0)
    whole = sum(_processor(course)[program] for program in ("kube-apiserver", "etcd"))
    rows.append([REMAINDER, None, None, whole - spent])
    rows.append(["API server and etcd, all", None, None, whole])
    return Table(f"Calls of {name}", ["call", "a job", "ms of API server and etcd each", "ms a job"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the operator against JobSet's controller.")
    parser.add_argument("--jobs", type=int, default=100, help="of each contender in each round")
    parser.add_argument("--rounds", type=int, default=2, help="in which the contenders take turns")
    parser.add_argument("--alone", type=int, default=5, help="jobs one after another, before")
    parser.add_argument("--idle-seconds", type=int, default=0, help="360: more than one check of the watch")
    parser.add_argument("--without-jobset", action="store_true")
    parser.add_argument("--short", action="store_true", help="a form for development, which no report takes")
    parser.add_argument("--finished", type=int, help="only measure idling with this number of finished jobs")
    options = parser.parse_args()
    for program in PROGRAMS if options.without_jobset else (*PROGRAMS, "jobset"):
        tool_path(program)
    # For each Go program: an API server that is left to itself keeps twice what it needs, 14 GiB with 10,000 jobs.
    os.environ.setdefault("GOMEMLIMIT", "9GiB")
    print(f"{len(os.sched_getaffinity(0))} cores, Python {sys.version.split()[0]}", flush=True)
    if options.finished:
        measure_idle(options.finished, options.idle_seconds or 360)
        return
    courses: dict[str, list[Course]] = {}
    kinds: list[type[JobSet] | type[Ours]] = [Ours] if options.without_jobset else [JobSet, Ours, InstalledJobSet]
    for number in range(1, options.rounds + 1):
        is_last = number == options.rounds
        for kind in kinds if is_last else kinds[:2]:
            with scale_cluster() as plane:
                contender = kind(plane)
                is_idle_next = is_last and kind is Ours and options.idle_seconds > 0
                with_costs = is_last and not is_idle_next and kind is not InstalledJobSet
                try:
                    course = measure(plane, contender, options.jobs, options.alone, with_costs=with_costs)
                    courses.setdefault(contender.name, []).append(course)
                    if is_idle_next:
                        idle(contender, options.idle_seconds)
                finally:
                    contender.stop()
    figures = figures_of(courses, sys.argv[1:], short=options.short)
    figures.print()
    figures.write("operator_scale")


if __name__ == "__main__":
    main()
