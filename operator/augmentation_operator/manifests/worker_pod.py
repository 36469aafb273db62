"""The pod of one phase: the worker image under restricted pod security, with the environment of the worker contract."""

from typing import Final

from augmentation_api import AugmentationClass, AugmentationJob, PhaseName, worker_contract
from augmentation_api.augmentation_class import NodeAffinity
from augmentation_api.identifiers import ca_bundle_name, worker_identity_name
from augmentation_api.outbound import CA_BUNDLE_KEY, BundleKey, CaBundle, proxy_variables
from augmentation_api.pod_container import WORKER_CONTAINER
from augmentation_api.pod_volume import (
    CA_BUNDLE_FOLDER,
    HUB_TOKEN_FOLDER,
    IDENTITY_FOLDER,
    SCRATCH_FOLDER,
    VOLUMES_FOLDER,
)
from augmentation_api.spec import VolumeSource
from augmentation_operator.children.job import placement_index
from augmentation_operator.manifests.manifest import Manifest, child_labels
from augmentation_operator.manifests.pod_resources import pod_resources
from augmentation_operator.manifests.pod_template import RESTRICTED_CONTAINER, with_template
from augmentation_operator.manifests.store_access import StoreSide, store_sides
from augmentation_operator.manifests.worker_image import worker_image

_WORKER_USER: Final = 65532
_SOURCE: Final = "source"
_OUTPUT: Final = "output"
_TOKEN_FILE: Final = "token"
# The kubelet renews the token in time. A token mounted by default is valid for a year (the API server's
# --service-account-extend-token-expiration), for programs that read it once.
_IDENTITY_SECONDS: Final = 3600
# Set by the Job controller on the pods of an Indexed Job that has a backoffLimitPerIndex.
_INDEX_FAILURES: Final = "metadata.annotations['batch.kubernetes.io/job-index-failure-count']"


def worker_pod(
    job: AugmentationJob, augmentation_class: AugmentationClass, phase: PhaseName, shard_count: int
) -> Manifest:
    """The pod template of a phase."""
    spec = augmentation_class.spec
    is_augment = phase == PhaseName.AUGMENT
    placement = spec.placement_at(placement_index(job))
    secret = job.spec.credentials_secret_ref or spec.hub.credentials_secret_ref
    sides, claims, bundle = _volumes(job), _claims(job), _ca_bundle(job, augmentation_class)
    credentials = [side for side in store_sides(job, augmentation_class) if side.access.credentials_folder]
    pod: Manifest = {
        "serviceAccountName": worker_identity_name(job.metadata.name, job.metadata.uid),
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 30,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _WORKER_USER,
            "runAsGroup": _WORKER_USER,
            "fsGroup": _WORKER_USER,
            # Do not change the group of every file on every mount: others may have their own groups in it.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": WORKER_CONTAINER,
                "image": worker_image(job, augmentation_class, phase).reference,
                "imagePullPolicy": spec.image_pull_policy,
                "args": [str(phase)],
                "env": _environment(job, augmentation_class, phase, shard_count),
                "resources": pod_resources(
                    (placement.resources or spec.resources) if is_augment else spec.metadata_resources,
                    spec.scratch_size,
                ),
                "securityContext": dict(RESTRICTED_CONTAINER),
                # A worker that exits without a termination message is explained by the end of its log.
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "volumeMounts": [
                    {"name": "scratch", "mountPath": SCRATCH_FOLDER},
                    {"name": "identity", "mountPath": IDENTITY_FOLDER, "readOnly": True},
                    {"name": "hub-token", "mountPath": HUB_TOKEN_FOLDER, "readOnly": True},
                    *(
                        {
                            "name": claims[volume.claim_name]["name"],
                            "mountPath": f"{VOLUMES_FOLDER}/{side}",
                            "readOnly": side == _SOURCE,
                        }
                        for side, volume in sides.items()
                    ),
                    *({"name": each["name"], "mountPath": CA_BUNDLE_FOLDER, "readOnly": True} for each in bundle),
                    *(
                        {"name": side.volume, "mountPath": side.access.credentials_folder, "readOnly": True}
                        for side in credentials
                    ),
                ],
            }
        ],
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": spec.scratch_size}},
            {"name": "identity", "projected": {"defaultMode": 0o440, "sources": _identity_files()}},
            {
                # Optional, so that a missing Secret fails with the worker's message and the pod does not hang.
                "name": "hub-token",
                "secret": {
                    "secretName": secret.name,
                    "items": [{"key": secret.key, "path": _TOKEN_FILE}],
                    "defaultMode": 0o440,
                    "optional": True,
                },
            },
            *claims.values(),
            *bundle,
            *(_credentials(side) for side in credentials),
        ],
    }
    if spec.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in spec.image_pull_secrets]
    if job.spec.priority_class_name:
        pod["priorityClassName"] = job.spec.priority_class_name
    if is_augment:
        if placement.node_selector:
            pod["nodeSelector"] = dict(placement.node_selector)
        if placement.tolerations:
            pod["tolerations"] = [toleration.to_wire() for toleration in placement.tolerations]
        if placement.runtime_class_name:
            pod["runtimeClassName"] = placement.runtime_class_name
        if placement.node_affinity:
            pod["affinity"] = {"nodeAffinity": _node_affinity(placement.node_affinity)}
    template: Manifest = {"metadata": {"labels": child_labels(job, phase)}, "spec": pod}
    return with_template(template, spec.pod_template, is_augment=is_augment)


