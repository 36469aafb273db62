"""Faults of a running installation: each kills something without notice, and nothing repairs it."""

import random
import subprocess
import time
from collections.abc import Callable

from devcluster import settings as devcluster_settings
from devcluster.cluster_state import read_state
from devcluster.demo.kubectl import Kubectl
from devcluster.errors import DevclusterError

SYSTEM = "augmentation-system"
RECOVERY_SECONDS = 180.0
_TAINT = "chaos=node-lost:NoExecute"


class Faults:
    """Faults that can be injected into one cluster.

    Attributes:
        by_name: the faults by name; each says whether it struck something. Nodes are left alone unless the cluster is
            the dev cluster.
    """

    def __init__(self, kubectl: Kubectl, chance: random.Random) -> None:
        self._kubectl, self._chance = kubectl, chance
        self.by_name: dict[str, Callable[[], bool]] = {
            "operator killed": lambda: self._kill_pods(SYSTEM, "augmentation-operator"),
            "gateway killed": lambda: self._kill_pods(SYSTEM, "augmentation-gateway"),
            "node lost to its pods": self._lose_node,
        }
        settings = devcluster_settings.from_environment()
        state = None if settings.existing else read_state(settings.state)
        self._on_node: list[str] = []
        if state is not None:
            self._on_node = [str(state.provider), "exec", f"{settings.name}-control-plane"]
            self.by_name |= {
                "worker killed": self._kill_a_worker,
                "hub killed": lambda: self._kill_process("devcluster.localhub"),
                "kubelet killed": lambda: self._kill_process("^/usr/bin/kubelet"),
                "API server killed": lambda: self._kill_process("^kube-apiserver"),
                "etcd killed": lambda: self._kill_process("^etcd"),
            }

    def await_api(self) -> None:
        """Wait until the API server is available."""
        self._again(lambda: self._kubectl.run("get", "--raw", "/readyz", timeout=10))

    def _kill_pods(self, namespace: str, name: str) -> bool:
        delete = ("delete", "pod", "-n", namespace, "-l", f"app.kubernetes.io/name={name}")
        return bool(self._again(lambda: self._kubectl.run(*delete, "--force", "--grace-period=0", timeout=30)))

    def _lose_node(self) -> bool:
        """Evict all pods from a node at once, as if it were lost, and then restore it."""
        self._again(lambda: self._kubectl.run("taint", "nodes", "--all", "--overwrite", _TAINT, timeout=30))
        time.sleep(2)
        self._again(lambda: self._kubectl.run("taint", "nodes", "--all", f"{_TAINT}-", timeout=30))
        return True

    def _kill_a_worker(self) -> bool:
        search = [*self._on_node, "pgrep", "-f", "augmentation_worker"]
        search_result = subprocess.run(search, capture_output=True, text=True, check=False)  # 1: none runs now
        workers = search_result.stdout.split()
        if not workers:
            return False
        kill = [*self._on_node, "kill", "-9", self._chance.choice(workers)]
        return subprocess.run(kill, check=False).returncode == 0  # it may have ended since

    def kill_worker_of(self, hostname: str) -> bool:
        """Kill the worker of a pod by SIGKILL. False where its node is not ours to reach, or it does not run there."""
        if not self._on_node:
            return False
        environments = '$(pgrep -f augmentation_worker | sed "s|.*|/proc/&/environ|")'
        script = f'kill -9 $(grep -lazx "HOSTNAME=$0" {environments} 2>/dev/null | cut -d/ -f3)'
        return subprocess.run([*self._on_node, "sh", "-c", script, hostname], check=False).returncode == 0

    def _kill_process(self, command: str) -> bool:
        # 1: none runs now; an earlier fault may have killed it.
        return subprocess.run([*self._on_node, "pkill", "-9", "-f", command], check=False).returncode == 0

    @staticmethod
    def _again(act: Callable[[], str]) -> str:
        """Retry until the API server, which a previous fault may have stopped, accepts the request."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            try:
                return act()
            except (DevclusterError, subprocess.TimeoutExpired):
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
