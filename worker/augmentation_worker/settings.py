"""A worker pod's settings, from the environment that the operator gives it (augmentation_api.worker_contract)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field
from typing_extensions import override

from augmentation_api import FailureReason, worker_contract
from augmentation_api.augmentation_class import DEFAULT_CHECKPOINT_MB
from augmentation_kube.settings import EnvironmentSettings, SettingsError
from augmentation_worker.failure import WorkerFailure

ENV_TERMINATION_MESSAGE_PATH: Final = "AUGMENTATION_TERMINATION_MESSAGE_PATH"
"""Where the termination message goes, if not to worker_contract.TERMINATION_MESSAGE_PATH (tests, local runs)."""
ENV_LOCAL_JOB: Final = "AUGMENTATION_LOCAL_JOB"
"""Folder that takes the place of the cluster in a run without one."""
ENV_DEVICE: Final = "AUGMENTATION_DEVICE"
"""What augments, if not what there is: auto, cpu or cuda."""
ENV_KUBECONFIG: Final = "KUBECONFIG"
Device = Literal["auto", "cpu", "cuda"]


class WorkerSettings(EnvironmentSettings):
    """Settings of the worker, or of one of its storages. A variable that cannot be used fails the pod."""

    @classmethod
    @override
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        try:
            return super().from_environment(environment)
        except SettingsError as error:
            raise WorkerFailure(
                FailureReason.INTERNAL_ERROR, f"{error} (the operator sets the variables of its pods)"
            ) from error


class Settings(WorkerSettings):
    """One pod's place in the job.

    Attributes:
        namespace, job_name, job_uid: the AugmentationJob this pod works for.
        shard_count, shard_index: None in the phases that have none.
        shard_attempt: how often this shard failed before.
        device: what augments: cuda, cpu, or auto for cuda where there is one.
        checkpoint_mb: most megabytes of a unit of the work, where its format lets it have several episodes.
        max_frames: the class's limit on augmented frames; None: no limit.
        scratch: writable folder.
        local_job: folder that takes the place of the cluster; None: there is a cluster.
        kubeconfig: how to reach the cluster; None: as the pod that this is.
    """

    namespace: str = Field(validation_alias=worker_contract.ENV_JOB_NAMESPACE)
    job_name: str = Field(validation_alias=worker_contract.ENV_JOB_NAME)
    job_uid: str = Field(validation_alias=worker_contract.ENV_JOB_UID)
    shard_count: int | None = Field(None, ge=0, validation_alias=worker_contract.ENV_SHARD_COUNT)
    shard_index: int | None = Field(None, ge=0, validation_alias=worker_contract.ENV_SHARD_INDEX)
    shard_attempt: int = Field(0, ge=0, validation_alias=worker_contract.ENV_SHARD_ATTEMPT)
    device: Device = Field("auto", validation_alias=ENV_DEVICE)
    checkpoint_mb: int = Field(DEFAULT_CHECKPOINT_MB, ge=1, validation_alias=worker_contract.ENV_CHECKPOINT_MB)
    max_frames: int | None = Field(None, ge=0, validation_alias=worker_contract.ENV_MAX_FRAMES)
    scratch: Path = Field(Path("/tmp"), validation_alias=worker_contract.ENV_SCRATCH)  # noqa: S108
    node_name: str = Field("", validation_alias=worker_contract.ENV_NODE_NAME)
    local_job: Path | None = Field(None, validation_alias=ENV_LOCAL_JOB)
    kubeconfig: str | None = Field(None, validation_alias=ENV_KUBECONFIG)


def termination_message_path(environment: Mapping[str, str]) -> Path:
    """Where this pod leaves its termination message."""
    return Path(environment.get(ENV_TERMINATION_MESSAGE_PATH) or worker_contract.TERMINATION_MESSAGE_PATH)
