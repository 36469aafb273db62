"""The spec of an AugmentationClass: the nodes, image and limits of a kind of job.

What a StorageClass is to volumes: written by the cluster's administrator, named (or left to a default) by users.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from augmentation_api.episode_ranges import MAX_DATASET_FRAMES
from augmentation_api.identifiers import MAX_PLACEMENTS
from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.notify import Notify
from augmentation_api.object_store import ObjectStores
from augmentation_api.outbound import PROXY_VARIABLES, CaBundle, Proxy
from augmentation_api.pod_fields import LabelKey, LabelValue, Quantity, Resources, Toleration
from augmentation_api.pod_template import PodTemplate
from augmentation_api.spec import CredentialsSecretRef, ObjectName, WorkloadPriorityName
from augmentation_api.vocabulary import AugmentationType

MAX_CLASS_BYTES: Final = 12 * 1024
"""Size of the largest class as JSON, bytes: a job keeps a copy of its class in its status."""
URL_PATTERN = r"^https?://[^\s/]+[^\s]*$"


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
        "In", description="Comparison operator."
    )
    values: list[LabelValue] = Field(
        default=[],
        max_length=64,
        description="Values to compare with: none for Exists and DoesNotExist, one number for Gt and Lt.",
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
    """A weighted preference for nodes with these labels."""

    weight: int = Field(50, ge=1, le=100, description="Weight of the preference, 1 to 100.")
    match: list[NodeRequirement] = Field(min_length=1, max_length=16, description="Labels that must all match.")


class NodeAffinity(Model):
    """Node requirements and preferences beyond a node selector."""

    required: list[NodeRequirement] = Field(
        default=[], max_length=16, description="Requirements that a node must meet, all of them."
    )
    preferred: list[NodePreference] = Field(
        default=[], max_length=16, description="Preferences among the nodes that qualify."
    )


class ClassPlacement(Model):
    """One entry of the list of placements: a kind of node."""

    name: ObjectName = Field(description="Name of the placement, shown in status.placement.")
    node_selector: dict[LabelKey, LabelValue] = Field(default={}, description="Labels a node must have.")
    node_affinity: NodeAffinity | None = Field(
        None, description="Node requirements and preferences, where a node selector is not enough."
    )
    tolerations: list[Toleration] = Field(default=[], max_length=16, description="Taints that are tolerated.")
    runtime_class_name: ObjectName | None = Field(None, description="RuntimeClass of the pods, e.g. nvidia.")
    resources: Resources | None = Field(
        None, description="Resources of an augment pod here, instead of those of the class."
    )
    time_limit_seconds: int = Field(
        300,
        ge=1,
        le=604800,
        description="How long a job waits for a node of this kind before it falls back to the next placement. The last "
        "placement waits without a limit.",
    )
    price_per_hour: float | None = Field(
        None,
        ge=0,
        le=1e6,
        description="Price of one augment pod per hour; accumulated in status.usage.price.",
    )
    relative_speed: float | None = Field(
        None,
        ge=0.01,
        le=100,
        description="Speed of a core of these nodes, for estimates of time and price: 2 takes half the time. "
        "`python -m benchmarks.estimate` prints that of the machine it runs on. Default: 1, a core of the "
        "machine that the model was measured on (docs/choosing-nodes.md).",
    )


class InstanceLabels(Model):
    """Node labels from which status.placement is read."""

    instance_type: LabelKey = Field("node.kubernetes.io/instance-type", description="Instance type.")
    region: LabelKey = Field("topology.kubernetes.io/region", description="Region.")
    zone: LabelKey = Field("topology.kubernetes.io/zone", description="Zone.")
    accelerator: LabelKey = Field("nvidia.com/gpu.product", description="Accelerator.")


DEFAULT_MAX_FRAMES: Final = 1_000_000_000
"""DROID, the largest public robot dataset, has 27 million frames; with the maximum of 20 copies, 540 million."""


DEFAULT_CHECKPOINT_MB: Final = 100
DEFAULT_CHECKPOINT_BYTES: Final = DEFAULT_CHECKPOINT_MB * 2**20


class ClassLimits(Model):
    """Limits of the jobs of a class."""

    checkpoint_mb: int = Field(
        DEFAULT_CHECKPOINT_MB,
        ge=1,
        le=1_000_000,
        alias="checkpointMB",
        description="Most megabytes (2^20 bytes) of a file of several augmented episodes, as estimated from the "
        "source's files: what a shard loses when it is killed. Larger files are made only for a single episode. The "
        "files are smaller where video_files_size_in_mb or data_files_size_in_mb of the dataset is.",
    )

    max_frames: int | None = Field(
        DEFAULT_MAX_FRAMES,
        ge=1,
        le=MAX_DATASET_FRAMES,
        description="Maximum number of augmented frames of a job per camera, or rows of an image dataset. The default "
        "fits 20 copies of the largest public robot dataset.",
    )
    max_jobs_per_namespace: int | None = Field(
        None,
        ge=1,
        description="Maximum number of jobs of this class that hold nodes concurrently in a namespace. The others "
        "wait in a queue, FIFO within a priority (the value of their priorityClassName). Empty: no limit.",
    )
    max_parallelism: int = Field(
        16, ge=1, le=1000, description="Maximum number of shards of a job that run concurrently."
    )


class Hub(Model):
    """The dataset hub that jobs of this class talk to."""

    endpoint: Annotated[str, StringConstraints(pattern=URL_PATTERN, max_length=512)] = Field(
        "https://huggingface.co", description="Base URL of a Hugging Face compatible hub, as pods reach it."
    )
    public_endpoint: Annotated[str, StringConstraints(pattern=URL_PATTERN, max_length=512)] | None = Field(
        None, description="Base URL of the hub in links that people follow, if it differs from `endpoint`."
    )
    credentials_secret_ref: CredentialsSecretRef = Field(
        default=CredentialsSecretRef(name="hub-token"),
        description="Secret in the job's namespace with a hub token, for jobs that name none.",
    )


_ONE_PROXY = "podTemplate.env names a variable that proxy sets: leave one of them out"


class AugmentationClassSpec(Model):
    """How the jobs of a class run."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(
                    "self.placements.all(p, self.placements.exists_one(other, other.name == p.name))",
                    "placements: two placements have the same name: give each its own name",
                ),
                kubernetes_rule(
                    "!has(self.proxy) || !has(self.podTemplate) || !self.podTemplate.env.exists(each, "
                    f"each.name.upperAscii() in {list(PROXY_VARIABLES)})",
                    _ONE_PROXY,
                ),
            ]
        }
    )

    type: AugmentationType = Field(AugmentationType.DETERMINISTIC, description="Type of the jobs that it serves.")
    default: bool = Field(
        False, description="Default class of the jobs of this type that name no class. At most one per type."
    )
    image: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = Field(
        description="Worker image, preferably by digest: of all phases, except augment where `cudaImage` runs it."
    )
    cuda_image: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = Field(
        None,
        description="Image of the augment pods that ask for a GPU, by their resources at the job's placement or by "
        "podTemplate.resourceClaims. Of the same release as `image`, preferably by digest. Default: `image`.",
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="When the images are pulled."
    )
    image_pull_secrets: list[ObjectName] = Field(
        default=[], max_length=16, description="Secrets in the job's namespace to pull the images with."
    )
    resources: Resources = Field(
        default=Resources(),
        description="Resources of an augment pod. Default: requests of 1 CPU and 1Gi of memory, a limit of 4Gi. A CPU "
        "limit that is not set is four times the request and at least 2; one of ephemeral-storage is scratchSize plus "
        "1Gi.",
    )
    metadata_resources: Resources = Field(
        default=Resources(requests={"cpu": "250m", "memory": "512Mi"}, limits={"memory": "2Gi"}),
        description="Resources of the resolve and publish pods, which need no accelerator.",
    )
    scratch_size: Quantity = Field("20Gi", description="Local disk that a pod may use for files in progress.")
    placements: list[ClassPlacement] = Field(
        default=[ClassPlacement(name="any")],
        min_length=1,
        max_length=MAX_PLACEMENTS,
        description="Kinds of nodes, in order of preference. A job that finds no node of a kind in time falls back to "
        "the next one.",
    )
    instance_labels: InstanceLabels = Field(
        default=InstanceLabels(), description="Node labels from which status.placement is read."
    )
    queue_name: ObjectName | None = Field(
        None,
        description="Kueue LocalQueue, in each job's namespace, for jobs without one. Jobs with a queue do not count "
        "towards limits.maxJobsPerNamespace.",
    )
    workload_priority_class_name: WorkloadPriorityName | None = Field(
        None, description="Kueue WorkloadPriorityClass of jobs that name none. Default: none."
    )
    min_parallelism: int = Field(
        1,
        ge=1,
        le=1000,
        description="Fewest concurrent shards with which Kueue may start a job whose queue lacks quota for all that it "
        "asks for (partial admission). Default: 1, as shards do not depend on each other. 1000 waits for all.",
    )
    frames_per_shard: int = Field(
        20000, ge=1, description="Target number of augmented frames per shard: the most work that a lost pod costs."
    )
    notify: Notify | None = Field(
        None, description="Where the end of each job is announced, previews excepted. Default: nowhere."
    )
    limits: ClassLimits = Field(default=ClassLimits(), description="Limits of each job.")
    hub: Hub = Field(default=Hub(), description="The dataset hub.")
    object_stores: ObjectStores | None = Field(
        None,
        description="Endpoints and credentials of object stores for jobs that name none. Default: the vendors' own, "
        "with the identity that the cloud gives the pods.",
    )
    ca_bundle: CaBundle | None = Field(
        None,
        description="Certificates that pods trust in addition to the public ones, for a hub with a certificate of a "
        "private authority.",
    )
    proxy: Proxy | None = Field(None, description="Proxies through which pods reach the hub.")
    pod_template: PodTemplate | None = Field(
        None,
        description="What all pods of the class have in addition: labels, volumes, containers and the like. It adds to "
        "what the operator sets and changes nothing of it.",
    )

    def placement_at(self, index: int) -> ClassPlacement:
        """The placement at an index, from 0; the last one if the list has been shortened since."""
        return self.placements[min(index, len(self.placements) - 1)]

    @model_validator(mode="after")
    def _has_one_proxy(self) -> Self:
        variables = {each.name.upper() for each in self.pod_template.env} if self.pod_template is not None else set()
        if self.proxy is not None and variables & set(PROXY_VARIABLES):
            raise ValueError(_ONE_PROXY)
        return self

    @model_validator(mode="after")
    def _unique_names(self) -> Self:
        names = [placement.name for placement in self.placements]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(
                f"placements: {', '.join(repeated)} is named more than once: give each placement its own name"
            )
        return self
