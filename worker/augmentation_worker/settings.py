"""What a worker pod is told by its environment (augmentation_api.worker_contract), as one frozen object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self, cast, get_args

from augmentation_api import FailureReason, worker_contract
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.token import read_token

ENV_TERMINATION_MESSAGE_PATH = "AUGMENTATION_TERMINATION_MESSAGE_PATH"
"""Where the termination message goes, if not to worker_contract.TERMINATION_MESSAGE_PATH (tests, local runs)."""
ENV_LOCAL_JOB = "AUGMENTATION_LOCAL_JOB"
"""Folder that stands for the cluster in a run without one."""
ENV_FOLLOW_LINKS = "AUGMENTATION_FOLLOW_LINKS"
"""One more folder that the source's links may lead into, in a run without a cluster."""
ENV_DEVICE = "AUGMENTATION_DEVICE"
"""What augments, if not what there is: auto, cpu or cuda."""
ENV_HUB_PATIENCE = "AUGMENTATION_HUB_PATIENCE_SECONDS"
"""How long a hub that does not answer is asked again before the pod gives up."""
DEFAULT_HUB_PATIENCE_SECONDS = 60.0
Device = Literal["auto", "cpu", "cuda"]
DEFAULT_HUB_ENDPOINT = "https://huggingface.co"


@dataclass(frozen=True)
class Settings:
    """One pod's place in the job.

    Attributes:
        namespace, job_name, job_uid: the AugmentationJob this pod works for.
        shard_count, shard_index: None in the phases that have none.
        shard_attempt: how often this shard failed before.
        hub_endpoint: base URL of the hub, no slash at its end.
        hub_public_endpoint: the same for links that people follow.
        hub_token: None if the Secret does not exist, or nothing of the job is on a hub; never shown.
        credentials_secret: `name/key` of the Secret the token comes from, for messages.
        source_folder, output_folder: where the dataset lies and the result goes; None: on the hub.
        follow_links: one more folder that links in source_folder may lead into; None: none.
        device: what augments: cuda, cpu, or auto for cuda where there is one.
        max_frames: the class's limit on augmented frames; None: no limit.
        scratch: writable folder.
    """

    namespace: str
    job_name: str
    job_uid: str
    shard_count: int | None = None
    shard_index: int | None = None
    shard_attempt: int = 0
    hub_endpoint: str = DEFAULT_HUB_ENDPOINT
    hub_public_endpoint: str = ""
    hub_token: str | None = field(default=None, repr=False)
    credentials_secret: str = ""
    hub_patience_seconds: float = DEFAULT_HUB_PATIENCE_SECONDS
    source_folder: Path | None = None
    output_folder: Path | None = None
    follow_links: Path | None = None
    device: Device = "auto"
    max_frames: int | None = None
    scratch: Path = Path("/tmp")  # noqa: S108
    node_name: str = ""
    pod_name: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the pod's variables.

        Raises:
            WorkerFailure: INTERNAL_ERROR, which names a variable that is missing or malformed; CREDENTIALS_INVALID for
                a Secret that holds no token.
        """
        source_folder = _folder(environment, worker_contract.ENV_SOURCE_FOLDER)
        output_folder = _folder(environment, worker_contract.ENV_OUTPUT_FOLDER)
        token_file = environment.get(worker_contract.ENV_HUB_TOKEN_FILE, "")
        secret = environment.get(worker_contract.ENV_CREDENTIALS_SECRET, "")
        needs_hub = source_folder is None or output_folder is None
        return cls(
            namespace=_required(environment, worker_contract.ENV_JOB_NAMESPACE),
            job_name=_required(environment, worker_contract.ENV_JOB_NAME),
            job_uid=_required(environment, worker_contract.ENV_JOB_UID),
            shard_count=_whole(environment, worker_contract.ENV_SHARD_COUNT),
            shard_index=_whole(environment, worker_contract.ENV_SHARD_INDEX),
            shard_attempt=_whole(environment, worker_contract.ENV_SHARD_ATTEMPT) or 0,
            hub_endpoint=(environment.get(worker_contract.ENV_HUB_ENDPOINT) or DEFAULT_HUB_ENDPOINT).rstrip("/"),
            hub_public_endpoint=environment.get(worker_contract.ENV_HUB_PUBLIC_ENDPOINT, "").rstrip("/"),
            hub_token=read_token(Path(token_file), secret) if token_file and needs_hub else None,
            credentials_secret=secret,
            hub_patience_seconds=float(environment.get(ENV_HUB_PATIENCE) or DEFAULT_HUB_PATIENCE_SECONDS),
            source_folder=source_folder,
            output_folder=output_folder,
            follow_links=_folder(environment, ENV_FOLLOW_LINKS),
            device=_device(environment),
            max_frames=_whole(environment, worker_contract.ENV_MAX_FRAMES),
            scratch=Path(environment.get(worker_contract.ENV_SCRATCH) or cls.scratch),
            node_name=environment.get(worker_contract.ENV_NODE_NAME, ""),
            pod_name=environment.get(worker_contract.ENV_POD_NAME, ""),
        )


def termination_message_path(environment: Mapping[str, str]) -> Path:
    """Where this pod leaves its last words."""
    return Path(environment.get(ENV_TERMINATION_MESSAGE_PATH) or worker_contract.TERMINATION_MESSAGE_PATH)


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise WorkerFailure(
            FailureReason.INTERNAL_ERROR,
            f"the environment variable {name} is not set: the operator sets it in its pods",
        )
    return value


def _whole(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    if not text:
        return None
    if not text.isdecimal():
        raise WorkerFailure(FailureReason.INTERNAL_ERROR, f"the environment variable {name} is not a number: {text!r}")
    return int(text)


def _device(environment: Mapping[str, str]) -> Device:
    text = environment.get(ENV_DEVICE) or "auto"
    for device in get_args(Device):
        if text == device:
            return cast(Device, device)
    raise WorkerFailure(
        FailureReason.INTERNAL_ERROR, f"{ENV_DEVICE} is {text!r}, not one of {', '.join(get_args(Device))}"
    )


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    text = environment.get(name, "")
    return Path(text) if text else None
