"""How fast the gateway answers reads, against the API server it stands before, in one run on one machine.

A real etcd and kube-apiserver, and a real gateway process with keys and metrics on, are started here:

- GET of one job's status in each dialect, against GET of the same resource at kube-apiserver: requests a second and
  latencies, as wrk sees them with the same number of connections, and the time on a processor that a request took in
  the process that answered it. They take turns; medians of the rounds count. On a machine that does other things as
  well, only the time on a processor means something: whoever gets the processor answers.
- a page of a list among many jobs: its median time.
- many open event streams of one job: whether each got each event, and what memory the gateway took.

Ratios mean more than rates. Needs wrk. Run it from the root:

    python -m benchmarks.gateway_reads --jobs 10000 --streams 1000
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from augmentation_gateway.views.job_id import batch_id
from augmentation_kube import Resource, connect
from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import PROJECT_ID, RIGHTS, GatewayProcess

AT = "2026-11-20T10:00:00Z"
EVENTS = 10


def status(events: int, state: str = "running") -> dict[str, Any]:
    """A status as a job has it in its middle: about 4 KB."""
    return {
        "state": state,
        "currentPhase": "augment",
        "conditions": [
            {"type": kind, "status": "True", "reason": "Running", "message": "all is well", "lastTransitionTime": AT}
            for kind in ("Accepted", "Placed")
        ],
        "phases": [
            {
                "name": name,
                "status": "completed",
                "startedAt": AT,
                "completedAt": AT,
                "events": [
                    {"id": f"{name}-{number}", "status": "progress", "message": f"episode {number}", "timestamp": AT}
                    for number in range(events)
                ],
            }
            for name in ("resolve", "augment")
        ],
        "progress": {"percent": 40, "episodes": {"total": 100, "done": 40}},
        "createdAt": AT,
    }


def wrk(url: str, header: str, seconds: int, connections: int) -> tuple[float, float, float]:
    """Requests a second, and latencies in milliseconds at the median and at 99 %. Fails where an answer is no 200."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", header, url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"{url} was not answered as it should be:\n{text}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    found = dict(re.findall(r"(50|99)%\s+([\d.]+(?:us|ms|s))", text))
    assert rate is not None
    return float(rate[1]), _milliseconds(found["50"]), _milliseconds(found["99"])


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def reads(plane: ControlPlane, gateway: GatewayProcess, uid: str, options: argparse.Namespace) -> None:
    key = f"x-api-key: {gateway.keys['full']}"
    urls = {
        "kube-apiserver": (
            f"{plane.url}/apis/augmentation.dev/v1alpha1/namespaces/robots/augmentationjobs/measured",
            f"Authorization: Bearer {plane.token}",
        ),
        "gateway, native": (f"{gateway.url}/v1/augmentation/{uid}", key),
        "gateway, genai": (f"{gateway.url}/api/v2/genai/status/{uid}/", key),
        "gateway, jobs": (f"{gateway.url}/jobs/{uid}", key),
        "gateway, batch": (f"{gateway.url}/v0.5/batch/jobs/{batch_id(uid)}", key),
    }
    measured: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in urls}
    for _ in range(options.rounds):
        for name, (url, header) in urls.items():
            process = plane.process_id if name == "kube-apiserver" else gateway.process_id
            before = processor_seconds(process)
            rate, median, slowest = wrk(url, header, options.seconds, options.connections)
            spent = processor_seconds(process) - before
            measured[name].append((rate, median, slowest, 1e6 * spent / (rate * options.seconds)))
    print(f"\nGET of a status, {options.connections} connections, median of {options.rounds} rounds")
    results = {
        name: [statistics.median(values) for values in zip(*found, strict=True)] for name, found in measured.items()
    }
    base_rate, _, _, base_cost = results["kube-apiserver"]
    for name, (rate, median, slowest, cost) in results.items():
        print(
            f"  {name:<16}{rate:8.0f}/s {rate / base_rate:6.1f} x   p50 {median:7.2f} ms   p99 {slowest:7.2f} ms   "
            f"processor {cost:5.0f} us a request, 1/{base_cost / cost:.1f}"
        )


