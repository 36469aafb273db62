"""A Kubernetes API server of one's own: etcd and kube-apiserver as plain processes, ready in a few seconds.

There is no node, no scheduler and no controller: what is written stays as it was written. That is all it takes to test
what talks to the API server (validation, defaulting, watches, server-side apply, RBAC), and lets a test take it away.
Whoever needs more starts it in addition.
"""

import base64
import json
import secrets
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from devcluster.kubernetes_version import program_path
from devcluster.tools import tool_path

CHECKOUT = Path(__file__).resolve().parents[2]
CRDS = CHECKOUT / "deploy" / "crds"
USERS = ("admin", "gateway", "operator", "worker")
"""Who can log in. admin may do everything, the others what RBAC lets them: nothing until a test grants it."""
READY_SECONDS = 180.0
TAIL_LINES = 20


class ControlPlane:
    """etcd and kube-apiserver with the project's CRDs, which run while the context lasts.

    Entering raises RuntimeError with the end of a log where one of them does not come up.

    Attributes:
        folder: where data, certificates, logs and kubeconfigs lie; made if it does not exist.
        url: of the API server, `https://127.0.0.1:PORT`; the same after a restart.
        token: bearer token of the user admin.
        kubeconfig: file for the user admin.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._etcd_port, self._peer_port, port = _free_ports(3)
        self.url = f"https://127.0.0.1:{port}"
        self._port = port
        self._tokens = {user: secrets.token_hex(16) for user in USERS}
        self.token = self._tokens["admin"]
        self.kubeconfig = folder / "admin.kubeconfig"
        self._etcd: subprocess.Popen[bytes] | None = None
        self._api_server: subprocess.Popen[bytes] | None = None
        self._controllers: tuple[str, ...] = ()
        self._controller_manager: subprocess.Popen[bytes] | None = None
        self._programs: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self._write_secrets()
        self._etcd = self._spawn(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{self._etcd_port}",
            f"--advertise-client-urls=http://127.0.0.1:{self._etcd_port}",
            f"--listen-peer-urls=http://127.0.0.1:{self._peer_port}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{self._peer_port}",
            f"--initial-cluster=default=http://127.0.0.1:{self._peer_port}",
            # The data lives as long as the tests do, so a disk that has it for certain gains nothing.
            "--unsafe-no-fsync",
            # Ten thousand jobs of the benchmark write more between two compactions than the 2 GiB that are the default.
            "--quota-backend-bytes=8589934592",
            "--log-level=warn",
        )
        self.start_api_server()
        self.kubectl("apply", "--server-side", "-f", str(CRDS))
        self.kubectl("wait", "--for=condition=Established", "--timeout=50s", "crd", "--all")

    def _stop(self) -> None:
        # The API server before etcd: one whose etcd is gone hangs for a minute, holding its port.
        for process in (*self._programs, self._controller_manager):
            _end(process, signal.SIGKILL)
        self._programs, self._controller_manager = [], None
        self.stop_api_server()
        _end(self._etcd)
        self._etcd = None

    def start_api_server(self) -> None:
        """Start the API server on the port it always has, and wait until it is ready."""
        self._api_server = self._spawn(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            # It would publish that address to pods, and refuses to where it is a loopback one.
            "--endpoint-reconciler-type=none",
            f"--secure-port={self._port}",
            f"--cert-dir={self.folder / 'certificates'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder / 'service-account.key'}",
            f"--service-account-signing-key-file={self.folder / 'service-account.key'}",
            "--service-cluster-ip-range=10.96.0.0/24",
            # It waits for the ServiceAccount "default", which no controller makes here.
            "--disable-admission-plugins=ServiceAccount",
            # As in OpenShift: who names an owner that the object blocks needs a right for that.
            "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
            # Without it a stop waits a minute for open watches; with it, it ends them.
            "--shutdown-watch-termination-grace-period=1s",
        )
        self._await_ready()

    @property
    def process_id(self) -> int:
        """Of the API server that runs."""
        assert self._api_server is not None
        return self._api_server.pid

    @property
    def process_ids(self) -> dict[str, int]:
        """Of all that runs, by program."""
        running = (self._etcd, self._api_server, self._controller_manager, *self._programs)
        # The arguments before the program are setpriv's, of which the program takes the place.
        return {Path(str(each.args[3])).name: each.pid for each in running if each is not None}  # type: ignore[index]

    def stop_api_server(self, *, abruptly: bool = False) -> None:
        """Stop the API server: in order, or as if its machine had lost power."""
        _end(self._api_server, signal.SIGKILL if abruptly else signal.SIGTERM)
        self._api_server = None

    @contextmanager
    def api_server_paused(self) -> Iterator[None]:
        """The API server takes requests and answers none, until the block is left; then it goes on with them."""
        assert self._api_server is not None
        self._api_server.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._api_server.send_signal(signal.SIGCONT)

    def start_controllers(self, *names: str) -> None:
        """Start kube-controller-manager with these controllers; without it what is written stays as it was written."""
        self._controllers = names
        self._controller_manager = self._spawn(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--controllers={','.join(names)}",
            "--leader-elect=false",
            "--secure-port=0",
        )

    def start_program(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start another of the pinned programs; it ends with the control plane. Its log is next to the others."""
        self._programs.append(self._spawn(program, *arguments))
        return self._programs[-1]

    def keep_controllers_running(self) -> None:
        """Start kube-controller-manager again if it has ended, as the kubelet of a real control plane does."""
        if self._controller_manager is not None and self._controller_manager.poll() is not None:
            print(f"kube-controller-manager ended with {self._controller_manager.returncode}; started again")
            print(self.log_tail("kube-controller-manager"))
            self.start_controllers(*self._controllers)

    def log_tail(self, program: str) -> str:
        """The end of what a program wrote."""
        return "\n".join((self.folder / f"{program}.log").read_text(errors="replace").splitlines()[-TAIL_LINES:])

    def kubeconfig_of(self, user: str) -> Path:
        """A kubeconfig file for one of USERS."""
        return self.folder / f"{user}.kubeconfig"

    def kubectl(self, *arguments: str, manifest: object = None, user: str = "admin") -> str:
        """Run kubectl and return what it prints; `manifest` goes to its stdin, for `-f -`."""
        done = subprocess.run(
            [tool_path("kubectl"), f"--kubeconfig={self.kubeconfig_of(user)}", *arguments],
            input=json.dumps(manifest) if manifest is not None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def _write_secrets(self) -> None:
        key = self.folder / "service-account.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        rows = [f"{token},{user},{user},system:masters" for user, token in self._tokens.items() if user == "admin"]
        rows += [f"{token},{user},{user}" for user, token in self._tokens.items() if user != "admin"]
        (self.folder / "tokens.csv").write_text("\n".join(rows) + "\n")

    def _write_kubeconfigs(self) -> None:
        # The API server signs its own certificate; the file holds it with the authority it made for that.
        authority = base64.b64encode((self.folder / "certificates" / "apiserver.crt").read_bytes()).decode()
        for user, token in self._tokens.items():
            document = {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": self.url, "certificate-authority-data": authority}}],
                "users": [{"name": user, "user": {"token": token}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": user, "namespace": "default"}}],
                "current-context": "c",
            }
            self.kubeconfig_of(user).write_text(json.dumps(document))

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{program}.log").open("ab") as log:
            return subprocess.Popen(
                # The kernel ends it when the tests are killed: nothing is left behind. Not by a preexec_fn: hubs run in
                # threads here, and Python code in a child forked while threads run may wait for ever.
                ["setpriv", "--pdeathsig", "KILL", program_path(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    def _await_ready(self) -> None:
        assert self._api_server is not None
        certificate = self.folder / "certificates" / "apiserver.crt"
        request = urllib.request.Request(f"{self.url}/readyz", headers={"Authorization": f"Bearer {self.token}"})
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self._api_server.poll() is None:
            time.sleep(0.1)
            if not certificate.exists():
                continue
            try:
                trust = ssl.create_default_context(cafile=str(certificate))
                opener = urllib.request.build_opener(
                    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
                )
                with opener.open(request, timeout=2):
                    self._write_kubeconfigs()
                    return
            except (urllib.error.URLError, OSError):
                continue
        raise RuntimeError("kube-apiserver did not become ready:\n" + self.log_tail("kube-apiserver"))


def _end(process: subprocess.Popen[bytes] | None, how: signal.Signals = signal.SIGTERM) -> None:
    if process is None:
        return
    process.send_signal(how)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
