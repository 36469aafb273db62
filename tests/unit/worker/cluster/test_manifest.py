"""A shard's manifest in the cluster: a ConfigMap that the operator makes, and that somebody may delete."""

from augmentation_api.identifiers import shard_manifest_name
from augmentation_kube import Resource
from augmentation_worker.cluster.manifest import ConfigMapManifests
from augmentation_worker.settings import Settings
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.worker.cluster.test_job import ENVIRONMENT, Connection


def test_records_are_added_together_and_a_deleted_manifest_has_none() -> None:
    kube = InMemoryKube()
    name = shard_manifest_name(ENVIRONMENT["AUGMENTATION_JOB_NAME"], ENVIRONMENT["AUGMENTATION_JOB_UID"], 3)
    kube.put(Resource.CONFIG_MAPS, {"metadata": {"name": name}, "data": {"a": "1"}}, "robots")
    manifests = ConfigMapManifests(Connection(kube), Settings.from_environment(ENVIRONMENT))
    manifests.record(3, {"a": "2", "b": "3"})
    assert manifests.read(3) == {"a": "2", "b": "3"}
    kube.delete_now(Resource.CONFIG_MAPS, name, "robots")
    assert manifests.read(3) == {}
