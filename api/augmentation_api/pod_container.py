"""Environment variables, and the containers that an AugmentationClass adds to its pods."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.pod_fields import LongName, Resources
from augmentation_api.pod_volume import ContainerName, DataKey, ResourceName, VolumeMount
from augmentation_api.refused_fields import ModelWithRefusals, RefusedField, with_refusals

WORKER_CONTAINER: Final = "worker"
"""Name of the container that does the work; webhooks of the cluster may add others before or after it."""
Text = Annotated[str, StringConstraints(max_length=4096)]
_FIELD_PATH: Final = (
    r"^(metadata\.(name|namespace|uid)|metadata\.(labels|annotations)\['[-_./A-Za-z0-9]+'\]|"
    r"spec\.(nodeName|serviceAccountName)|status\.(hostIP|hostIPs|podIP|podIPs))$"
)
"""The fields of a pod that Kubernetes gives to variables."""
_ONE_SOURCE = "valueFrom takes exactly one of configMapKeyRef, secretKeyRef, fieldRef"
_ONE_VALUE = "an environment variable takes value or valueFrom, not both"


class KeySelector(Model):
    """A key of a ConfigMap or Secret in the job's namespace."""

    name: ResourceName = Field(description="Name of the ConfigMap or Secret.")
    key: DataKey = Field(description="Key in its data.")
    optional: bool = Field(False, description="Whether pods start without it.")


class FieldSelector(Model):
    """A field of the pod."""

    field_path: Annotated[str, StringConstraints(pattern=_FIELD_PATH, max_length=512)] = Field(
        description="Path of the field, e.g. metadata.labels['team'] or status.podIP."
    )


class EnvironmentSource(Model):
    """Where the value of a variable comes from."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(
                    "[has(self.configMapKeyRef), has(self.secretKeyRef), has(self.fieldRef)].exists_one(given, given)",
                    _ONE_SOURCE,
                )
            ]
        }
    )

    config_map_key_ref: KeySelector | None = Field(None, description="A key of a ConfigMap.")
    secret_key_ref: KeySelector | None = Field(None, description="A key of a Secret.")
    field_ref: FieldSelector | None = Field(None, description="A field of the pod.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(each is not None for each in (self.config_map_key_ref, self.secret_key_ref, self.field_ref)) != 1:
            raise ValueError(_ONE_SOURCE)
        return self


class EnvironmentVariable(Model):
    """A variable of a container's environment."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [kubernetes_rule("!(has(self.value) && has(self.valueFrom))", _ONE_VALUE)]
        }
    )

    name: Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$", max_length=253)] = Field(
        description="Name of the variable."
    )
    value: Text | None = Field(None, description="Its value; $(NAME) is that of another variable. Default: empty.")
    value_from: EnvironmentSource | None = Field(None, description="Where its value comes from.")

    @model_validator(mode="after")
    def _has_one_value(self) -> Self:
        if self.value is not None and self.value_from is not None:
            raise ValueError(_ONE_VALUE)
        return self


class ExecAction(Model):
    """A command in the container."""

    command: list[Text] = Field(min_length=1, max_length=64, description="The command and its arguments.")


class HttpGetAction(Model):
    """A request to the container."""

    path: Annotated[str, StringConstraints(max_length=1024)] = Field("/", description="Path of the URL.")
    port: int = Field(ge=1, le=65535, description="Port number.")
    scheme: Literal["HTTP", "HTTPS"] = Field("HTTP", description="HTTP or HTTPS.")


class TcpSocketAction(Model):
    """A connection to the container."""

    port: int = Field(ge=1, le=65535, description="Port number.")


class StartupProbe(Model):
    """How Kubernetes finds out that a native sidecar has started, before it starts the worker."""

    exec: ExecAction | None = Field(None, description="A command that exits with 0.")
    http_get: HttpGetAction | None = Field(None, description="A request that is answered with 200 to 399.")
    tcp_socket: TcpSocketAction | None = Field(None, description="A connection that is accepted.")
    period_seconds: int = Field(10, ge=1, le=3600, description="Seconds between two tries.")
    timeout_seconds: int = Field(1, ge=1, le=3600, description="Seconds that a try may take.")
    failure_threshold: int = Field(3, ge=1, le=1000, description="Number of failed tries after which it is restarted.")
    initial_delay_seconds: int = Field(0, ge=0, le=3600, description="Seconds before the first try.")


