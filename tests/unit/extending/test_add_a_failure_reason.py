"""docs/architecture.md, "How to add a failure reason": one line in api/failure.py, and every program knows it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import augmentation_api

PACKAGE = Path(augmentation_api.__file__).parent
DUMMY = '    DUMMY_REASON = ("DummyReason", 63)\n'
PROGRAM = """
from augmentation_api import AugmentationClass, AugmentationJob, FailureReason, PhaseName
from augmentation_api.worker_contract import TerminationMessage
from augmentation_operator.children.pod import Termination
from augmentation_operator.manifests.phase_jobs import single_pod_job
from augmentation_operator.reconcile.failure_reason import explain
from augmentation_worker.failure import WorkerFailure

# A worker fails for it, with its own exit code and a termination message.
failure = WorkerFailure(FailureReason("DummyReason"), "spec.dummy: remove it")
message = TerminationMessage(reason=failure.reason, message=failure.message).encode()
code = failure.reason.exit_code
assert code == 63 and failure.reason.is_permanent

# Kubernetes does not retry it.
metadata = {"name": "a-job", "namespace": "robots", "uid": "0f1e2d3c-0000-4000-8000-000000000000"}
job = AugmentationJob.from_wire({"metadata": metadata, "spec": {"source": {"hub": {"repoID": "lab/data"}}}})
augmentation_class = AugmentationClass.from_wire({"metadata": {"name": "cpu"}, "spec": {"image": "worker:1"}})
rules = single_pod_job(job, augmentation_class, PhaseName.RESOLVE, 0)["spec"]["podFailurePolicy"]["rules"]
assert any(code in rule.get("onExitCodes", {}).get("values", ()) for rule in rules)

# The operator reports it.
rejection = explain(Termination(code, message=message), PhaseName.RESOLVE)
assert (rejection.reason, rejection.message) == ("DummyReason", "spec.dummy: remove it")
print("known everywhere")
"""


def test_one_line_makes_a_reason_known_to_worker_kubernetes_and_operator(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    module = tmp_path / PACKAGE.name / "failure.py"
    last = '    KUBERNETES_UNAVAILABLE = ("KubernetesUnavailable", 77)\n'
    module.write_text(module.read_text().replace(last, last + DUMMY))
    path = os.pathsep.join([str(tmp_path), *(entry for entry in sys.path if entry)])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "known everywhere\n", done.stderr
