"""Volumes that an AugmentationClass adds to its pods: the kinds that the Pod Security Standard `restricted` allows."""

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.pod_fields import LabelKey, LongName, Quantity
from augmentation_api.refused_fields import ModelWithRefusals, RefusedField, with_refusals

ContainerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
ResourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$", max_length=253)]
DataKey = Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)]
_STEP = r"([^./]|\.[^./]|[^./][^/]+|\.[^./][^/]+)"
RelativePath = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=rf"^{_STEP}(/{_STEP})*$")]
"""A path that Kubernetes takes inside a volume: no step of it is empty, `.`, or begins with `..`."""

SCRATCH_FOLDER: Final = "/scratch"
VOLUMES_FOLDER: Final = "/volumes"
HUB_TOKEN_FOLDER: Final = "/run/hub-token"
IDENTITY_FOLDER: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
CA_BUNDLE_FOLDER: Final = "/run/ca-bundle"
STORE_CREDENTIALS_FOLDER: Final = "/run/store-credentials"
"""Where the operator mounts the volumes of its own."""
OPERATOR_VOLUMES: Final = (
    "scratch",
    "identity",
    "hub-token",
    "source",
    "output",
    "ca-bundle",
    "source-store",
    "output-store",
)
"""Names of these volumes."""
# /var/run is a link to /run in most images: one folder has two names.
PROTECTED_FOLDERS: Final = (
    SCRATCH_FOLDER,
    VOLUMES_FOLDER,
    HUB_TOKEN_FOLDER,
    f"/var{HUB_TOKEN_FOLDER}",
    CA_BUNDLE_FOLDER,
    f"/var{CA_BUNDLE_FOLDER}",
    STORE_CREDENTIALS_FOLDER,
    f"/var{STORE_CREDENTIALS_FOLDER}",
    "/run/secrets/kubernetes.io",
    "/var/run/secrets/kubernetes.io",
    "/dev",
    "/proc",
    "/sys",
)
"""Folders of a worker's container that nothing else may be mounted to, nor above, nor below: but see SHARED_MEMORY."""
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108
"""The exception: an emptyDir of medium Memory is often mounted there for data loaders."""
_MOUNT_PATH = r"^(/[^/:]+)+$"
_PROTECTED_MESSAGE = (
    f"mountPath may not be, hold or lie in a folder that the operator mounts or Kubernetes needs "
    f"({', '.join(folder for folder in PROTECTED_FOLDERS if not folder.startswith('/var/'))}): mount it elsewhere, "
    "e.g. below /mnt"
)
_NO_STEPS_MESSAGE = "mountPath has to be absolute, without . and .. and a slash at its end, e.g. /mnt/models"


class KeyToPath(Model):
    """A key of a ConfigMap or Secret, and the file it becomes."""

    key: DataKey = Field(description="Key of the data.")
    path: RelativePath = Field(description="Path of the file in the volume, relative.")
    mode: int | None = Field(None, ge=0, le=0o777, description="Mode bits of the file, decimal in JSON.")


class ConfigMapVolume(Model):
    """A ConfigMap in the job's namespace."""

    name: ResourceName = Field(description="Name of the ConfigMap.")
    items: list[KeyToPath] = Field(default=[], max_length=64, description="Keys to show. Default: all.")
    default_mode: int | None = Field(None, ge=0, le=0o777, description="Mode bits of the files, decimal in JSON.")
    optional: bool = Field(False, description="Whether pods start without it.")


class SecretVolume(Model):
    """A Secret in the job's namespace."""

    secret_name: ResourceName = Field(description="Name of the Secret.")
    items: list[KeyToPath] = Field(default=[], max_length=64, description="Keys to show. Default: all.")
    default_mode: int | None = Field(None, ge=0, le=0o777, description="Mode bits of the files, decimal in JSON.")
    optional: bool = Field(False, description="Whether pods start without it.")


class EmptyDirVolume(Model):
    """An empty folder that ends with the pod."""

    medium: Literal["", "Memory"] = Field("", description="Memory: a file system in memory, which counts as the pod's.")
    size_limit: Quantity | None = Field(None, description="Maximum size.")


class ClaimVolume(Model):
    """A PersistentVolumeClaim in the job's namespace."""

    claim_name: ResourceName = Field(description="Name of the claim.")
    read_only: bool = Field(False, description="Whether the volume is mounted read-only for the whole pod.")


class LocalReference(Model):
    """A Secret in the job's namespace."""

    name: ResourceName = Field(description="Name of the Secret.")


class CsiVolume(Model):
    """An ephemeral volume of a CSI driver: NFS, a vault's secrets, images of models and the like."""

    driver: ResourceName = Field(description="Name of the driver, e.g. nfs.csi.k8s.io.")
    read_only: bool | None = Field(None, description="Whether the volume is read-only. Default: the driver's.")
    fs_type: Annotated[str, StringConstraints(max_length=64)] | None = Field(None, description="Type of file system.")
    volume_attributes: dict[LongName, Annotated[str, StringConstraints(max_length=1024)]] = Field(
        default={}, description="Attributes that the driver understands."
    )
    node_publish_secret_ref: LocalReference | None = Field(None, description="Secret for the driver.")


class EphemeralClaimResources(Model):
    """The size of an ephemeral claim."""

    requests: dict[LabelKey, Quantity] = Field(description="storage: the size.")


