"""The operator completes jobs although every seventh request to the API server fails."""

from pathlib import Path

from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import Cluster, OperatorProcess
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.jobs import Job, StandInKubelet, StandInWorker, augment, publish, resolve

JOBS = 6


def test_job_completes_once_despite_refused_lost_and_slow_answers(
    operator_process: OperatorProcess, plane: ControlPlane, cluster: Cluster, kubelet: StandInKubelet, tmp_path: Path
) -> None:
    if operator_process.is_running:
        operator_process.stop()
    with FaultyProxy(plane, seed=4) as proxy:
        troubled = OperatorProcess(plane, tmp_path, server=proxy.url)
        troubled.restart()
        proxy.faults = True
        try:
            jobs = [Job(cluster) for _ in range(JOBS)]
            made: dict[str, list[str]] = {job.uid: [] for job in jobs}
            workers: dict[str, StandInWorker] = {}
            for job in jobs:
                workers[job.uid] = resolve(job, kubelet)
            for job in jobs:
                augment(job, kubelet, workers[job.uid])
            for job in jobs:
                job.await_pods("publish")
                made[job.uid] = [child["metadata"]["uid"] for child in job.children().values()]
                publish(job, kubelet, workers[job.uid])
            for job in jobs:
                job.until_state("completed")
                assert [child["metadata"]["uid"] for child in job.children().values()] == made[job.uid]
                assert len(made[job.uid]) == 3
                assert job.status.get("retryCount", 0) == 0
            unlucky = Job(cluster)
            (pod,) = unlucky.await_pods("resolve")
            kubelet.start(pod)
            unlucky.change(cancel=True)
            unlucky.until(lambda job: kubelet.end_deleted_pods(job, "resolve"))
            unlucky.until_state("cancelled")
        finally:
            troubled.stop()
        print(dict(proxy.spoiled))
        assert all(proxy.spoiled[how] for how in ("refused", "lost", "slow", "watches broken off"))
        assert "Traceback" not in troubled.log, troubled.log[-6000:]
