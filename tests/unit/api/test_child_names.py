"""The names of a job's children are valid whatever the job is called, and tell whose they are."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from augmentation_api.identifiers import (
    KUBERNETES_NAME_LIMIT,
    backup_tag,
    child_prefix,
    phase_job_name,
    result_name,
    shard_manifest_name,
    worker_identity_name,
)
from augmentation_api.status import MAX_SHARDS
from augmentation_api.vocabulary import PhaseName

UID = "0f1e2d3c-aaaa-4bbb-8ccc-ddddeeeeffff"
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
# What the API server lets a resource be called: an RFC 1123 subdomain, of at most 63 characters by the CRD's rule.
job_names = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?){0,6}", fullmatch=True
).filter(lambda name: len(name) <= KUBERNETES_NAME_LIMIT)
uids = st.uuids().map(str)


def children(name: str, uid: str) -> list[str]:
    return [
        *(phase_job_name(name, uid, phase) for phase in PhaseName if phase != PhaseName.PROVISION),
        *(phase_job_name(name, uid, phase, 1000) for phase in PhaseName if phase != PhaseName.PROVISION),
        worker_identity_name(name, uid),
        shard_manifest_name(name, uid, MAX_SHARDS - 1),
    ]


@given(job_names, uids)
@example("a" * 63, UID)
@example("a" * 34 + "." + "b" * 28, UID)
@example("a" * 34 + "--" + "b" * 27, UID)
@example("a.b.c.d.e.f.g", UID)
@example("0", UID)
def test_every_child_has_a_valid_name_that_leaves_room_for_a_pods_suffix(name: str, uid: str) -> None:
    for child in children(name, uid):
        assert LABEL.fullmatch(child), child
        assert len(child) <= KUBERNETES_NAME_LIMIT, child
    # The host name of a pod of an Indexed Job is the Job's name and its index.
    assert len(f"{phase_job_name(name, uid, PhaseName.AUGMENT, 1000)}-{MAX_SHARDS - 1}") <= KUBERNETES_NAME_LIMIT
    # Kubernetes names such a pod after that and five characters of its own (and cuts the name of a later attempt).
    assert len(f"{phase_job_name(name, uid, PhaseName.AUGMENT)}-{MAX_SHARDS - 1}-abcde") <= KUBERNETES_NAME_LIMIT


@given(job_names, uids)
def test_the_children_of_a_job_never_share_a_name(name: str, uid: str) -> None:
    assert len(set(children(name, uid))) == len(children(name, uid))


@given(job_names, uids, uids)
def test_two_jobs_of_one_name_never_share_a_child(name: str, uid: str, other: str) -> None:
    if uid[:8] != other[:8]:
        assert not set(children(name, uid)) & set(children(name, other))


def test_child_is_recognized_by_its_jobs_name() -> None:
    assert phase_job_name("kitchen", UID, PhaseName.RESOLVE) == "kitchen-0f1e2d3c-resolve"
    assert phase_job_name("kitchen", UID, PhaseName.RESOLVE, attempt=2) == "kitchen-0f1e2d3c-resolve-2"
    assert shard_manifest_name("kitchen", UID, 7) == "kitchen-0f1e2d3c-shard-7"
    assert worker_identity_name("kitchen", UID) == "kitchen-0f1e2d3c-worker"


def test_the_common_prefix_is_at_most_44_characters() -> None:
    assert len(child_prefix("a" * 63, UID)) == 44


@pytest.mark.parametrize("source", ["lab/kitchen", "kitchen"])
def test_a_result_is_named_after_its_source_and_its_job(source: str) -> None:
    assert result_name(source, UID) == "kitchen_augmented_0f1e2d3c"


def test_name_of_a_result_is_no_longer_than_a_hub_takes() -> None:
    name = result_name(f"lab/{'k' * 96}", UID)
    assert len(name) == 96
    assert name.endswith("k_augmented_0f1e2d3c")


def test_a_backup_is_tagged_with_the_whole_id() -> None:
    assert backup_tag(UID) == f"before-{UID}"
