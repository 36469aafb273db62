"""Reading Jobs and pods as the API server sends them, with whatever is absent."""

from datetime import UTC, datetime
from typing import Any

import pytest

from augmentation_operator.children.job import read_job
from augmentation_operator.children.pod import read_pod
from tests.unit.operator.simulated_cluster import AUGMENT, RESOLVE

LABELS = {"augmentation.dev/phase": "augment"}
FIRST, SECOND = "2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"


def a_job(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "j", "labels": LABELS, "creationTimestamp": FIRST},
        "spec": spec,
        "status": status or {},
    }


def a_pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "labels": LABELS}, "spec": {"nodeName": "node-a"}, "status": status}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return a_pod(
        phase="Pending",
        containerStatuses=[{"name": "worker", "state": {"waiting": {"reason": reason, "message": message}}}],
    )


def test_a_job_that_was_just_made_is_neither_over_nor_suspended() -> None:
    job = read_job({"metadata": {"name": "j", "labels": LABELS}})
    assert job.phase == AUGMENT
    assert not job.is_finished
    assert not job.suspended
    assert job.failed_pods == 0


def test_a_complete_job_is_over_since_its_condition_says_so() -> None:
    job = read_job(a_job({"conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": SECOND}]}))
    assert job.is_complete
    assert not job.has_failed
    assert job.completed_at == datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)


def test_a_failed_job_keeps_kubernetes_reason_and_message() -> None:
    condition = {
        "type": "Failed",
        "status": "True",
        "lastTransitionTime": SECOND,
        "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit",
    }
    job = read_job(a_job({"conditions": [condition], "failed": 4}))
    assert job.has_failed
    assert (job.failed_reason, job.failed_pods) == ("BackoffLimitExceeded", 4)
    assert job.failed_message == "Job has reached the specified backoff limit"


@pytest.mark.parametrize("kind", ["Complete", "Failed"])
def test_a_condition_that_does_not_hold_ends_nothing(kind: str) -> None:
    assert not read_job(
        a_job({"conditions": [{"type": kind, "status": "False", "lastTransitionTime": SECOND}]})
    ).is_finished


@pytest.mark.parametrize("kind", ["FailureTarget", "SuccessCriteriaMet", "Suspended"])
def test_a_job_whose_pods_are_still_being_stopped_is_not_over(kind: str) -> None:
    assert not read_job(
        a_job({"conditions": [{"type": kind, "status": "True", "lastTransitionTime": SECOND}]})
    ).is_finished


def test_a_job_may_be_suspended() -> None:
    assert read_job(a_job(suspend=True)).suspended


@pytest.mark.parametrize("labels", [{}, {"augmentation.dev/phase": "lunch"}])
def test_an_object_that_is_no_child_of_ours_is_an_error(labels: dict[str, str]) -> None:
    with pytest.raises((KeyError, ValueError)):
        read_job({"metadata": {"name": "j", "labels": labels}})
    with pytest.raises((KeyError, ValueError)):
        read_pod({"metadata": {"name": "p", "labels": labels}})


def test_a_pod_that_was_just_made_has_nothing() -> None:
    pod = read_pod({"metadata": {"name": "p", "labels": {"augmentation.dev/phase": "resolve"}}})
    assert (pod.phase, pod.node, pod.started_at, pod.is_finished) == (RESOLVE, "", None, False)
    assert pod.termination is None


def test_a_pod_without_a_node_has_the_schedulers_words() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    assert read_pod(a_pod(phase="Pending", conditions=[condition])).unschedulable == "0/3 nodes"


def test_a_pod_with_a_node_is_not_unschedulable() -> None:
    condition = {"type": "PodScheduled", "status": "True", "message": "an old message"}
    assert read_pod(a_pod(phase="Pending", conditions=[condition])).unschedulable == ""


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"])
def test_a_pod_may_lack_its_image(reason: str) -> None:
    pod = read_pod(waiting(reason, "manifest unknown"))
    assert (pod.pull_problem, pod.pull_message) == (reason, "manifest unknown")


