"""Ways into a cluster that maps no ports to this machine: `kubectl port-forward` processes that outlive the demo."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from devcluster.demo.kubectl import Kubectl
from devcluster.errors import DevclusterError

_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Forwarder:
    """A running `kubectl port-forward`, as it is recorded."""

    pid: int
    port: int

    @property
    def lives(self) -> bool:
        """Whether the process is still there and still that forwarder, not another that got its number."""
        listing = subprocess.run(
            ["ps", "-o", "args=", "-p", str(self.pid)], capture_output=True, text=True, check=False
        )
        return "port-forward" in listing.stdout

    @property
    def answers(self) -> bool:
        """Whether the service behind it says that it is well."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


def forward(kubectl: Kubectl, namespace: str, service: str, preferred_port: int, port: int, folder: Path) -> int:
    """See to it that a port of 127.0.0.1 leads to a Service, and say which: the preferred one, or a free one.

    Raises DevclusterError when it does not answer in time; its log is in `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recorded = _recorded(folder, service)
    if recorded and recorded.lives and recorded.answers:
        return recorded.port
    stop_forwarding(folder, service)
    local_port = _free_port(preferred_port)
    log = folder / f"forward-{service}.log"
    command = [
        kubectl.kubectl, "port-forward", "--namespace", namespace, f"service/{service}", f"{local_port}:{port}",
        "--address", "127.0.0.1",
    ]  # fmt: skip
    with log.open("w") as sink:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, "KUBECONFIG": str(kubectl.kubeconfig)},
            start_new_session=True,
        )
    started = Forwarder(process.pid, local_port)
    _record_file(folder, service).write_text(json.dumps(asdict(started)))
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while not started.answers:
        if time.monotonic() > deadline or process.poll() is not None:
            raise DevclusterError(f"127.0.0.1:{local_port} could not be made to lead to {service}: see {log}.")
        time.sleep(0.2)
    return local_port


def stop_forwarding(folder: Path, service: str) -> None:
    """End a forwarder of ours, if there is one."""
    recorded = _recorded(folder, service)
    if recorded and recorded.lives:
        with contextlib.suppress(ProcessLookupError):
            os.kill(recorded.pid, signal.SIGTERM)
    _record_file(folder, service).unlink(missing_ok=True)


def _record_file(folder: Path, service: str) -> Path:
    return folder / f"forward-{service}.json"


def _recorded(folder: Path, service: str) -> Forwarder | None:
    try:
        return Forwarder(**json.loads(_record_file(folder, service).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _free_port(preferred: int) -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
