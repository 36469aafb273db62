"""One ConfigMap per shard, in which its worker records every episode that it has finished and uploaded.

The operator creates them empty, so that a worker needs the right to patch exactly these and to create none.
"""

from augmentation_api import AugmentationJob
from augmentation_api.identifiers import shard_manifest_name
from augmentation_operator.manifests.ownership import Manifest, child_metadata


def shard_records(job: AugmentationJob, shard_count: int) -> list[Manifest]:
    """The empty records of all shards."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": child_metadata(job, shard_manifest_name(job.metadata.name, job.metadata.uid, shard)),
        }
        for shard in range(shard_count)
    ]