class EphemeralClaimSpec(Model):
    """The claim behind an ephemeral volume."""

    access_modes: list[Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]] = Field(
        min_length=1, max_length=4, description="Access modes, e.g. ReadWriteOnce."
    )
    storage_class_name: ResourceName | None = Field(None, description="StorageClass. Default: the cluster's.")
    resources: EphemeralClaimResources = Field(description="Its size.")


class EphemeralClaimTemplate(Model):
    """The template of a claim that is made for a pod and deleted with it."""

    spec: EphemeralClaimSpec = Field(description="The claim.")


class EphemeralVolume(Model):
    """A volume of a StorageClass that is made for a pod and deleted with it."""

    volume_claim_template: EphemeralClaimTemplate = Field(description="The claim that is made.")


_REFUSED_VOLUMES: Final[Mapping[str, RefusedField]] = {
    "hostPath": RefusedField(
        "a folder of the node is shared with all that runs there; use persistentVolumeClaim, csi or ephemeral"
    ),
    "nfs": RefusedField(
        "the Pod Security Standard restricted allows no NFS volume in a pod; use a persistentVolumeClaim of an NFS "
        "PersistentVolume, or csi with the driver nfs.csi.k8s.io"
    ),
    "projected": RefusedField(
        "it could hold tokens, by which the pod would be more than a worker; use configMap or secret, and for the "
        "identity of a cloud serviceAccount.annotations of podTemplate"
    ),
}
_KINDS = ("configMap", "secret", "emptyDir", "persistentVolumeClaim", "csi", "ephemeral")
_GIVEN = ", ".join(f"has(self.{kind})" for kind in _KINDS)
_ONE_KIND = f"a volume takes exactly one of {', '.join(_KINDS)}"
_OWN_NAMES = f"a volume may not be called {', '.join(OPERATOR_VOLUMES)}, as the operator's are: give it another name"


class PodVolume(ModelWithRefusals):
    """A volume of the pods: exactly one kind."""

    REFUSED: ClassVar[Mapping[str, RefusedField]] = _REFUSED_VOLUMES
    model_config = ConfigDict(
        json_schema_extra=with_refusals(
            _REFUSED_VOLUMES,
            kubernetes_rule(
                f"[{', '.join(f'has(self.{kind})' for kind in _KINDS)}].exists_one(given, given)", _ONE_KIND
            ),
            kubernetes_rule(f"!(self.name in {list(OPERATOR_VOLUMES)})", _OWN_NAMES),
        )
    )

    name: ContainerName = Field(description="Name of the volume, for volumeMounts.")
    config_map: ConfigMapVolume | None = Field(None, description="A ConfigMap in the job's namespace.")
    secret: SecretVolume | None = Field(None, description="A Secret in the job's namespace.")
    empty_dir: EmptyDirVolume | None = Field(None, description="An empty folder.")
    persistent_volume_claim: ClaimVolume | None = Field(None, description="A claim in the job's namespace.")
    csi: CsiVolume | None = Field(None, description="An ephemeral volume of a CSI driver.")
    ephemeral: EphemeralVolume | None = Field(None, description="A claim that is made for each pod.")

    @model_validator(mode="after")
    def _is_one_of_ours(self) -> Self:
        kinds = (self.config_map, self.secret, self.empty_dir, self.persistent_volume_claim, self.csi, self.ephemeral)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError(_ONE_KIND)
        if self.name in OPERATOR_VOLUMES:
            raise ValueError(_OWN_NAMES)
        return self


class VolumeMount(Model):
    """Where a container sees a volume of podTemplate.volumes."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(
                    f"self.mountPath == '{SHARED_MEMORY}' || !{list(PROTECTED_FOLDERS)}.exists(own, "
                    "self.mountPath == own || self.mountPath.startsWith(own + '/') || "
                    "own.startsWith(self.mountPath + '/'))",
                    _PROTECTED_MESSAGE,
                ),
                kubernetes_rule(
                    "self.mountPath.startsWith('/') && !self.mountPath.endsWith('/') && "
                    "!['/./', '/../', '//', ':'].exists(step, (self.mountPath + '/').contains(step))",
                    _NO_STEPS_MESSAGE,
                ),
            ]
        }
    )

    name: ContainerName = Field(description="Name of a volume of podTemplate.volumes.")
    mount_path: Annotated[str, StringConstraints(min_length=1, max_length=512)] = Field(
        description="Absolute path in the container, e.g. /mnt/models."
    )
    sub_path: RelativePath | None = Field(None, description="Path in the volume. Default: all of it.")
    read_only: bool = Field(False, description="Whether it is read-only here.")

    @model_validator(mode="after")
    def _covers_nothing_of_the_operator(self) -> Self:
        if re.fullmatch(_MOUNT_PATH, self.mount_path) is None or {".", ".."} & set(self.mount_path.split("/")):
            raise ValueError(_NO_STEPS_MESSAGE)
        if is_protected(self.mount_path):
            raise ValueError(_PROTECTED_MESSAGE)
        return self


def is_protected(path: str) -> bool:
    """Whether a mount at an absolute path would cover, or lie in, what the operator mounts or Kubernetes needs."""
    return path != SHARED_MEMORY and any(
        path == own or path.startswith(f"{own}/") or own.startswith(f"{path.rstrip('/')}/") for own in PROTECTED_FOLDERS
    )