def _node_affinity(affinity: NodeAffinity) -> Manifest:
    manifest: Manifest = {}
    if affinity.required:
        terms = [{"matchExpressions": [requirement.to_wire() for requirement in affinity.required]}]
        manifest["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": terms}
    if affinity.preferred:
        manifest["preferredDuringSchedulingIgnoredDuringExecution"] = [
            {
                "weight": preference.weight,
                "preference": {"matchExpressions": [requirement.to_wire() for requirement in preference.match]},
            }
            for preference in affinity.preferred
        ]
    return manifest


def _identity_files() -> list[Manifest]:
    """The identity of the pod, for the API server only: its token is bound to the pod and expires with it."""
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": _IDENTITY_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]


def _volumes(job: AugmentationJob) -> dict[str, VolumeSource]:
    """The volumes to mount, each as a whole: a result is created in the volume and renamed into its place."""
    sides = {_SOURCE: job.spec.source.volume, _OUTPUT: worker_contract.output_volume(job.spec, job.metadata.uid)}
    return {side: volume for side, volume in sides.items() if volume is not None}


def _claims(job: AugmentationJob) -> dict[str, Manifest]:
    """The volumes of the pod by claim.

    One that is only read is read-only for the whole pod: neither its content changes nor, by the kubelet for fsGroup,
    the group of its files.
    """
    sides = _volumes(job)
    output = sides.get(_OUTPUT)
    claims: dict[str, Manifest] = {}
    for side, volume in sides.items():
        claim: Manifest = {"claimName": volume.claim_name}
        if output is None or volume.claim_name != output.claim_name:
            claim["readOnly"] = True
        claims.setdefault(volume.claim_name, {"name": side, "persistentVolumeClaim": claim})
    return claims


def _ca_bundle(job: AugmentationJob, augmentation_class: AugmentationClass) -> list[Manifest]:
    """The volume with the certificates to trust, if there are any."""
    match augmentation_class.spec.ca_bundle:
        case None:
            return []
        case CaBundle(config_map=BundleKey(name=name, key=key)):
            source = {"configMap": {"name": name, "items": [{"key": key, "path": CA_BUNDLE_KEY}]}}
        case CaBundle(secret=BundleKey(name=name, key=key)):
            source = {"secret": {"secretName": name, "items": [{"key": key, "path": CA_BUNDLE_KEY}]}}
        case _:
            source = {"configMap": {"name": ca_bundle_name(job.metadata.name, job.metadata.uid)}}
    return [{"name": "ca-bundle", **source}]


