"""A gateway under floods: how much memory it takes, whom it refuses, and how long others wait meanwhile.

A real etcd, kube-apiserver and gateway process with the chart's defaults, 10,000 keys and as many jobs as is said. Each
flood (gateway_attacks.py) comes from processes of its own with the lowest priority, on loopback, for a few seconds; a
well-behaved client next to it reads a status over a connection that it keeps, over a new one, and a page of a list, and
probes liveness as a kubelet does. Ends with 1 where memory goes beyond the limit of the pod, where the slowest
hundredth of the client's requests takes longer than a quarter of a second (in a storm: a second) or fails, or where the
gateway ended. Run it from the root:

    python -m benchmarks.attack_gateway --jobs 10000
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from augmentation_gateway.credentials.keys import digest_of
from augmentation_kube import Resource, connect
from benchmarks.gateway_attacks import ATTACKS
from benchmarks.gateway_reads import fill, set_status, status
from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import RIGHTS, GatewayProcess

MEMORY_MIB = 512
"""The limit of the gateway's pod, in the chart."""
SLOWEST_SECONDS = 0.25
CLIENT = "well-behaved"
PAUSE_SECONDS = 0.02
CALM = "nothing else"
STORMS = dict.fromkeys(("reconnecting", "pipelining", "unread answers"), 1.0)
"""Seconds instead, where valid keys ask for all the processor there is at the same moment, again and again: whoever
comes then waits behind them in the kernel's one queue of connections, or for a turn behind each of their keys."""
SLOW = ("slow headers", "idle sockets")
SLOW_SECONDS = 14.0
"""For those that the gateway ends after ten."""
BUSY_SECONDS = 0.1
"""Where the client alone has a slowest hundredth above this, the machine does other things, and times say nothing."""


@dataclass(frozen=True)
class Seen:
    """What came of a flood.

    Attributes:
        name: of it.
        answers: that the attackers got, by status.
        peak_mib: most memory that the gateway took meanwhile.
        seconds: that each request of the well-behaved client took.
        failed: how many of its requests were not answered as they should be.
        attacker_code: exit code of the attackers' process; another than 0 says that there was no flood.
    """

    name: str
    answers: Counter[str]
    peak_mib: float
    seconds: Sequence[float]
    failed: Sequence[str]
    attacker_code: int

    def percentile(self, percent: int) -> float:
        """Of the client's times."""
        return statistics.quantiles(self.seconds, n=100)[percent - 1]

    def problems(self, *, latency: bool) -> list[str]:
        """What is not as it should be, in words."""
        # As slow as can be: of a hundred there may be one.
        failed = 100 * len(self.failed) > len(self.seconds)
        found = [f"{len(self.failed)} requests of the client failed: {self.failed[0]}"] if failed else []
        if self.attacker_code:
            found.append(f"the attackers ended with {self.attacker_code}: there was no flood")
        if self.peak_mib > MEMORY_MIB:
            found.append(f"{self.peak_mib:.0f} MiB of memory")
        if latency and self.percentile(99) > STORMS.get(self.name, SLOWEST_SECONDS):
            found.append(f"p99 {1000 * self.percentile(99):.0f} ms")
        return found


