"""A job's own identity: a service account that may touch its AugmentationJob and its shards' records, nothing else."""

from augmentation_api import AugmentationJob
from augmentation_api.identifiers import GROUP, JOB_PLURAL, shard_manifest_name, worker_identity_name
from augmentation_operator.manifests.ownership import Manifest, child_metadata

GRANTED_AHEAD = 8
"""Shards whose records a role names before their number is known, so that most jobs' roles are written once.

For each write of a role or a binding the API server lists all bindings of the namespace, to see whether the writer has
the rights itself. To name a record that never comes to be grants nothing: its name follows from the job's uid.
"""


def identity(job: AugmentationJob, shard_count: int) -> list[Manifest]:
    """ServiceAccount, Role and RoleBinding of a job's workers; `shard_count` is 0 until the job is resolved."""
    name = worker_identity_name(job.metadata.name, job.metadata.uid)
    named = range(max(shard_count, GRANTED_AHEAD))
    records = [shard_manifest_name(job.metadata.name, job.metadata.uid, shard) for shard in named]
    rules = [
        {"apiGroups": [GROUP], "resources": [JOB_PLURAL], "resourceNames": [job.metadata.name], "verbs": ["get"]},
        {
            "apiGroups": [GROUP],
            "resources": [f"{JOB_PLURAL}/status"],
            "resourceNames": [job.metadata.name],
            "verbs": ["patch"],
        },
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": records, "verbs": ["get", "patch"]},
    ]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": child_metadata(job, name)},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": child_metadata(job, name),
            "rules": rules,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": child_metadata(job, name),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": job.metadata.namespace}],
        },
    ]
