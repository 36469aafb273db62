"""The spec of an AugmentationClass: on what nodes, with what image and within what limits a kind of job runs.

What a StorageClass is to volumes: written by the cluster's administrator, named (or left to a default) by users.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from augmentation_api.model import Model
from augmentation_api.spec import CredentialsSecretRef, ObjectName
from augmentation_api.vocabulary import AugmentationType

Quantity = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value),
    StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", max_length=32),
    WithJsonSchema({"x-kubernetes-int-or-string": True}),
]
"""An amount as Kubernetes writes it: 500m, 2, 4Gi."""
URL_PATTERN = r"^https?://[^\s/]+[^\s]*$"

LabelKey = Annotated[str, StringConstraints(min_length=1, max_length=317)]
LabelValue = Annotated[str, StringConstraints(max_length=63)]


class Resources(Model):
    """Requests and limits of a container, as in a pod."""

    requests: dict[LabelKey, Quantity] = Field(default={}, description="What the node must have free.")
    limits: dict[LabelKey, Quantity] = Field(default={}, description="What the container may use at most.")


class Toleration(Model):
    """A taint that the pods tolerate, as in a pod."""

    key: Annotated[str, StringConstraints(max_length=317)] | None = Field(None, description="Key of the taint.")
    operator: Literal["Equal", "Exists"] = Field("Equal", description="How the value is compared.")
    value: LabelValue | None = Field(None, description="Value of the taint.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Effect of the taint; empty: all."
    )


class ClassPlacement(Model):
    """One rung of the ladder: a kind of node."""

    name: ObjectName = Field(description="Name of the rung, shown in status.placement.")
    node_selector: dict[LabelKey, LabelValue] = Field(default={}, description="Labels a node must have.")
    tolerations: list[Toleration] = Field(default=[], max_length=16, description="Taints that are tolerated.")
    runtime_class_name: ObjectName | None = Field(None, description="RuntimeClass of the pods, e.g. nvidia.")
    resources: Resources | None = Field(None, description="Instead of the class's resources.")


class InstanceLabels(Model):
    """Node labels from which status.placement is read."""

    instance_type: LabelKey = Field("node.kubernetes.io/instance-type", description="Instance type.")
    region: LabelKey = Field("topology.kubernetes.io/region", description="Region.")
    zone: LabelKey = Field("topology.kubernetes.io/zone", description="Zone.")
    accelerator: LabelKey = Field("nvidia.com/gpu.product", description="Accelerator.")


class ClassLimits(Model):
    """What a job of this class may ask for; checked in resolve, before a node is taken."""

    max_frames: int | None = Field(None, ge=1, description="Most augmented frames of a job.")
    max_parallelism: int = Field(16, ge=1, le=1000, description="Most shards of a job that run at once.")


class Hub(Model):
    """The dataset hub that jobs of this class talk to."""

    endpoint: Annotated[str, StringConstraints(pattern=URL_PATTERN, max_length=512)] = Field(
        "https://huggingface.co", description="Base URL of a Hugging Face compatible hub, as pods reach it."
    )
    public_endpoint: Annotated[str, StringConstraints(pattern=URL_PATTERN, max_length=512)] | None = Field(
        None, description="Base URL of the same hub for people, for links, where it is not `endpoint`."
    )
    credentials_secret_ref: CredentialsSecretRef = Field(
        default=CredentialsSecretRef(name="hub-token"),
        description="Secret in the job's namespace with a hub token, where the job names none.",
    )


class AugmentationClassSpec(Model):
    """How jobs of a class run."""

    type: AugmentationType = Field(AugmentationType.DETERMINISTIC, description="Kind of job it serves.")
    default: bool = Field(False, description="Serve the jobs of this type that name no class. One class a type.")
    image: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = Field(
        description="Worker image; best by digest."
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="When the image is pulled."
    )
    image_pull_secrets: list[ObjectName] = Field(
        default=[], max_length=16, description="Secrets in the job's namespace to pull the image with."
    )
    resources: Resources = Field(default=Resources(), description="Resources of an augment pod.")
    metadata_resources: Resources = Field(
        default=Resources(requests={"cpu": "250m", "memory": "512Mi"}, limits={"memory": "2Gi"}),
        description="Resources of the resolve and publish pods, which need no accelerator.",
    )
    scratch_size: Quantity = Field("20Gi", description="Most local disk a pod may use for videos under way.")
    placements: list[ClassPlacement] = Field(
        default=[ClassPlacement(name="any")],
        min_length=1,
        max_length=16,
        description="Kinds of nodes, best first. The first one is used.",
    )
    instance_labels: InstanceLabels = Field(
        default=InstanceLabels(), description="Node labels from which status.placement is read."
    )
    queue_name: ObjectName | None = Field(None, description="Kueue LocalQueue for jobs that name none.")
    frames_per_shard: int = Field(
        20000, ge=1, description="Augmented frames a shard should hold: what a restart or a node costs at most."
    )
    limits: ClassLimits = Field(default=ClassLimits(), description="What a job may ask for.")
    hub: Hub = Field(default=Hub(), description="The dataset hub.")