@pytest.mark.parametrize("reason", ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"])
def test_a_pod_may_fail_to_make_its_container(reason: str) -> None:
    assert read_pod(waiting(reason, "why")).config_problem == f"{reason}: why"


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_pod_that_is_on_its_way_has_no_problem(reason: str) -> None:
    pod = read_pod(waiting(reason))
    assert not (pod.pull_problem or pod.config_problem)


def test_a_running_pod_has_started() -> None:
    pod = read_pod(
        a_pod(phase="Running", containerStatuses=[{"name": "worker", "state": {"running": {"startedAt": FIRST}}}])
    )
    assert pod.started_at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert (pod.node, pod.is_finished) == ("node-a", False)


def test_a_failed_pod_keeps_its_last_words() -> None:
    terminated = {"exitCode": 12, "reason": "Error", "message": "why", "startedAt": FIRST, "finishedAt": SECOND}
    pod = read_pod(a_pod(phase="Failed", containerStatuses=[{"name": "worker", "state": {"terminated": terminated}}]))
    assert pod.is_finished
    assert pod.started_at is not None
    assert pod.termination is not None
    assert (pod.termination.exit_code, pod.termination.message) == (12, "why")
    assert not pod.termination.by_node


def test_a_container_whose_end_nobody_saw_has_no_time() -> None:
    terminated = {"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": None, "finishedAt": None}
    pod = read_pod(a_pod(phase="Failed", containerStatuses=[{"name": "worker", "state": {"terminated": terminated}}]))
    assert pod.termination is not None
    assert pod.termination.finished_at is None


def test_an_evicted_pod_has_the_kubelets_words_rather_than_the_containers() -> None:
    terminated = {"exitCode": 137, "reason": "Error", "message": "last line of the log", "finishedAt": SECOND}
    words = 'Usage of EmptyDir volume "scratch" exceeds the limit "20Gi".'
    pod = read_pod(
        a_pod(
            phase="Failed",
            reason="Evicted",
            message=words,
            containerStatuses=[{"name": "worker", "state": {"terminated": terminated}}],
        )
    )
    assert pod.termination is not None
    assert pod.termination.by_node
    assert (pod.termination.reason, pod.termination.message) == ("Evicted", words)
    assert pod.termination.finished_at is not None


def test_pod_rejected_by_its_node_is_finished_without_a_container() -> None:
    pod = read_pod(a_pod(phase="Failed", reason="UnexpectedAdmissionError", message="no healthy devices present"))
    assert pod.is_finished
    assert pod.termination is not None
    assert pod.termination.exit_code != 0


def test_of_several_containers_the_workers_is_read_wherever_a_webhook_has_put_others() -> None:
    ended = {"terminated": {"exitCode": 3, "message": "why", "finishedAt": SECOND}}
    proxy = {"name": "a-proxy", "state": {"running": {"startedAt": FIRST}}}
    body = a_pod(phase="Running", containerStatuses=[proxy, {"name": "worker", "state": ended}])
    requests = [{"name": "a-proxy"}, {"name": "worker", "resources": {"requests": {"cpu": "2"}}}]
    body["spec"]["containers"] = requests
    pod = read_pod(body)
    assert pod.termination is not None
    assert (pod.termination.exit_code, pod.termination.message, pod.cpu) == (3, "why", 2.0)


def worker(**state: Any) -> dict[str, Any]:
    return {"name": "worker", "state": state}


DONE = {"terminated": {"exitCode": 0, "startedAt": FIRST, "finishedAt": SECOND}}
RUNNING = {"running": {"startedAt": FIRST}}


def test_container_is_never_taken_for_the_worker_by_its_place() -> None:
    """Airflow took containerStatuses[0] (airflow#67934); the kubelet sorts by name."""
    pod = read_pod(a_pod(phase="Pending", containerStatuses=[{"name": "a-proxy", "state": RUNNING}]))
    assert (pod.started_at, pod.termination) == (None, None)


def test_sidecar_that_outlives_the_worker_keeps_the_pod() -> None:
    pod = read_pod(a_pod(phase="Running", containerStatuses=[{"name": "a-proxy", "state": RUNNING}, worker(**DONE)]))
    assert pod.lasting == ("a-proxy",)
    assert not pod.runs
    assert not pod.is_finished


def test_native_sidecar_keeps_no_pod() -> None:
    """An init container with restartPolicy Always, which the kubelet ends after the worker."""
    native = [{"name": "a-proxy", "started": True, "state": RUNNING}]
    pod = read_pod(a_pod(phase="Running", initContainerStatuses=native, containerStatuses=[worker(**DONE)]))
    assert pod.lasting == ()
    assert read_pod(a_pod(phase="Running", initContainerStatuses=native, containerStatuses=[worker(**RUNNING)])).runs


@pytest.mark.parametrize("field", ["containerStatuses", "initContainerStatuses"])
def test_another_container_that_cannot_start_is_named(field: str) -> None:
    waits = {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}}
    pod = read_pod(a_pod(phase="Pending", **{field: [{"name": "a-proxy", "image": "proxy:9", "state": waits}]}))
    assert pod.blocked is not None
    assert (pod.blocked.name, pod.blocked.image, pod.blocked.message) == ("a-proxy", "proxy:9", "manifest unknown")
    assert not pod.pull_problem


def test_pod_that_another_container_failed_has_its_exit_code() -> None:
    failed = {"terminated": {"exitCode": 12, "reason": "Error", "message": "no iptables", "finishedAt": SECOND}}
    initial = {"waiting": {"reason": "PodInitializing"}}
    pod = read_pod(
        a_pod(
            phase="Failed",
            initContainerStatuses=[{"name": "a-init", "state": failed}],
            containerStatuses=[worker(**initial)],
        )
    )
    assert pod.termination is not None
    assert (pod.termination.other, pod.termination.exit_code) == ("a-init", 12)
    assert not pod.termination.is_permanent