class ContainerSecurity(Model):
    """What an added container may have of its own. All else is the operator's: no privileges, no capabilities."""

    run_as_user: int | None = Field(None, ge=1, le=2**31 - 1, description="User id. Default: the pod's.")
    run_as_group: int | None = Field(None, ge=1, le=2**31 - 1, description="Group id. Default: the pod's.")
    read_only_root_filesystem: bool = Field(True, description="Whether its root file system is read-only.")


_REFUSED: Final[Mapping[str, RefusedField]] = {
    "envFrom": RefusedField("its names are whatever somebody puts there later; name each variable in env", "array"),
    "ports": RefusedField("workers accept no connections; a probe needs no port named", "array"),
    "lifecycle": RefusedField("a native sidecar ends after the worker by itself"),
}
_NOT_THE_WORKER = f"an added container may not be called {WORKER_CONTAINER}: give it another name"


class InitContainer(ModelWithRefusals):
    """A container that runs before the worker, or with restartPolicy Always next to it (a native sidecar).

    It has neither the job's identity nor the hub's token.
    """

    REFUSED: ClassVar[Mapping[str, RefusedField]] = _REFUSED
    model_config = ConfigDict(
        json_schema_extra=with_refusals(
            _REFUSED, kubernetes_rule(f"self.name != '{WORKER_CONTAINER}'", _NOT_THE_WORKER)
        )
    )

    name: ContainerName = Field(description="Name of the container.")
    image: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = Field(
        description="Image, preferably by digest."
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(
        None, description="When the image is pulled. Default: Kubernetes', by its tag."
    )
    command: list[Text] = Field(default=[], max_length=64, description="Entrypoint. Default: the image's.")
    args: list[Text] = Field(default=[], max_length=256, description="Arguments. Default: the image's.")
    working_dir: Annotated[str, StringConstraints(max_length=1024)] | None = Field(
        None, description="Working directory. Default: the image's."
    )
    restart_policy: Literal["Always"] | None = Field(
        None,
        description="Always: a native sidecar, which runs as long as the worker and is then ended. Default: it has to "
        "end before the worker starts.",
        json_schema_extra={"enum": ["Always"]},
    )
    env: Annotated[list[EnvironmentVariable], Field(max_length=64)] = Field(
        default=[],
        description="Environment variables.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    resources: Resources = Field(
        default=Resources(),
        description="Requests and limits. Default: requests of 50m CPU and 64Mi of memory, a limit of 256Mi. What a "
        "quota counts and is not set is completed as the worker's is.",
    )
    volume_mounts: Annotated[list[VolumeMount], Field(max_length=32)] = Field(
        default=[], description="Volumes of podTemplate.volumes; none of the operator's."
    )
    startup_probe: StartupProbe | None = Field(None, description="When a native sidecar has started.")
    security_context: ContainerSecurity = Field(default=ContainerSecurity(), description="User and root file system.")

    @model_validator(mode="after")
    def _is_not_the_worker(self) -> Self:
        if self.name == WORKER_CONTAINER:
            raise ValueError(_NOT_THE_WORKER)
        return self


class ResourceClaim(Model):
    """A claim of dynamic resource allocation (DRA) for the worker's container: a GPU, a part of one, a NIC."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(
                    "has(self.resourceClaimName) != has(self.resourceClaimTemplateName)",
                    "a resource claim takes either resourceClaimName or resourceClaimTemplateName",
                )
            ]
        }
    )

    name: ContainerName = Field(description="Name of the claim in the pod.")
    resource_claim_name: LongName | None = Field(None, description="ResourceClaim in the job's namespace, for all.")
    resource_claim_template_name: LongName | None = Field(
        None, description="ResourceClaimTemplate in the job's namespace: each pod gets a claim of its own."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.resource_claim_name is None) == (self.resource_claim_template_name is None):
            raise ValueError("a resource claim takes either resourceClaimName or resourceClaimTemplateName")
        return self
