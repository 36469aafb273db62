"""The Jobs of the phases: what Kubernetes itself is asked to try again, to give up and to run at once."""

from typing import Any

import pytest

from augmentation_api import FailureReason
from augmentation_operator.manifests.phase_jobs import augment_job, single_pod_job
from tests.unit.operator.simulated_cluster import PUBLISH, RESOLVE, UID, SimulatedCluster, make_class


def augment(*, shards: int = 4, max_parallelism: int = 16, **spec: Any) -> dict[str, Any]:
    return augment_job(SimulatedCluster(**spec).job, make_class(limits={"maxParallelism": max_parallelism}), shards)


def all_jobs(**spec: Any) -> list[dict[str, Any]]:
    job, augmentation_class = SimulatedCluster(**spec).job, make_class()
    return [
        single_pod_job(job, augmentation_class, RESOLVE, 0),
        augment_job(job, augmentation_class, 4),
        single_pod_job(job, augmentation_class, PUBLISH, 4),
    ]


def test_each_phase_has_a_job_of_its_name() -> None:
    assert [job["metadata"]["name"] for job in all_jobs()] == [
        "kitchen-0f1e2d3c-resolve",
        "kitchen-0f1e2d3c-augment",
        "kitchen-0f1e2d3c-publish",
    ]


def test_every_job_has_labels_and_an_owner() -> None:
    for job in all_jobs():
        metadata = job["metadata"]
        (owner,) = metadata["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("AugmentationJob", "kitchen", UID)
        assert owner["controller"] is True
        assert metadata["namespace"] == "default"
        assert metadata["labels"]["augmentation.dev/job-uid"] == UID
        assert metadata["labels"]["augmentation.dev/phase"] in metadata["name"]


def test_permanent_exit_codes_fail_the_job_at_once() -> None:
    permanent = sorted(reason.exit_code for reason in FailureReason.of_workers() if reason.is_permanent)
    for job in all_jobs():
        (rule,) = (entry for entry in job["spec"]["podFailurePolicy"]["rules"] if entry["action"] == "FailJob")
        assert rule["onExitCodes"] == {"containerName": "worker", "operator": "In", "values": permanent}


def test_disrupted_pod_does_not_count_as_a_retry() -> None:
    for job in all_jobs():
        first = job["spec"]["podFailurePolicy"]["rules"][0]
        assert first == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


def test_pod_is_replaced_only_after_it_has_ended() -> None:
    assert all(job["spec"]["podReplacementPolicy"] == "Failed" for job in all_jobs())


def test_shard_is_retried_up_to_the_limit_of_the_job() -> None:
    resolve, augmenting, publish = all_jobs(backoffLimitPerShard=5)
    assert augmenting["spec"]["backoffLimitPerIndex"] == 5
    assert resolve["spec"]["backoffLimit"] == publish["spec"]["backoffLimit"] == 5


def test_one_failed_index_fails_the_augment_job() -> None:
    assert augment()["spec"]["maxFailedIndexes"] == 0


def test_shard_is_an_index() -> None:
    spec = augment(shards=7)["spec"]
    assert (spec["completionMode"], spec["completions"]) == ("Indexed", 7)


@pytest.mark.parametrize(
    ("wanted", "shards", "limit", "at_once"),
    [
        (None, 4, 16, 4),
        (None, 40, 16, 16),
        (2, 4, 16, 2),
        (8, 4, 16, 4),
        (100, 100, 16, 16),
        (3, 40, 1, 1),
    ],
)
def test_parallelism_is_the_least_of_job_shards_and_class(
    wanted: int | None, shards: int, limit: int, at_once: int
) -> None:
    spec = {} if wanted is None else {"parallelism": wanted}
    assert augment(shards=shards, max_parallelism=limit, **spec)["spec"]["parallelism"] == at_once