def _credentials(side: StoreSide) -> Manifest:
    """The volume with the credentials of a store: of its Secret the keys of that vendor, and no others."""
    keys = worker_contract.STORE_KEYS[side.access.kind]
    return {
        # Optional, as for the hub: the worker says which key is missing.
        "name": side.volume,
        "secret": {
            "secretName": side.access.secret,
            "items": [{"key": key, "path": key} for key in keys],
            "defaultMode": 0o440,
            "optional": True,
        },
    }


def _environment(
    job: AugmentationJob, augmentation_class: AugmentationClass, phase: PhaseName, shard_count: int
) -> list[Manifest]:
    spec = augmentation_class.spec
    secret = job.spec.credentials_secret_ref or spec.hub.credentials_secret_ref
    stores = store_sides(job, augmentation_class)
    values = {
        worker_contract.ENV_JOB_NAMESPACE: job.metadata.namespace,
        worker_contract.ENV_JOB_NAME: job.metadata.name,
        worker_contract.ENV_JOB_UID: job.metadata.uid,
        worker_contract.ENV_HUB_ENDPOINT: spec.hub.endpoint,
        worker_contract.ENV_HUB_PUBLIC_ENDPOINT: spec.hub.public_endpoint or spec.hub.endpoint,
        worker_contract.ENV_HUB_TOKEN_FILE: f"{HUB_TOKEN_FOLDER}/{_TOKEN_FILE}",
        worker_contract.ENV_CREDENTIALS_SECRET: f"{secret.name}/{secret.key}",
        worker_contract.ENV_SCRATCH: SCRATCH_FOLDER,
        # Plain LFS: one commit per upload, and hubs other than the public one support it.
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HOME": f"{SCRATCH_FOLDER}/hub",
        "HOME": SCRATCH_FOLDER,
        "TMPDIR": SCRATCH_FOLDER,
    }
    folders = {_SOURCE: worker_contract.ENV_SOURCE_FOLDER, _OUTPUT: worker_contract.ENV_OUTPUT_FOLDER}
    values |= {folders[side]: f"{VOLUMES_FOLDER}/{side}/{volume.path}" for side, volume in _volumes(job).items()}
    values |= {side.variable: side.access.model_dump_json(by_alias=True, exclude_none=True) for side in stores}
    if phase == PhaseName.RESOLVE and spec.limits.max_frames is not None:
        values[worker_contract.ENV_MAX_FRAMES] = str(spec.limits.max_frames)
    values[worker_contract.ENV_CHECKPOINT_MB] = str(spec.limits.checkpoint_mb)
    if shard_count:
        values[worker_contract.ENV_SHARD_COUNT] = str(shard_count)
    if spec.ca_bundle is not None:
        values[worker_contract.ENV_CA_BUNDLE] = f"{CA_BUNDLE_FOLDER}/{CA_BUNDLE_KEY}"
    # The kubelet replaces $(NAME) in a value, and takes $$ for $: a folder may be called so.
    values = {name: value.replace("$", "$$") for name, value in values.items()}
    if spec.proxy is not None:
        # The kubelet fills in the address, which every pod knows.
        values |= proxy_variables(spec.proxy, "$(KUBERNETES_SERVICE_HOST)")
    environment: list[Manifest] = [{"name": name, "value": value} for name, value in values.items()]
    fields = {worker_contract.ENV_NODE_NAME: "spec.nodeName", worker_contract.ENV_POD_NAME: "metadata.name"}
    if phase == PhaseName.AUGMENT:
        fields[worker_contract.ENV_SHARD_ATTEMPT] = _INDEX_FAILURES
    environment += [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()]
    return environment
