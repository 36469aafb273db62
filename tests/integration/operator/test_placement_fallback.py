"""The fallback to the next placement, with a real API server and Job controller."""

from tests.integration.operator.cluster import Cluster, Json, OperatorProcess, path_of
from tests.integration.operator.jobs import Job, StandInKubelet, augment, publish, resolve


def create_class_with_placements(cluster: Cluster, name: str) -> None:
    spec = {
        "image": "worker",
        "placements": [
            {"name": "rare", "nodeSelector": {"gpu": "rare"}, "timeLimitSeconds": 2},
            {"name": "plenty", "nodeSelector": {"gpu": "plenty"}, "pricePerHour": 1.5},
        ],
    }
    head = {"apiVersion": "augmentation.dev/v1alpha1", "kind": "AugmentationClass", "metadata": {"name": name}}
    cluster.post(path_of("augmentationclasses"), {**head, "spec": spec})


def selectors(job: Job) -> list[Json]:
    return [pod["spec"].get("nodeSelector") for pod in job.pods("augment")]


def test_job_falls_back_to_the_placement_that_has_nodes(
    operator: OperatorProcess, cluster: Cluster, kubelet: StandInKubelet
) -> None:
    create_class_with_placements(cluster, "fallback")
    job = Job(cluster, className="fallback")
    worker = resolve(job, kubelet)
    job.await_pods("augment")
    job.until(lambda job: job.status["placement"]["placement"] == "plenty")
    job.until(lambda job: selectors(job) == [{"gpu": "plenty"}])
    augment(job, kubelet, worker)
    publish(job, kubelet, worker)
    job.until_state("completed")
    status = job.status
    fallbacks = [event for phase in status["phases"] for event in phase["events"] if event["id"] == "operator-rung-0-0"]
    assert "placement rare: no node within 2 s" in fallbacks[0]["error"]
    assert status["placement"]["rung"] == 1
    assert "price" in status["usage"]
    children = {child["metadata"]["name"].rsplit("-", 1)[-1] for child in job.children().values()}
    assert children == {"resolve", "b", "publish"}
