"""The identity of a job's workers, and the shard records that it may patch.

A record is a ConfigMap in which the worker of a shard records every episode that it has finished and uploaded. One more
holds the list of the source's files, which resolve leaves to the shards. The operator creates them empty, so that a
worker needs the right to patch exactly these and to create none.
"""

from augmentation_api import AugmentationClass, AugmentationJob
from augmentation_api.identifiers import (
    GROUP,
    JOB_PLURAL,
    ca_bundle_name,
    shard_manifest_name,
    source_listing_name,
    worker_identity_name,
)
from augmentation_api.outbound import CA_BUNDLE_KEY
from augmentation_operator.manifests.manifest import Manifest, child_metadata

GRANTED_AHEAD = 8
"""Number of shard records that a Role names before the shard count is known, so that most Roles are written once.

For each write of a Role or RoleBinding the API server lists all bindings of the namespace, to check that the writer has
the rights itself. Naming a record that is never created grants nothing: its name is derived from the job's uid.
"""


def identity(job: AugmentationJob, augmentation_class: AugmentationClass, shard_count: int) -> list[Manifest]:
    """ServiceAccount, Role and RoleBinding: access to the AugmentationJob and its records only; what pods trust.

    `shard_count` is 0 until the job is resolved.
    """
    template = augmentation_class.spec.pod_template
    annotations = dict(template.service_account.annotations) if template is not None else {}
    name = worker_identity_name(job.metadata.name, job.metadata.uid)
    shards = range(max(shard_count, GRANTED_AHEAD))
    records = [shard_manifest_name(job.metadata.name, job.metadata.uid, shard) for shard in shards]
    if lists_source(job):
        records.append(source_listing_name(job.metadata.name, job.metadata.uid))
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
        *_ca_bundle(job, augmentation_class),
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {**child_metadata(job, name), **({"annotations": annotations} if annotations else {})},
        },
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


def is_decided_by_class(manifest: Manifest) -> bool:
    """Whether a part of an identity holds what its class says: most have none, as each is a write more for a phase."""
    return manifest["kind"] == "ConfigMap" or (
        manifest["kind"] == "ServiceAccount" and "annotations" in manifest["metadata"]
    )


def _ca_bundle(job: AugmentationJob, augmentation_class: AugmentationClass) -> list[Manifest]:
    """The certificates that the class spells out, next to the pods that trust them: pods mount only from their own
    namespace, and a copy of one's own is changed by nobody but the operator."""
    bundle = augmentation_class.spec.ca_bundle
    if bundle is None or bundle.pem is None:
        return []
    metadata = child_metadata(job, ca_bundle_name(job.metadata.name, job.metadata.uid))
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {CA_BUNDLE_KEY: bundle.pem}}]


def lists_source(job: AugmentationJob) -> bool:
    """Whether resolve leaves the list of the source's files to the shards: where a hub counts who asks for it."""
    return job.spec.source.hub is not None and job.spec.preview is None


def source_listing(job: AugmentationJob) -> list[Manifest]:
    """The empty list of the source's files, if there is to be one."""
    if not lists_source(job):
        return []
    name = source_listing_name(job.metadata.name, job.metadata.uid)
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": child_metadata(job, name)}]


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
