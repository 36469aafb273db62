"""The contract of a worker image: how the operator starts its pods and what they report.

A pod runs `augmentation-worker resolve|augment|publish` (for another image: its entrypoint with that one argument),
with the variables below. It reads its AugmentationJob, writes its findings to the status under its own field
manager, and ends with exit code 0 or one of failure.py's, with a TerminationMessage in TERMINATION_MESSAGE_PATH.
"""

from typing import Final, Literal

from pydantic import Field

from augmentation_api.failure import FailureReason
from augmentation_api.model import Model
from augmentation_api.object_store import Addressing, StoreLocation, store_url
from augmentation_api.spec import AugmentationJobSpec, VolumeSource

ENV_JOB_NAMESPACE: Final = "AUGMENTATION_JOB_NAMESPACE"
ENV_JOB_NAME: Final = "AUGMENTATION_JOB_NAME"
ENV_JOB_UID: Final = "AUGMENTATION_JOB_UID"
ENV_SHARD_COUNT: Final = "AUGMENTATION_SHARD_COUNT"
"""Number of shards of the augment phase (augment and publish pods)."""
ENV_SHARD_INDEX: Final = "JOB_COMPLETION_INDEX"
"""Number of this shard, set by Kubernetes in the pods of an Indexed Job (augment pods)."""
ENV_SHARD_ATTEMPT: Final = "AUGMENTATION_SHARD_ATTEMPT"
"""Number of earlier failures of this shard (augment pods); empty or absent means 0."""
ENV_HUB_ENDPOINT: Final = "HF_ENDPOINT"
"""Base URL of the hub, in the variable that huggingface_hub reads."""
ENV_HUB_PUBLIC_ENDPOINT: Final = "AUGMENTATION_HUB_PUBLIC_ENDPOINT"
"""Base URL of the hub for links that people follow; empty or absent: the same as HF_ENDPOINT."""
ENV_HUB_TOKEN_FILE: Final = "AUGMENTATION_HUB_TOKEN_FILE"
"""File with the hub token. Absent on disk when the Secret or its key is: the worker says so if it needs one."""
ENV_CREDENTIALS_SECRET: Final = "AUGMENTATION_CREDENTIALS_SECRET"
"""`name/key` of the Secret behind that file, for error messages."""
ENV_SOURCE_FOLDER: Final = "AUGMENTATION_SOURCE_FOLDER"
"""Folder of the source dataset, on a mounted volume; empty or absent: the source is on the hub.

Others write to volumes: no part of this path is to be followed if it is a link, nor a link in the folder that leads out
of it."""
ENV_OUTPUT_FOLDER: Final = "AUGMENTATION_OUTPUT_FOLDER"
"""Folder that the result becomes, on a mounted volume; empty or absent: it is published on the hub."""
ENV_SOURCE_STORE: Final = "AUGMENTATION_SOURCE_STORE"
"""StoreAccess of the source dataset, as JSON; empty or absent: it is in no object store."""
ENV_OUTPUT_STORE: Final = "AUGMENTATION_OUTPUT_STORE"
"""StoreAccess of the result, as JSON; empty or absent: it goes to no object store."""
ENV_MAX_FRAMES: Final = "AUGMENTATION_MAX_FRAMES"
"""The class's limit on augmented frames (resolve pod); empty or absent: none."""
ENV_CHECKPOINT_MB: Final = "AUGMENTATION_CHECKPOINT_MB"
"""The class's limits.checkpointMB; empty or absent: its default."""
ENV_SCRATCH: Final = "AUGMENTATION_SCRATCH"
"""Writable folder for files in progress; everything else is read-only."""
ENV_CA_BUNDLE: Final = "AUGMENTATION_CA_BUNDLE"
"""File with certificates in PEM to trust in addition to the public ones; empty or absent: none."""
ENV_NODE_NAME: Final = "AUGMENTATION_NODE_NAME"
ENV_POD_NAME: Final = "AUGMENTATION_POD_NAME"

