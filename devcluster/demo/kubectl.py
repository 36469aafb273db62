"""kubectl and helm as functions: JSON in, JSON out, and a failure in kubectl's own words."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from devcluster.errors import DevclusterError

Json = dict[str, Any]


class Kubectl:
    """kubectl and helm of the devcluster's pinned versions, pointed at one cluster."""

    def __init__(self, kubectl: str, helm: str, kubeconfig: Path) -> None:
        self.kubectl, self._helm, self.kubeconfig = kubectl, helm, kubeconfig

    def run(self, *words: str | Path, stdin: str | None = None, check: bool = True, timeout: float = 600) -> str:
        """Standard output of kubectl; '' for a failure where `check` is false."""
        return self._run([self.kubectl, *map(str, words)], stdin, check, timeout)

    def helm(self, *words: str | Path, stdin: str | None = None, timeout: float = 900) -> str:
        """Standard output of helm."""
        return self._run([self._helm, *map(str, words)], stdin, True, timeout)

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Bring objects to the given content."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.run("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Json | None:
        """An object, or None where there is none."""
        where = ["--namespace", namespace] if namespace else []
        text = self.run("get", kind, name, *where, "--ignore-not-found", "--output", "json")
        return json.loads(text) if text.strip() else None

    def _run(self, argv: Sequence[str], stdin: str | None, check: bool, timeout: float) -> str:
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, env=environment, timeout=timeout, check=False
        )
        if done.returncode != 0 and check:
            raise DevclusterError(f"{Path(argv[0]).name} {argv[1]} failed: {done.stderr.strip()[-2000:]}")
        return done.stdout if done.returncode == 0 else ""