class Attacked:
    """A gateway that is ready to be attacked, before an API server with jobs."""

    def __init__(self, plane: ControlPlane, folder: Path, *, keys: int, jobs: int) -> None:
        self._folder = folder
        self._secrets = [f"aug_{number:032}" for number in range(keys)]
        entries = [
            {
                "id": CLIENT if number == 0 else f"key-{number}",
                "sha256": digest_of(secret),
                "principal": {"type": "service", "id": "x"},
                "namespace": "robots",
                "projects": ["*"],
                **({"requests_per_second": 0} if number == 0 else {}),
            }
            for number, secret in enumerate(self._secrets)
        ]
        self._hub_port = _free_port()
        self.gateway = GatewayProcess(folder, plane.kubeconfig_of("gateway"), limited=True)
        self.gateway.keys_file.write_text(json.dumps({"keys": entries}))
        self.uid, self.uid_with_picture = asyncio.run(self._fill(plane, jobs))

    async def _fill(self, plane: ControlPlane, jobs: int) -> tuple[str, str]:
        hub = {"endpoint": f"http://127.0.0.1:{self._hub_port}"}
        async with connect(str(plane.kubeconfig)) as api:
            body = {"metadata": {"name": "attacked"}, "spec": {"type": "deterministic", "default": True, "hub": hub}}
            identity = {"apiVersion": "augmentation.dev/v1alpha1"}
            image = {"image": "registry.example/worker:1"}
            body = {**identity, "kind": "AugmentationClass", **body, "spec": {**body["spec"], **image}}  # type: ignore[dict-item]
            await api.create(Resource.AUGMENTATION_CLASSES, body)
            spec = {"className": "attacked", "source": {"hub": {"repoID": "lerobot/pusht"}}}
            job = {**identity, "kind": "AugmentationJob", "metadata": {"name": "published"}, "spec": spec}
            published = await api.create(Resource.AUGMENTATION_JOBS, job, "robots")
            output = {"datasetID": "demo/result", "revision": "abc", "url": "https://hub.example/datasets/demo/result"}
            await api.merge_patch(
                Resource.AUGMENTATION_JOBS,
                "published",
                {"status": {"state": "completed", "class": "attacked", "className": "attacked", "output": output}},
                namespace="robots",
                subresource="status",
            )
        uid = await fill(plane, jobs)
        await set_status(plane, {**status(20), "source": {"episodes": 40_000_000}})
        return uid, str(published["metadata"]["uid"])

    def attack(self, name: str, *, seconds: float, scale: float = 1.0) -> Seen:
        """One flood with the well-behaved client."""
        seconds = max(seconds, SLOW_SECONDS) if name in SLOW and scale == 1 else seconds
        _reset_peak(self.gateway.process_id)
        plan = {
            "port": int(self.gateway.url.rpartition(":")[2]),
            "keys": self._secrets[1:],
            "uid": self.uid,
            "uid_with_picture": self.uid_with_picture,
            "hub_port": self._hub_port,
            "seconds": seconds,
            "scale": scale,
        }
        (self._folder / "plan.json").write_text(json.dumps(plan))
        command = [sys.executable, "-m", "benchmarks.gateway_attacks", name, str(self._folder / "plan.json")]
        if name == CALM:
            command = ["sleep", str(seconds)]
        # What asyncio says of connections that it lost is no news here.
        attacker = subprocess.Popen(
            ["nice", "-n", "19", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        times, failed = self._behave(lambda: attacker.poll() is not None, seconds + 30)
        printed, _ = attacker.communicate()
        answers = Counter(json.loads(printed or "{}"))
        return Seen(name, answers, _peak_mib(self.gateway.process_id), times, failed, attacker.returncode)

    def _behave(self, over: Callable[[], bool], most_seconds: float) -> tuple[list[float], list[str]]:
        headers, until = {"x-api-key": self._secrets[0]}, time.monotonic() + most_seconds
        times: list[float] = []
        failed: list[str] = []
        paths = (
            f"/v1/augmentation/{self.uid}",
            f"/v1/augmentation/{self.uid}",
            "/healthz",
            "/v1/augmentation?limit=10",
        )
        kept = httpx.Client(base_url=self.gateway.url, headers=headers, timeout=30, trust_env=False)
        number = 0
        while (not over() or number < 8) and time.monotonic() < until:
            path, number = paths[number % len(paths)], number + 1
            began = time.perf_counter()
            try:
                if number % len(paths) == 2:
                    answer = httpx.get(f"{self.gateway.url}{path}", headers=headers, timeout=30, trust_env=False)
                else:
                    answer = kept.get(path)
                if answer.status_code != 200:
                    failed.append(f"{path}: {answer.status_code} {answer.text[:100]}")
            except httpx.TransportError as error:
                failed.append(f"{path}: {error!r}")
            times.append(time.perf_counter() - began)
            time.sleep(PAUSE_SECONDS)
        kept.close()
        return times, failed


def _peak_mib(process: int) -> float:
    (line,) = (line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _reset_peak(process: int) -> None:
    Path(f"/proc/{process}/clear_refs").write_text("5")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def report(seen: Seen, problems: Sequence[str]) -> str:
    """One line."""
    answers = ", ".join(f"{count} {status}" for status, count in seen.answers.most_common(5)) or "-"
    client = f"client p50 {1000 * seen.percentile(50):6.1f} ms   "
    return (
        f"{seen.name:<16} peak {seen.peak_mib:4.0f} MiB   {client}"
        f"p99 {1000 * seen.percentile(99):6.1f} ms of {len(seen.seconds):4}   "
        f"{'; '.join(problems) or 'fine':<8}   {answers}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Floods a gateway, on loopback.")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--only", choices=list(ATTACKS), action="append")
    options = parser.parse_args()
    print(
        f"{len(os.sched_getaffinity(0))} cores, {options.jobs} jobs, {options.keys} keys, {options.seconds:g} s each; "
        f"the attackers' processes have the lowest priority (nice 19)",
        flush=True,
    )
    wrong = 0
    with tempfile.TemporaryDirectory() as name, ControlPlane(Path(name)) as plane:
        plane.kubectl("apply", "--server-side", "-f", "-", manifest=RIGHTS)
        attacked = Attacked(plane, Path(name), keys=options.keys, jobs=options.jobs)
        attacked.gateway.start()
        try:
            attacked.gateway.await_ready()
            process = attacked.gateway.process_id
            latency = True
            for each in (CALM, *(options.only or ATTACKS)):
                seen = attacked.attack(each, seconds=options.seconds)
                if each == CALM and seen.percentile(99) > BUSY_SECONDS:
                    latency = False
                    print("this machine is busy with other things: times are shown and not judged", flush=True)
                problems = seen.problems(latency=latency)
                wrong += bool(problems)
                print(report(seen, problems), flush=True)
            assert attacked.gateway.process_id == process
        finally:
            code = attacked.gateway.stop()
    if code != 0:
        print(f"the gateway ended with {code}")
    return 1 if wrong or code else 0


if __name__ == "__main__":
    sys.exit(main())
