"""The spec of an AugmentationClass: on what nodes, with what image and within what limits a kind of job runs.

What a StorageClass is to volumes: written by the cluster's administrator, named (or left to a default) by users.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from augmentation_api.identifiers import MAX_RUNGS
from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.spec import CredentialsSecretRef, ObjectName
from augmentation_api.status import MAX_DATASET_FRAMES
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


class NodeRequirement(Model):
    """A label a node must have, compared as in a pod's node affinity."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(
                    "(self.operator in ['Exists', 'DoesNotExist']) == (!has(self.values) || size(self.values) == 0)",
                    "values are needed for In, NotIn, Gt and Lt, and only for these",
                )
            ]
        }
    )

    key: LabelKey = Field(description="Key of the label, e.g. nvidia.com/gpu.product.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(
        "In", description="How it is compared."
    )
    values: list[LabelValue] = Field(
        default=[], max_length=64, description="What it is compared with: none for Exists, one number for Gt and Lt."
    )

    @model_validator(mode="after")
    def _values_that_fit(self) -> Self:
        if self.operator in ("Exists", "DoesNotExist"):
            if self.values:
                raise ValueError(f"{self.key}: operator {self.operator} takes no values: leave them out")
        elif self.operator in ("Gt", "Lt"):
            if len(self.values) != 1 or not self.values[0].isdecimal():
                raise ValueError(f"{self.key}: operator {self.operator} takes one whole number in values")
        elif not self.values:
            raise ValueError(f"{self.key}: operator {self.operator} needs values")
        return self


class NodePreference(Model):
    """Labels that make a node better liked than another."""

    weight: int = Field(50, ge=1, le=100, description="How much it counts, 1 to 100.")
    match: list[NodeRequirement] = Field(min_length=1, max_length=16, description="All of these.")


class NodeAffinity(Model):
    """Which nodes are taken, beyond what a node selector can say."""

    required: list[NodeRequirement] = Field(default=[], max_length=16, description="What a node must have: all.")
    preferred: list[NodePreference] = Field(default=[], max_length=16, description="What is better to have.")


class ClassPlacement(Model):
    """One rung of the ladder: a kind of node."""

    name: ObjectName = Field(description="Name of the rung, shown in status.placement.")
    node_selector: dict[LabelKey, LabelValue] = Field(default={}, description="Labels a node must have.")
    node_affinity: NodeAffinity | None = Field(
        None, description="Labels a node must or should have, where one value each is not enough."
    )
    tolerations: list[Toleration] = Field(default=[], max_length=16, description="Taints that are tolerated.")
    runtime_class_name: ObjectName | None = Field(None, description="RuntimeClass of the pods, e.g. nvidia.")
    resources: Resources | None = Field(None, description="Instead of the class's resources.")
    time_limit_seconds: int = Field(
        300,
        ge=1,
        le=604800,
        description="How long a job waits for a node of this kind before the next rung is tried. The last rung waits "
        "without a limit.",
    )
    price_per_hour: float | None = Field(
        None, ge=0, description="Price of one augment pod here for an hour; summed up in status.usage.price."
    )


class InstanceLabels(Model):
    """Node labels from which status.placement is read."""

    instance_type: LabelKey = Field("node.kubernetes.io/instance-type", description="Instance type.")
    region: LabelKey = Field("topology.kubernetes.io/region", description="Region.")
    zone: LabelKey = Field("topology.kubernetes.io/zone", description="Zone.")
    accelerator: LabelKey = Field("nvidia.com/gpu.product", description="Accelerator.")


DEFAULT_MAX_FRAMES: Final = 1_000_000_000
"""DROID has 27 million frames, a job makes 20 copies at most: 540 million."""


class ClassLimits(Model):
    """What jobs of this class may ask for and take at once."""

    max_frames: int | None = Field(
        DEFAULT_MAX_FRAMES,
        ge=1,
        le=MAX_DATASET_FRAMES,
        description="Most augmented frames of a job, of each camera, or rows of an image dataset. The default holds 20 "
        "copies of the largest public dataset of robots.",
    )
    max_jobs_per_namespace: int | None = Field(
        None,
        ge=1,
        description="Most jobs of this class that take nodes at once in a namespace. The others wait in a queue: by "
        "the value of their priorityClassName, then first come, first served. Empty: no limit.",
    )
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

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(
                    "self.placements.all(rung, self.placements.exists_one(other, other.name == rung.name))",
                    "placements: more than one rung has the same name: name each by itself",
                )
            ]
        }
    )

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
    resources: Resources = Field(
        default=Resources(),
        description="Resources of an augment pod; with none: 1 CPU and 2Gi of memory, at most 4Gi. A limit of CPU that "
        "is not named is four times the request and at least 2, one of ephemeral-storage is scratchSize and 1Gi.",
    )
    metadata_resources: Resources = Field(
        default=Resources(requests={"cpu": "250m", "memory": "512Mi"}, limits={"memory": "2Gi"}),
        description="Resources of the resolve and publish pods, which need no accelerator.",
    )
    scratch_size: Quantity = Field("20Gi", description="Most local disk a pod may use for videos under way.")
    placements: list[ClassPlacement] = Field(
        default=[ClassPlacement(name="any")],
        min_length=1,
        max_length=MAX_RUNGS,
        description="Kinds of nodes, best first: a ladder that is gone down until a node of the kind is found.",
    )
    instance_labels: InstanceLabels = Field(
        default=InstanceLabels(), description="Node labels from which status.placement is read."
    )
    queue_name: ObjectName | None = Field(
        None,
        description="Kueue LocalQueue, in each job's namespace, for jobs without one. Jobs with a queue do not count "
        "towards limits.maxJobsPerNamespace.",
    )
    frames_per_shard: int = Field(
        20000, ge=1, description="Augmented frames a shard should hold: what a restart or a node costs at most."
    )
    limits: ClassLimits = Field(default=ClassLimits(), description="What a job may ask for.")
    hub: Hub = Field(default=Hub(), description="The dataset hub.")

    def placement_on(self, rung: int) -> ClassPlacement:
        """A rung of the ladder, from 0; the last one where the ladder has been shortened meanwhile."""
        return self.placements[min(rung, len(self.placements) - 1)]

    @model_validator(mode="after")
    def _rungs_with_names_of_their_own(self) -> Self:
        names = [rung.name for rung in self.placements]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"placements: more than one rung is called {', '.join(repeated)}: name each by itself")
        return self
