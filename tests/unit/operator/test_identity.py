"""A job's own identity: it may read its job, write its status and its shards' records, and nothing else."""

from typing import Any

import pytest

from augmentation_operator.manifests.identity import GRANTED_AHEAD, identity, shard_records, source_listing
from tests.unit.operator.simulated_cluster import UID, SimulatedCluster, make_class


def manifests_of(shards: int) -> dict[str, dict[str, Any]]:
    return {manifest["kind"]: manifest for manifest in identity(SimulatedCluster().job, make_class(), shards)}


def test_identity_is_a_service_account_a_role_and_a_binding_of_one_name() -> None:
    manifests = manifests_of(0)
    assert list(manifests) == ["ServiceAccount", "Role", "RoleBinding"]
    assert {manifest["metadata"]["name"] for manifest in manifests.values()} == {"kitchen-0f1e2d3c-worker"}
    assert all(manifest["metadata"]["namespace"] == "default" for manifest in manifests.values())


def test_binding_grants_the_role_to_the_service_account_only() -> None:
    binding = manifests_of(0)["RoleBinding"]
    assert binding["roleRef"]["name"] == "kitchen-0f1e2d3c-worker"
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "kitchen-0f1e2d3c-worker", "namespace": "default"}
    ]


def test_worker_may_read_its_own_job_and_patch_its_status() -> None:
    job, status, _ = manifests_of(0)["Role"]["rules"]
    assert (job["resources"], job["resourceNames"], job["verbs"]) == (["augmentationjobs"], ["kitchen"], ["get"])
    assert (status["resources"], status["resourceNames"], status["verbs"]) == (
        ["augmentationjobs/status"],
        ["kitchen"],
        ["patch"],
    )


@pytest.mark.parametrize("shards", [1, GRANTED_AHEAD, GRANTED_AHEAD + 1])
def test_worker_may_patch_the_records_of_its_shards_and_of_those_granted_ahead(shards: int) -> None:
    records = manifests_of(shards)["Role"]["rules"][-1]
    assert records == {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "resourceNames": [f"kitchen-0f1e2d3c-shard-{of}" for of in (*range(max(shards, GRANTED_AHEAD)), "files")],
        "verbs": ["get", "patch"],
    }


def test_every_rule_names_its_objects() -> None:
    for shards in (0, 1, 1000):
        for rule in manifests_of(shards)["Role"]["rules"]:
            assert rule["resourceNames"]
            assert "*" not in (*rule["verbs"], *rule["resources"], *rule["apiGroups"])


def test_identity_is_deleted_with_its_job() -> None:
    for manifest in (*manifests_of(2).values(), *shard_records(SimulatedCluster().job, 2)):
        assert manifest["metadata"]["ownerReferences"][0]["uid"] == UID


def test_list_of_the_source_is_created_empty_where_a_hub_has_it() -> None:
    (listing,) = source_listing(SimulatedCluster().job)
    assert (listing["kind"], listing["metadata"]["name"]) == ("ConfigMap", "kitchen-0f1e2d3c-shard-files")
    assert "data" not in listing
    assert source_listing(SimulatedCluster(preview={}).job) == []


def test_record_of_a_shard_is_created_empty() -> None:
    first, second = shard_records(SimulatedCluster().job, 2)
    assert [first["metadata"]["name"], second["metadata"]["name"]] == [
        "kitchen-0f1e2d3c-shard-0",
        "kitchen-0f1e2d3c-shard-1",
    ]
    assert "data" not in first
