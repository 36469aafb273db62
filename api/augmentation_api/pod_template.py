"""What an AugmentationClass adds to its pods, and what it may not touch.

The operator merges it into the pods that it makes, with itself having the last word: the worker's command, identity,
token, isolation and restrictions are its own (docs/decisions/0055). What is refused here is refused so that nobody
believes to have changed it.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.pod_container import EnvironmentVariable, InitContainer, ResourceClaim
from augmentation_api.pod_fields import LABEL_KEY_FORM, LABEL_KEY_PATTERN, LabelKey, LabelValue, Toleration
from augmentation_api.pod_scheduling import Affinity, TopologySpreadConstraint
from augmentation_api.pod_volume import PodVolume, VolumeMount
from augmentation_api.refused_fields import ModelWithRefusals, RefusedField, with_refusals

AnnotationValue = Annotated[str, StringConstraints(max_length=4096)]

RESERVED_LABELS: Final = ("app.kubernetes.io/managed-by", "job-name", "controller-uid")
RESERVED_LABEL_PREFIXES: Final = ("augmentation.dev/", "batch.kubernetes.io/", "kueue.x-k8s.io/")
"""By these labels pods are isolated, counted and queued."""
RESERVED_ANNOTATION_PREFIXES: Final = (
    "augmentation.dev/",
    "batch.kubernetes.io/",
    "container.apparmor.security.beta.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
)
"""The former two are read by the operator and the worker, the latter take the kernel's guards away."""
RESERVED_ACCOUNT_PREFIXES: Final = ("augmentation.dev/", "kubernetes.io/")
RESERVED_VARIABLE_PREFIXES: Final = ("AUGMENTATION_", "KUBERNETES_")
RESERVED_VARIABLES: Final = (
    "HF_ENDPOINT",
    "HF_HOME",
    "HF_HUB_DISABLE_TELEMETRY",
    "HF_HUB_DISABLE_XET",
    "HF_TOKEN",
    "HF_TOKEN_PATH",
    "HUGGING_FACE_HUB_TOKEN",
    "HOME",
    "JOB_COMPLETION_INDEX",
    "KUBECONFIG",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)
"""Variables that the operator sets, or that decide what a worker trusts and as whom it speaks."""

_LABELS_MESSAGE = (
    f"labels may not be {', '.join(RESERVED_LABELS)} nor begin with {', '.join(RESERVED_LABEL_PREFIXES)}: by these the "
    "operator, Kubernetes and Kueue know the pods"
)
_ANNOTATIONS_MESSAGE = (
    f"annotations may not begin with {', '.join(RESERVED_ANNOTATION_PREFIXES)}: the operator and Kubernetes write or "
    "enforce them"
)
_ACCOUNT_MESSAGE = f"annotations may not begin with {', '.join(RESERVED_ACCOUNT_PREFIXES)}: those are Kubernetes' own"
_VARIABLES_MESSAGE = (
    f"env may not name {', '.join(RESERVED_VARIABLES)}, nor a variable that begins with "
    f"{' or '.join(RESERVED_VARIABLE_PREFIXES)}: the operator sets them; use hub, caBundle or limits of the class"
)
_IDS_MESSAGE = "omitIDs leaves user and groups to the cluster: leave runAsUser, runAsGroup and fsGroup out"
_MOUNTS_MESSAGE = "volumeMounts may name volumes of podTemplate.volumes only, not the operator's own: add the volume"


def _no_key_of(prefixes: Sequence[str], names: Sequence[str], message: str, field: str = "self") -> JsonDict:
    rule = f"!{list(prefixes)}.exists(own, key.startsWith(own))"
    if names:
        rule += f" && !(key in {list(names)})"
    return kubernetes_rule(f"{field}.all(key, {rule})", message)


_WELL_FORMED_KEYS = kubernetes_rule(f"self.all(key, key.matches({LABEL_KEY_PATTERN!r}))", LABEL_KEY_FORM)


def _reserved(keys: Mapping[str, str], prefixes: Sequence[str], names: Sequence[str] = ()) -> bool:
    return any(key.startswith(tuple(prefixes)) or key in names for key in keys)


