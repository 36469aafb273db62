"""Hubs for tests: a real server on a free port, in this process or in one that a test can kill."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from devcluster.localhub.app import create_app
from devcluster.localhub.mode import PLAIN, Mode
from devcluster.localhub.server import server_of
from devcluster.localhub.store import Store
from devcluster.localhub.tokens import Tokens

_ROOT = Path(__file__).parents[2]
_START_SECONDS = 60.0


@contextmanager
def running_hub(data_dir: Path, tokens: str, mode: Mode = PLAIN) -> Iterator[str]:
    """Serve from a thread of this process; gives the endpoint URL.

    Args:
        data_dir: where the datasets lie; made if missing, and may hold those of an earlier hub.
        tokens: `name:token:role` entries separated by commas, role `read` or `write`.
        mode: what kind of hub.
    """
    store = Store(data_dir, mode)
    server = server_of(create_app(store, Tokens.from_text(tokens), mode))
    # The protocol is named, as asyncio turns off Nagle's algorithm (40 ms an answer) only where it is.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="localhub", daemon=True)
        thread.start()
        try:
            endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
            _wait_until_healthy(endpoint)
            yield endpoint
        finally:
            server.should_exit = True
            thread.join()
            store.close()


@dataclass(frozen=True)
class HubProcess:
    """A hub in a process of its own."""

    endpoint: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()


@contextmanager
def hub_process(data_dir: Path, tokens: str, port: int | None = None) -> Iterator[HubProcess]:
    """Serve from a subprocess, on a free port unless one is given (to come back where a killed hub was)."""
    port = port or _free_port()
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "devcluster.localhub", "--port", str(port), "--data", str(data_dir)],
            cwd=_ROOT,
            env=os.environ | {"LOCALHUB_TOKENS": tokens},
            stdout=log,
            stderr=log,
        )
    hub = HubProcess(f"http://127.0.0.1:{port}", process)
    try:
        _wait_until_healthy(hub.endpoint, process)
        yield hub
    finally:
        hub.kill()


def inject_fault(endpoint: str, token: str, **rule: Any) -> None:
    """Make requests fail by a rule of `devcluster.localhub.faults`; `token` is a write token."""
    _call("POST", f"{endpoint}/_faults", token, json.dumps(rule).encode())


def clear_faults(endpoint: str, token: str) -> None:
    """Let every request through again."""
    _call("DELETE", f"{endpoint}/_faults", token)


def requests_seen(
    endpoint: str, token: str, *, method: str | None = None, path_contains: str = ""
) -> list[dict[str, Any]]:
    """Finished requests, oldest first, as `{"method", "path", "status"}`; status 0 got no answer."""
    requests = cast(list[dict[str, Any]], json.loads(_call("GET", f"{endpoint}/_log", token))["requests"])
    return [item for item in requests if method in (None, item["method"]) and path_contains in item["path"]]


def _call(method: str, url: str, token: str, body: bytes | None = None) -> bytes:
    request = urllib.request.Request(url, data=body, method=method, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return cast(bytes, response.read())


def _wait_until_healthy(endpoint: str, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{endpoint}/healthz", timeout=1):
                return
        except OSError:
            if process is not None and process.poll() is not None:
                raise RuntimeError(f"the hub ended with status {process.returncode}") from None
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
