"""Cancel and suspend of jobs whose pods take time to stop."""

import time

from tests.integration.operator.cluster import Cluster, OperatorProcess
from tests.integration.operator.jobs import Job, StandInKubelet, augment, publish, resolve


def test_job_is_cancelled_only_after_its_pods_have_stopped(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster, parallelism=2)
    resolve(job, kubelet)
    for pod in job.await_pods("augment", 2):
        kubelet.start(pod)
    job.until(lambda job: job.status["currentPhase"] == "augment")
    job.change(cancel=True)
    job.until(lambda job: job.status["message"] == "cancelling: waiting for the pods to stop")
    time.sleep(1)
    assert job.state == "running"
    job.until(lambda job: kubelet.end_deleted_pods(job, "augment") or not job.pods("augment"))
    job.until_state("cancelled")
    assert not job.pods("augment")
    assert job.condition("Cancelled")["status"] == "True"


def test_parallelism_can_be_changed_while_a_job_runs(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster, parallelism=2)
    resolve(job, kubelet)
    job.await_pods("augment", 2)
    job.change(parallelism=1)

    def running(job: Job) -> int:
        return sum("deletionTimestamp" not in pod["metadata"] for pod in job.pods("augment"))

    job.until(lambda job: running(job) == 1)
    job.change(parallelism=5)
    job.until(lambda job: running(job) == job.status["shardCount"] == 2)


def test_job_that_has_not_begun_is_cancelled_at_once(operator: OperatorProcess, cluster: Cluster) -> None:
    job = Job(cluster, suspend=True)
    job.until(lambda job: job.condition("Suspended").get("status") == "True")
    job.change(cancel=True)
    job.until_state("cancelled")
    assert not job.children()


def test_cancel_after_publication_completes_the_job(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster)
    worker = resolve(job, kubelet)
    augment(job, kubelet, worker)
    (pod,) = job.await_pods("publish")
    kubelet.start(pod)
    worker.report_output()
    job.change(cancel=True)
    kubelet.succeed(pod)
    job.until_state("completed")


def test_suspended_job_runs_no_pods_and_resumes_where_it_stopped(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster)
    worker = resolve(job, kubelet)
    (pod,) = job.await_pods("augment")
    kubelet.start(pod)
    job.until(lambda job: job.status["currentPhase"] == "augment")
    job.change(suspend=True)
    job.until(lambda job: kubelet.end_deleted_pods(job, "augment"))
    job.until(lambda job: not job.pods("augment"))
    job.until(lambda job: job.status["message"] == "suspended: set spec.suspend to false to resume it")
    job.change(suspend=False)
    augment(job, kubelet, worker)
    publish(job, kubelet, worker)
    job.until_state("completed")
    assert job.phases()["provision"] == "completed"


def test_repeated_suspends_do_not_count_as_retries(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    job = Job(cluster, backoffLimitPerShard=0)
    for _ in range(2):
        (pod,) = job.await_pods("resolve")
        kubelet.start(pod)
        job.change(suspend=True)
        job.until(lambda job: kubelet.end_deleted_pods(job, "resolve"))
        job.until(lambda job: not job.pods("resolve"))
        job.change(suspend=False)
    worker = resolve(job, kubelet)
    assert worker
    job.until(lambda job: job.phases()["resolve"] == "completed")
