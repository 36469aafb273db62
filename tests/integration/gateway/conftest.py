"""A gateway process in front of a real API server, with exactly the rights of its chart."""

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from augmentation_gateway.__main__ import main
from tests.integration.control_plane import ControlPlane

PROJECT_ID = "7a1f0c52-3c1e-4a53-9a43-0c8f8a2b6f10"
OTHER_PROJECT = "11111111-2222-4333-8444-555555555555"
READY_SECONDS = 120.0
UNLIMITED = ("REQUESTS_PER_SECOND", "REQUESTS_PER_KEY", "CONNECTIONS_PER_KEY", "STREAMS_PER_KEY", "JOBS_PER_MINUTE")
KEYS_SECRET = "gateway-keys"
"""The one Secret that a gateway may read, in namespace robots."""

RIGHTS = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "robots"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "gateway"},
            "rules": [
                {
                    "apiGroups": ["augmentation.dev"],
                    "resources": ["augmentationjobs"],
                    "verbs": ["get", "list", "watch", "create", "patch", "delete"],
                },
                {
                    "apiGroups": ["augmentation.dev"],
                    "resources": ["augmentationclasses"],
                    "verbs": ["list", "watch"],
                },
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "gateway"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "gateway"},
            "subjects": [{"kind": "User", "name": "gateway"}],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "gateway-keys", "namespace": "robots"},
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": ["secrets"],
                    "resourceNames": [KEYS_SECRET],
                    "verbs": ["list", "watch"],
                }
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "gateway-keys", "namespace": "robots"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "gateway-keys"},
            "subjects": [{"kind": "User", "name": "gateway"}],
        },
    ],
}


@dataclass
class GatewayProcess:
    """`augmentation-gateway serve` in a separate process.

    Attributes:
        keys: the API keys by id, created with `keys create`.
        limited: whether the default limits apply; by default off, as one test client replaces a hundred.
        log: what it wrote to stderr.
    """

    folder: Path
    kubeconfig: Path
    environment: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    limited: bool = False
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        with socket.socket() as probe, socket.socket() as other:
            for listener in (probe, other):
                listener.bind(("127.0.0.1", 0))
            self._port, self._metrics_port = probe.getsockname()[1], other.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return (self.folder / "gateway.log").read_text()

    @property
    def keys_file(self) -> Path:
        return self.folder / "keys.json"

    def metric(self, name: str) -> float:
        """Value of the only sample with this prefix."""
        text = httpx.get(f"http://127.0.0.1:{self._metrics_port}/metrics", timeout=60, trust_env=False).text
        (line,) = (line for line in text.splitlines() if line.startswith(name))
        return float(line.rsplit(" ", 1)[1])

    def create_key(self, name: str, *arguments: str) -> None:
        """Create a key with the command line and remember it."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            assert main(["keys", "create", "--id", name, "--file", str(self.keys_file), *arguments]) == 0
        self.keys[name] = printed.getvalue().strip()

    def revoke_key(self, name: str) -> None:
        """Revoke a key with the command line."""
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(["keys", "revoke", name, "--file", str(self.keys_file)]) == 0

    def start(self) -> None:
        """Start it without waiting."""
        with (self.folder / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "augmentation_gateway",
                    "serve",
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(self._port),
                ],
                stdin=subprocess.DEVNULL,
                stderr=log,
                env=self._environment(),
            )

    def await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            assert self._process.poll() is None, self.log
            try:
                if httpx.get(f"{self.url}/readyz", timeout=60, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"the gateway did not become ready:\n{self.log}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop it and return the exit code."""
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(timeout=60)

    def client(self, key: str = "full") -> httpx.Client:
        """A client that sends this key."""
        return httpx.Client(
            base_url=self.url,
            headers={"x-api-key": self.keys[key]},
            timeout=60,
            trust_env=False,
        )

    def _environment(self) -> dict[str, str]:
        variables = {
            "KUBECONFIG": str(self.kubeconfig),
            "AUGMENTATION_KEYS_FILE": str(self.keys_file),
            "AUGMENTATION_METRICS_ADDRESS": f"127.0.0.1:{self._metrics_port}",
        }
        # One client sends the requests of a hundred; limits are tested separately.
        variables |= {} if self.limited else {f"AUGMENTATION_{name}": "0" for name in UNLIMITED}
        return {**os.environ, **variables, **self.environment}


@pytest.fixture(scope="session")
def granted(control_plane: ControlPlane) -> ControlPlane:
    """The API server, with two namespaces and the gateway's rights."""
    control_plane.kubectl("apply", "--server-side", "-f", "-", manifest=RIGHTS)
    return control_plane


@pytest.fixture(scope="session")
def gateway(granted: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway for the whole session, with four keys. A test that stops it has to start it again."""
    process = GatewayProcess(tmp_path_factory.mktemp("gateway"), granted.kubeconfig_of("gateway"))
    process.create_key("full", "--namespace", "robots")
    process.create_key("other-project", "--namespace", "robots", "--project", OTHER_PROJECT)
    process.create_key("elsewhere", "--namespace", "elsewhere")
    process.create_key("no-such-namespace", "--namespace", "missing")
    process.start()
    try:
        process.await_ready()
        yield process
    finally:
        process.stop()


@pytest.fixture
def http(gateway: GatewayProcess) -> Iterator[httpx.Client]:
    """A client with the key "full"."""
    with gateway.client() as client:
        yield client