class ServiceAccountTemplate(Model):
    """What the service account of each job has in addition."""

    annotations: dict[LabelKey, AnnotationValue] = Field(
        default={},
        max_length=16,
        description="Annotations by which a cloud gives its pods an identity, e.g. eks.amazonaws.com/role-arn. The "
        "chart has to allow each that is not in its own classes: operatorPolicy.serviceAccountAnnotations.",
        json_schema_extra={
            "x-kubernetes-validations": [
                _no_key_of(RESERVED_ACCOUNT_PREFIXES, (), _ACCOUNT_MESSAGE),
                _WELL_FORMED_KEYS,
            ]
        },
    )

    @model_validator(mode="after")
    def _keeps_off(self) -> Self:
        if _reserved(self.annotations, RESERVED_ACCOUNT_PREFIXES):
            raise ValueError(_ACCOUNT_MESSAGE)
        return self


class SeLinuxOptions(Model):
    """SELinux options, as far as the Pod Security Standard `restricted` allows them."""

    level: Annotated[str, StringConstraints(max_length=255)] | None = Field(None, description="Level, e.g. s0:c1,c2.")
    type: Literal["container_t", "container_init_t", "container_kvm_t"] | None = Field(None, description="Type.")


class PodSecurity(Model):
    """User, groups and SELinux of the pods. That they are not root and have no privileges is not for a class to say."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(
                    "!self.omitIDs || !(has(self.runAsUser) || has(self.runAsGroup) || has(self.fsGroup))", _IDS_MESSAGE
                )
            ]
        }
    )

    omit_ids: bool = Field(
        False,
        alias="omitIDs",
        description="Leave user, group and fsGroup out of the pods, where the cluster assigns them: OpenShift's "
        "SecurityContextConstraints. Default: 65532 for all three.",
    )
    run_as_user: int | None = Field(None, ge=1, le=2**31 - 1, description="User id. Default: 65532.")
    run_as_group: int | None = Field(None, ge=1, le=2**31 - 1, description="Group id. Default: 65532.")
    fs_group: int | None = Field(None, ge=1, le=2**31 - 1, description="Group of the volumes. Default: 65532.")
    fs_group_change_policy: Literal["OnRootMismatch", "Always"] = Field(
        "OnRootMismatch", description="When the group of all files of a volume is changed."
    )
    supplemental_groups: list[Annotated[int, Field(ge=1, le=2**31 - 1)]] = Field(
        default=[], max_length=32, description="Other groups, e.g. that of an NFS export."
    )
    se_linux_options: SeLinuxOptions | None = Field(None, description="SELinux options.")

    @model_validator(mode="after")
    def _omits_or_states(self) -> Self:
        if self.omit_ids and (self.run_as_user or self.run_as_group or self.fs_group):
            raise ValueError(_IDS_MESSAGE)
        return self


_HOST = "workers run as strangers to their node"
_REFUSED: Final[Mapping[str, RefusedField]] = {
    "metadata": RefusedField("labels and annotations stand directly in podTemplate"),
    "spec": RefusedField("the fields of a pod stand directly in podTemplate"),
    "containers": RefusedField(
        "a second container that does not end keeps its job running for ever; add a native sidecar to initContainers, "
        "with restartPolicy Always. The worker's own image, resources and arguments are fields of the class",
        "array",
    ),
    "envFrom": RefusedField(
        "whoever may write that ConfigMap or Secret could set any variable of the worker; name each in env", "array"
    ),
    "image": RefusedField("it is a field of the class", "string"),
    "resources": RefusedField("it is a field of the class and of its placements"),
    "serviceAccountName": RefusedField(
        "each job has an account of its own that may write that job alone; a cloud's rights are given by "
        "serviceAccount.annotations",
        "string",
    ),
    "automountServiceAccountToken": RefusedField("the operator mounts a token that is bound to the pod", "boolean"),
    "hostNetwork": RefusedField(_HOST, "boolean"),
    "hostPID": RefusedField(_HOST, "boolean"),
    "hostIPC": RefusedField(_HOST, "boolean"),
    "restartPolicy": RefusedField("retries are counted by the job's backoffLimitPerShard", "string"),
    "nodeName": RefusedField("the scheduler chooses nodes; use nodeSelector or affinity", "string"),
    "priorityClassName": RefusedField("jobs name their priority themselves, in spec.priorityClassName", "string"),
    "imagePullSecrets": RefusedField("it is a field of the class, and is used for these containers too", "array"),
}


class PodTemplate(ModelWithRefusals):
    """What all pods of a class have in addition, in the fields of a Kubernetes pod."""

    REFUSED: ClassVar[Mapping[str, RefusedField]] = _REFUSED
    model_config = ConfigDict(
        json_schema_extra=with_refusals(
            _REFUSED,
            kubernetes_rule(
                "self.volumeMounts.all(mount, self.volumes.exists(volume, volume.name == mount.name)) && "
                "self.initContainers.all(container, container.volumeMounts.all(mount, "
                "self.volumes.exists(volume, volume.name == mount.name)))",
                _MOUNTS_MESSAGE,
            ),
        )
    )

    labels: dict[LabelKey, LabelValue] = Field(
        default={},
        max_length=32,
        description="Labels of the pods.",
        json_schema_extra={
            "x-kubernetes-validations": [
                _no_key_of(RESERVED_LABEL_PREFIXES, RESERVED_LABELS, _LABELS_MESSAGE),
                _WELL_FORMED_KEYS,
            ]
        },
    )
    annotations: dict[LabelKey, AnnotationValue] = Field(
        default={},
        max_length=32,
        description="Annotations of the pods, e.g. sidecar.istio.io/inject.",
        json_schema_extra={
            "x-kubernetes-validations": [
                _no_key_of(RESERVED_ANNOTATION_PREFIXES, (), _ANNOTATIONS_MESSAGE),
                _WELL_FORMED_KEYS,
            ]
        },
    )
    service_account: ServiceAccountTemplate = Field(
        default=ServiceAccountTemplate(), description="What the service account of each job has in addition."
    )
    env: Annotated[list[EnvironmentVariable], Field(max_length=64)] = Field(
        default=[],
        description="Environment variables of the worker, in addition to those that the operator sets.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "x-kubernetes-validations": [
                kubernetes_rule(
                    f"self.all(each, !{list(RESERVED_VARIABLE_PREFIXES)}.exists(own, each.name.startsWith(own)) && "
                    f"!(each.name in {list(RESERVED_VARIABLES)}))",
                    _VARIABLES_MESSAGE,
                )
            ],
        },
    )
    volumes: Annotated[list[PodVolume], Field(max_length=32)] = Field(
        default=[],
        description="Volumes of the pods: configMap, secret, emptyDir, persistentVolumeClaim, csi or ephemeral. What "
        "they name lies in the job's namespace.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    volume_mounts: Annotated[list[VolumeMount], Field(max_length=32)] = Field(
        default=[],
        description="Where the worker sees these volumes.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["mountPath"]},
    )
    init_containers: Annotated[list[InitContainer], Field(max_length=8)] = Field(
        default=[],
        description="Containers that run before the worker, in this order, or next to it (restartPolicy Always).",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    security_context: PodSecurity = Field(default=PodSecurity(), description="User, groups and SELinux of the pods.")
    resource_claims: Annotated[list[ResourceClaim], Field(max_length=16)] = Field(
        default=[],
        description="Claims of dynamic resource allocation (DRA) for the worker's container of augment pods.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    node_selector: dict[LabelKey, LabelValue] = Field(
        default={},
        description="Labels that the node of every pod must have. Those of a placement go before it, for augment pods.",
    )
    tolerations: list[Toleration] = Field(
        default=[], max_length=16, description="Taints that all pods tolerate, in addition to those of a placement."
    )
    affinity: Affinity | None = Field(
        None, description="Affinity of all pods; nodes must meet that of a placement as well."
    )
    topology_spread_constraints: list[TopologySpreadConstraint] = Field(
        default=[], max_length=8, description="How evenly the augment pods of a job are spread."
    )

    @model_validator(mode="after")
    def _keeps_off_what_is_the_operators(self) -> Self:
        if _reserved(self.labels, RESERVED_LABEL_PREFIXES, RESERVED_LABELS):
            raise ValueError(_LABELS_MESSAGE)
        if _reserved(self.annotations, RESERVED_ANNOTATION_PREFIXES):
            raise ValueError(_ANNOTATIONS_MESSAGE)
        if _reserved({each.name: "" for each in self.env}, RESERVED_VARIABLE_PREFIXES, RESERVED_VARIABLES):
            raise ValueError(_VARIABLES_MESSAGE)
        mounts = [*self.volume_mounts, *(mount for each in self.init_containers for mount in each.volume_mounts)]
        if not {mount.name for mount in mounts} <= {volume.name for volume in self.volumes}:
            raise ValueError(_MOUNTS_MESSAGE)
        return self
