"""`kubectl delete namespace` while a job runs, or waits for a node: gone within 30 s (kubernetes#108297)."""

import time

import pytest

from tests.e2e.user import Json, User

LIMIT_SECONDS = 30
NAMESPACE = "e2e-deleted"


@pytest.fixture
def namespace(user: User) -> str:
    kubectl = user.kubectl
    kubectl.run("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=true", "--timeout=60s")
    kubectl.run("create", "namespace", NAMESPACE)
    kubectl.run(
        "create", "secret", "generic", "hub-token", f"--from-literal=token={user.access.hub_token}", "-n", NAMESPACE
    )
    return NAMESPACE


def test_namespace_with_running_and_waiting_pods_is_deleted(user: User, namespace: str) -> None:
    job: Json = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"namespace": namespace},
        "spec": {
            "source": {"hub": {"repoID": "demo/pusht"}},
            "augmentation": {"copies": 20},
            "parallelism": 2,
        },
    }
    kubectl = user.kubectl
    nowhere = user.kubectl.get("augmentationclass", "cpu")
    assert nowhere is not None
    nowhere["metadata"] = {"name": NAMESPACE}
    nowhere["spec"] |= {"default": False, "placements": [{"name": "none", "nodeSelector": {"no-node": "has-this"}}]}
    kubectl.apply(nowhere)
    waits = {**job, "metadata": {**job["metadata"], "name": "waits"}, "spec": {**job["spec"], "className": NAMESPACE}}
    kubectl.apply({**job, "metadata": {**job["metadata"], "name": "runs"}}, waits)
    try:
        for name, condition in (
            ("runs", "jsonpath={.status.currentPhase}=augment"),
            ("waits", "condition=Placed=false"),
        ):
            kubectl.run("wait", f"aj/{name}", "-n", namespace, f"--for={condition}", "--timeout=120s")
    finally:
        kubectl.run("delete", "augmentationclass", NAMESPACE)
    began = time.monotonic()
    kubectl.run("delete", "namespace", namespace, "--wait=true", f"--timeout={LIMIT_SECONDS}s")
    assert time.monotonic() - began < LIMIT_SECONDS
