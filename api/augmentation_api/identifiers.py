"""The names of this project inside a cluster: API group, labels and derived object names."""

import re
from typing import Final

GROUP: Final = "augmentation.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

JOB_KIND: Final = "AugmentationJob"
JOB_PLURAL: Final = "augmentationjobs"
JOB_SHORT_NAMES: Final = ("augjob", "aj")

CLASS_KIND: Final = "AugmentationClass"
CLASS_PLURAL: Final = "augmentationclasses"
CLASS_SHORT_NAMES: Final = ("augclass",)

LABEL_JOB_UID: Final = f"{GROUP}/job-uid"
"""On every child object: the uid of its AugmentationJob. Watches and clean-up select by it."""
LABEL_JOB_NAME: Final = f"{GROUP}/job-name"
LABEL_PHASE: Final = f"{GROUP}/phase"
LABEL_PROJECT_ID: Final = f"{GROUP}/project-id"
"""On AugmentationJobs made by the gateway: lets `kubectl get -l` and the gateway select a project's jobs."""

ANNOTATION_API_KEY_ID: Final = f"{GROUP}/api-key-id"
"""On AugmentationJobs made by the gateway: the id (never the secret) of the key that made it."""

ANNOTATION_PRINCIPAL_TYPE: Final = f"{GROUP}/principal-type"
ANNOTATION_PRINCIPAL_ID: Final = f"{GROUP}/principal-id"
ANNOTATION_ORGANISATION: Final = f"{GROUP}/organisation"
"""On AugmentationJobs made by the gateway: who used that key, for dialects that report it."""

FIELD_MANAGER_OPERATOR: Final = "augmentation-operator"
FIELD_MANAGER_GATEWAY: Final = "augmentation-gateway"

KUBERNETES_NAME_LIMIT: Final = 63
"""Longest name of a Job, and longest label value (RFC 1123 label)."""

LONGEST_DATASET_NAME: Final = 96
"""Of a dataset on a hub, without its namespace."""

MAX_PLACEMENTS: Final = 16
_PLACEMENT_LETTERS: Final = "abcdefghijklmnop"
_TURN: Final = re.compile(rf"(?:-(?=.)([1-9]\d*)?([{_PLACEMENT_LETTERS[1:]}])?)?")


def child_prefix(job_name: str, job_uid: str) -> str:
    """Common prefix of a job's child objects: readable in `kubectl get pods`, unique by the uid, at most 44 characters.

    The 19 characters left below the limit hold the longest suffix a child gets, `-shard-NNNNNN` and a pod's own.
    """
    return f"{job_name[:35].rstrip('-.')}-{job_uid[:8]}".replace(".", "-")


def phase_job_name(job_name: str, job_uid: str, phase: str, attempt: int = 0, placement: int = 0) -> str:
    """Name of the batch/v1 Job that runs one phase: `…-augment`, `…-augment-2` in attempt 2, `…-augment-2b` in its
    2nd placement.

    Each attempt and each placement has its own Jobs, so that an old one is never mistaken for the current one.
    """
    turn = f"{attempt or ''}{_PLACEMENT_LETTERS[placement] if placement else ''}"
    return f"{child_prefix(job_name, job_uid)}-{phase}" + (f"-{turn}" if turn else "")


def attempt_and_placement_of(child_name: str, job_name: str, job_uid: str, phase: str) -> tuple[int, int] | None:
    """The attempt and the placement index of a name made by phase_job_name; None for any other name."""
    base = phase_job_name(job_name, job_uid, phase)
    match = _TURN.fullmatch(child_name.removeprefix(base)) if child_name.startswith(base) else None
    return (int(match[1] or 0), _PLACEMENT_LETTERS.index(match[2] or _PLACEMENT_LETTERS[0])) if match else None


def worker_identity_name(job_name: str, job_uid: str) -> str:
    """Name of the job's own ServiceAccount, Role and RoleBinding."""
    return f"{child_prefix(job_name, job_uid)}-worker"


def shard_manifest_name(job_name: str, job_uid: str, shard: int) -> str:
    """Name of the ConfigMap in which a shard records its finished units of work."""
    return f"{child_prefix(job_name, job_uid)}-shard-{shard}"


def ca_bundle_name(job_name: str, job_uid: str) -> str:
    """Name of the ConfigMap with the certificates that a job's class spells out."""
    return f"{child_prefix(job_name, job_uid)}-ca-bundle"


def source_listing_name(job_name: str, job_uid: str) -> str:
    """Name of the ConfigMap in which resolve leaves the list of the source's files for the shards.

    It is one of the names that the chart's policies let an operator grant to a job's workers.
    """
    return f"{child_prefix(job_name, job_uid)}-shard-files"


def shard_field_manager(shard: int) -> str:
    """Field manager of one augment shard: it owns its shard entry and its events."""
    return f"augmentation-worker-shard-{shard}"


def phase_field_manager(phase: str) -> str:
    """Field manager of a phase that is one pod (resolve, publish)."""
    return f"augmentation-worker-{phase}"


def result_name(source_repo_id: str, job_uid: str) -> str:
    """Default dataset name of a result, without its namespace: `<source name>_augmented_<first 8 of the id>`.

    The source's name is cut so that a hub takes the result's: at most 96 characters, as huggingface_hub checks
    (`validate_repo_id`).
    """
    ending = f"_augmented_{job_uid[:8]}"
    return source_repo_id.rsplit("/", 1)[-1][: LONGEST_DATASET_NAME - len(ending)] + ending


def backup_tag(job_uid: str) -> str:
    """Tag of the previous revision when a job publishes to an existing dataset."""
    return f"before-{job_uid}"
