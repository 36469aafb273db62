"""The worker as a pod runs it: its environment, a real Kubernetes API server, and its minimal RBAC."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from augmentation_api import AugmentationJob, FailureReason, PhaseName
from augmentation_api.estimate import FIGURES, work_of
from augmentation_api.identifiers import shard_manifest_name
from augmentation_api.vocabulary import ShardState
from augmentation_api.worker_contract import TerminationMessage
from augmentation_worker.__main__ import main
from devcluster.localhub.hub_process import clear_faults, inject_fault
from tests.integration.control_plane import ControlPlane
from tests.integration.worker.conftest import SAMPLE, WRITE, Hub
from tests.integration.worker.jobs import spec_of

NAMESPACE = "default"
SHARDS = 2


class Cluster:
    """A job in a cluster, with the objects that the operator would create for its pods."""

    def __init__(self, plane: ControlPlane, hub: Hub, name: str, folder: Path, spec: dict[str, Any]) -> None:
        self.plane, self.hub, self.name, self.folder = plane, hub, name, folder
        self._apply("augmentation.dev/v1alpha1", "AugmentationJob", name, spec=spec)
        self.uid = self.job.metadata.uid
        self.manifests = [shard_manifest_name(name, self.uid, shard) for shard in range(SHARDS)]
        for manifest in self.manifests:
            self._apply("v1", "ConfigMap", manifest)
        self._grant()
        (folder / "token").write_text(WRITE)

    @property
    def job(self) -> AugmentationJob:
        return AugmentationJob.from_wire(json.loads(self.plane.kubectl("get", "augjob", self.name, "-o", "json")))

    def environment(self, shard: int | None = None, attempt: int = 0) -> dict[str, str]:
        """Of a pod."""
        pod = {
            "KUBECONFIG": str(self.plane.kubeconfig_of("worker")),
            "AUGMENTATION_JOB_NAMESPACE": NAMESPACE,
            "AUGMENTATION_JOB_NAME": self.name,
            "AUGMENTATION_JOB_UID": self.uid,
            "AUGMENTATION_SHARD_COUNT": str(SHARDS),
            "AUGMENTATION_SHARD_ATTEMPT": str(attempt),
            "AUGMENTATION_HUB_TOKEN_FILE": str(self.folder / "token"),
            "AUGMENTATION_CREDENTIALS_SECRET": "hub-token/token",
            "AUGMENTATION_HUB_PATIENCE_SECONDS": "3",
            "AUGMENTATION_SCRATCH": str(self.folder / "scratch"),
            "AUGMENTATION_NODE_NAME": "node-a",
            "AUGMENTATION_TERMINATION_MESSAGE_PATH": str(self.folder / "termination-log"),
            "HF_ENDPOINT": self.hub.endpoint,
        }
        return pod if shard is None else pod | {"JOB_COMPLETION_INDEX": str(shard)}

    def last_words(self) -> TerminationMessage:
        return TerminationMessage.model_validate_json((self.folder / "termination-log").read_text())

    def _apply(self, version: str, kind: str, name: str, **fields: Any) -> None:
        metadata = {"name": name, "namespace": NAMESPACE}
        manifest = {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}
        self.plane.kubectl("apply", "-f", "-", manifest=manifest)

    def _grant(self) -> None:
        """Grant the worker its rights, limited to objects by name."""
        rights = [
            ("augmentation.dev", "augmentationjobs", [self.name], ["get"]),
            ("augmentation.dev", "augmentationjobs/status", [self.name], ["patch"]),
            ("", "configmaps", self.manifests, ["get", "patch"]),
        ]
        rules = [
            {"apiGroups": [group], "resources": [resource], "resourceNames": names, "verbs": verbs}
            for group, resource, names, verbs in rights
        ]
        rbac, role = "rbac.authorization.k8s.io", f"{self.name}-worker"
        self._apply(f"{rbac}/v1", "Role", role, rules=rules)
        subjects = [{"kind": "User", "name": "worker", "apiGroup": rbac}]
        reference = {"apiGroup": rbac, "kind": "Role", "name": role}
        self._apply(f"{rbac}/v1", "RoleBinding", role, roleRef=reference, subjects=subjects)


def run(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, phase: str, shard: int | None = None) -> int:
    for name, value in cluster.environment(shard).items():
        monkeypatch.setenv(name, value)
    return main([phase])


def small_spec(output: str) -> dict[str, Any]:
    return spec_of(SAMPLE, episodes="2,4", copies=1) | {"output": {"hub": {"repoID": output}}}


def test_three_phases_in_cluster_publish_dataset_and_report_status(
    control_plane: ControlPlane, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(control_plane, hub, "whole", tmp_path, small_spec("lab/in-cluster"))
    assert run(cluster, monkeypatch, "resolve") == 0
    resolved = cluster.job.status
    assert resolved.source is not None
    assert resolved.source.selected_frames == 97
    expected = work_of(cluster.job.spec, resolved.source, FIGURES)
    assert expected is not None
    assert [run(cluster, monkeypatch, "augment", shard) for shard in range(SHARDS)] == [0, 0]
    assert run(cluster, monkeypatch, "publish") == 0
    status = cluster.job.status
    assert [(shard.index, shard.state, shard.node) for shard in status.shards] == [
        (0, ShardState.COMPLETED, "node-a"),
        (1, ShardState.COMPLETED, "node-a"),
    ]
    written = sum(shard.bytes.done for shard in status.shards if shard.bytes is not None)
    assert expected.frames == sum(shard.frames.done for shard in status.shards if shard.frames is not None)
    assert expected.bytes == pytest.approx(written, rel=0.45), "as resolve read the source, so large are its copies"
    assert status.output is not None
    assert (status.output.revision, status.output.episodes) == (hub.head("lab/in-cluster", "v3.0"), 8)
    assert status.source == resolved.source
    writers = {event.id.rsplit("-", 1)[0] for event in status.phase(PhaseName.AUGMENT).events}
    assert writers == {"augmentation-worker-shard-0", "augmentation-worker-shard-1"}


def test_failure_is_in_status_termination_message_and_exit_code(
    control_plane: ControlPlane, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(control_plane, hub, "no-source", tmp_path, spec_of("lab/nowhere"))
    assert run(cluster, monkeypatch, "resolve") == FailureReason.SOURCE_NOT_FOUND.exit_code
    words = cluster.last_words()
    assert words.reason is FailureReason.SOURCE_NOT_FOUND
    assert cluster.job.status.phase(PhaseName.RESOLVE).events[-1].error == words.message


def test_malformed_token_appears_nowhere_in_job(control_plane: ControlPlane, hub: Hub, tmp_path: Path) -> None:
    key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
    cluster = Cluster(control_plane, hub, "key-for-a-token", tmp_path, small_spec("lab/key-for-a-token"))
    (tmp_path / "token").write_text(f"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n")
    command = [sys.executable, "-m", "augmentation_worker", "resolve"]
    done = subprocess.run(command, env=os.environ | cluster.environment(), capture_output=True, text=True, check=False)
    words = cluster.last_words()
    assert done.returncode == FailureReason.CREDENTIALS_INVALID.exit_code
    assert words.reason is FailureReason.CREDENTIALS_INVALID
    assert "the key token of the Secret hub-token is no hub token" in words.message
    objects = control_plane.kubectl("get", "augjob,configmaps,events", "-o", "json")
    for text in (done.stdout + done.stderr, words.message, objects):
        assert not [part for at in range(len(key) - 7) if (part := key[at : at + 8]) in text]


def test_recreated_job_is_another_job(
    control_plane: ControlPlane, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(control_plane, hub, "namesake", tmp_path, small_spec("lab/namesake"))
    cluster.uid = "00000000-0000-0000-0000-000000000000"
    assert run(cluster, monkeypatch, "resolve") == FailureReason.INTERNAL_ERROR.exit_code
    assert "not the one that this pod was made for" in cluster.last_words().message


def test_sigterm_stops_pod_at_once_with_exit_code_143(
    control_plane: ControlPlane, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(SAMPLE) | {"output": {"hub": {"repoID": "lab/terminated"}}}
    cluster = Cluster(control_plane, hub, "terminated", tmp_path, spec)
    assert run(cluster, monkeypatch, "resolve") == 0
    # It stores a file of the source, and waits with its own: however fast it is, it runs when the signal comes.
    inject_fault(
        hub.endpoint, WRITE, method="PUT", path_contains="/lfs-storage/lab/terminated/", skip=1, count=None, hold=True
    )
    command = [sys.executable, "-m", "augmentation_worker", "augment"]
    shard = subprocess.Popen(command, env=os.environ | cluster.environment(0))
    try:
        while not cluster.job.status.shards:
            assert shard.poll() is None, "the shard ended before it could be stopped"
            time.sleep(0.5)  # each look is a process
        shard.send_signal(signal.SIGTERM)
        assert shard.wait(60) == 143
    finally:
        clear_faults(hub.endpoint, WRITE)
    assert cluster.job.status.phase(PhaseName.AUGMENT).events[-1].status == "stopped"