RESULT_CARD: Final = "README.md"
RESULT_INFO: Final = "meta/info.json"
RESULT_PROVENANCE: Final = "meta/augmentation.json"
RESULT_COPIES: Final = "meta/augmentation.parquet"
RESULT_PREVIEW: Final = "meta/augmentation.png"
RESULT_BAD_EPISODES: Final = "meta/bad_episodes.json"
"""Files that describe a result, by path in its dataset; an image dataset has no info, and most
results have no bad episodes."""

TERMINATION_MESSAGE_PATH: Final = "/dev/termination-log"
TERMINATION_MESSAGE_LIMIT: Final = 4096
"""Maximum size of a termination message that the kubelet reads, bytes."""


def output_volume(spec: AugmentationJobSpec, job_uid: str) -> VolumeSource | None:
    """The volume that the result goes to; None if it goes to the hub.

    Unless the spec says otherwise, the result of a dataset on a volume goes to the same volume, next to the source:
    `<path>_augmented_<first 8 of the job's id>`.
    """
    source = spec.source.volume
    if spec.output.is_named or source is None:
        return spec.output.volume
    return source.model_copy(update={"path": f"{source.path}_augmented_{job_uid[:8]}"})


def output_store(spec: AugmentationJobSpec, job_uid: str) -> StoreLocation | None:
    """The place in an object store that the result goes to; None if it goes to none.

    Unless the spec says otherwise, the result of a dataset in a bucket goes to the same bucket, next to the source:
    `<path>_augmented_<first 8 of the job's id>`, with the same endpoint and credentials.
    """
    source = spec.source.store
    if spec.output.is_named or source is None:
        return spec.output.store
    return source.model_copy(update={"path": f"{source.path}_augmented_{job_uid[:8]}"})


S3_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
GCS_KEYS: Final = ("service-account.json",)
AZURE_KEYS: Final = (
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
)
STORE_KEYS: Final = {"s3": S3_KEYS, "gcs": GCS_KEYS, "azure": AZURE_KEYS}
"""Keys of a Secret with credentials of a store, by the store's kind: the session token is for temporary ones; of
Azure's there is the account's key, a shared access signature, or the three of an application. Each that the Secret has
is a file of that name in `StoreAccess.credentials_folder`."""


class StoreAccess(Model):
    """How a pod reaches a dataset in an object store, as its job and the class say together.

    With the defaults of the class filled in: a worker reads it instead of the spec.
    """

    kind: Literal["s3", "gcs", "azure"] = Field(description="Vendor, or protocol.")
    bucket: str = Field(description="Bucket; of Azure, container.")
    account: str | None = Field(None, description="Storage account, of Azure.")
    path: str = Field("", description="Folder in the bucket; empty: all of it.")
    endpoint: str | None = Field(None, description="URL of the store's API. Default: the vendor's own.")
    region: str | None = Field(None, description="Region of the bucket, of S3. Default: the bucket is asked.")
    addressing: Addressing = Field("path", description="Where the bucket stands in URLs, of S3.")
    identity: Literal["secret", "workload", "anonymous"] = Field(
        description="secret: files in credentialsFolder, which the kubelet renews. workload: what the cloud gives the "
        "pod. anonymous: requests are not signed, whatever credentials the pod has."
    )
    secret: str | None = Field(None, description="Name of the Secret, for messages.")
    credentials_folder: str | None = Field(None, description="Folder of the Secret's files.")
    named_by: Literal["command"] | None = Field(
        None, description="What named the place, for messages. Default: the job's spec."
    )

    @property
    def url(self) -> str:
        """The place as the vendor's tools write it: the name of the dataset."""
        return store_url(self.kind, self.bucket, self.path, self.account or "")


class TerminationMessage(Model):
    """Why a worker pod failed."""

    reason: FailureReason
    message: str

    def encode(self) -> str:
        """JSON of at most TERMINATION_MESSAGE_LIMIT bytes; a longer message loses its end, no more than it must."""
        fits, too_long = 0, len(self.message) + 1
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if len(self._cut(middle)) <= TERMINATION_MESSAGE_LIMIT:
                fits = middle
            else:
                too_long = middle
        return self._cut(fits).decode()

    def _cut(self, characters: int) -> bytes:
        cut = TerminationMessage(reason=self.reason, message=self.message[:characters])
        return cut.model_dump_json().encode()