def processor_seconds(process: int) -> float:
    """What a process has spent on processors, in all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pages(gateway: GatewayProcess, jobs: int) -> None:
    with gateway.client() as http:
        deadline = time.monotonic() + 300
        while http.get("/v1/augmentation", params={"limit": 1}).json()["total"] < jobs:
            if time.monotonic() > deadline:
                raise SystemExit("the gateway has not seen all jobs")
            time.sleep(1)
        print(f"\nA page of 50 of {jobs} jobs, milliseconds over HTTP")
        for name, query in {
            "newest first": {},
            "one state, by name": {"status": "queued", "sort": "name"},
            "by a part of the name": {"name": "77"},
        }.items():
            times = []
            for _ in range(30):
                began = time.perf_counter()
                http.get("/v1/augmentation", params=query).raise_for_status()
                times.append(1000 * (time.perf_counter() - began))
            print(f"  {name:<24} median {statistics.median(times):6.1f}   slowest {max(times):6.1f}")


async def streams(plane: ControlPlane, gateway: GatewayProcess, uid: str, count: int) -> None:
    before = resident(gateway)
    url, headers = f"{gateway.url}/v1/augmentation/{uid}/events", {"x-api-key": gateway.keys["full"]}
    begun = asyncio.Semaphore(0)

    async def listen(http: httpx.AsyncClient) -> list[str]:
        got: list[str] = []
        async with http.stream("GET", url) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    data = json.loads(line[6:])
                    got.append(data.get("id") or data["status"])
                    if len(got) == 1 + 2 * EVENTS:
                        begun.release()
        return got

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=300, trust_env=False) as http:
        listening = [asyncio.create_task(listen(http)) for _ in range(count)]
        for _ in range(count):
            await begun.acquire()
        held = resident(gateway)
        await set_status(plane, status(EVENTS + 5))
        await set_status(plane, status(EVENTS + 10, "completed"))
        got = await asyncio.gather(*listening)
    expected = {f"{phase}-{number}" for phase in ("resolve", "augment") for number in range(EVENTS + 10)}
    whole = sum(expected <= set(each) and len(set(each)) + 1 >= len(expected) for each in got)
    repeated = sum(len(each) - len(set(each)) for each in ([e for e in g if "-" in e] for g in got))
    print(f"\n{count} event streams of one job")
    print(f"  streams that got every event {whole}, events that came twice {repeated}")
    print(f"  memory of the gateway {before:.0f} MiB before, {held:.0f} MiB with them, {resident(gateway):.0f} after")


def resident(gateway: GatewayProcess) -> float:
    text = Path(f"/proc/{gateway.process_id}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1]) / 1024


async def set_status(plane: ControlPlane, wanted: dict[str, Any]) -> None:
    async with connect(str(plane.kubeconfig)) as api:
        await api.merge_patch(
            Resource.AUGMENTATION_JOBS, "measured", {"status": wanted}, namespace="robots", subresource="status"
        )


async def fill(plane: ControlPlane, jobs: int) -> str:
    """Create the job that is measured, and others. Returns the uid of the first."""
    async with connect(str(plane.kubeconfig)) as api:
        together = asyncio.Semaphore(32)

        async def make(name: str) -> dict[str, Any]:
            body = {
                "apiVersion": "augmentation.dev/v1alpha1",
                "kind": "AugmentationJob",
                "metadata": {"name": name},
                "spec": {"projectID": PROJECT_ID, "source": {"hub": {"repoID": "lerobot/pusht"}}},
            }
            async with together:
                return await api.create(Resource.AUGMENTATION_JOBS, body, "robots")

        measured = await make("measured")
        await asyncio.gather(*(make(f"other-{number}") for number in range(jobs - 1)))
    return str(measured["metadata"]["uid"])


def main() -> None:
    parser = argparse.ArgumentParser(description="Times the gateway's reads.")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is needed: apt-get install wrk, or brew install wrk")
    print(f"{len(os.sched_getaffinity(0))} cores, Python {sys.version.split()[0]}, one gateway process")
    with tempfile.TemporaryDirectory() as name, ControlPlane(Path(name)) as plane:
        plane.kubectl("apply", "--server-side", "-f", "-", manifest=RIGHTS)
        gateway = GatewayProcess(Path(name), plane.kubeconfig_of("gateway"))
        for number in range(20):
            gateway.create_key("full" if number == 0 else f"key-{number}", "--namespace", "robots")
        gateway.start()
        try:
            gateway.await_ready()
            uid = asyncio.run(fill(plane, options.jobs))
            asyncio.run(set_status(plane, status(EVENTS)))
            pages(gateway, options.jobs)
            reads(plane, gateway, uid, options)
            asyncio.run(streams(plane, gateway, uid, options.streams))
        finally:
            gateway.stop()


if __name__ == "__main__":
    main()
