"""The resource as the API server keeps it: defaults, what may change, and what it answers to a spec it refuses."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import CHECKOUT, Cluster, path_of
from tests.integration.operator.jobs import Job

SPEC: dict[str, Any] = {"source": {"hub": {"repoID": "lab/kitchen"}}, "suspend": True}


def refusal_of(cluster: Cluster, **spec: object) -> str:
    """What the API server answers to a new job with these fields."""
    body = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"name": "refused"},
        "spec": {**SPEC, **spec},
    }
    with pytest.raises(httpx.HTTPStatusError) as caught:
        cluster.post(path_of("augmentationjobs", "elsewhere"), body)
    return str(caught.value)


@pytest.fixture(scope="module")
def job(cluster: Cluster) -> Job:
    """A job that stays as it was made."""
    return Job(cluster, namespace="elsewhere", suspend=True)


def test_the_api_server_fills_in_the_defaults(job: Job) -> None:
    spec = job.read()["spec"]
    assert spec["type"] == "deterministic"
    assert spec["augmentation"]["transforms"] == ["lighting"]
    assert spec["augmentation"]["copies"] == 3
    assert spec["augmentation"]["lighting"]["brightness"] == {"min": -15, "max": 15}
    assert spec["output"]["mode"] == "copy"
    assert spec["backoffLimitPerShard"] == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "generative"),
        ("className", "gpu-l4"),
        ("displayName", "kitchen"),
        ("source", {"hub": {"repoID": "lab/other"}}),
        ("output", {"mode": "inPlace"}),
        ("augmentation", {"copies": 4}),
        ("parallelism", 2),
        ("backoffLimitPerShard", 1),
        ("activeDeadlineSeconds", 60),
    ],
)
def test_a_field_that_would_change_the_result_cannot_be_changed(job: Job, field: str, value: object) -> None:
    with pytest.raises(httpx.HTTPStatusError, match=f"{field} cannot be changed: create a new AugmentationJob"):
        job.change(**{field: value})


@pytest.mark.parametrize("field", ["ttlSecondsAfterFinished", "suspend"])
def test_the_fields_that_steer_a_job_can_be_changed(job: Job, field: str) -> None:
    value = True if field == "suspend" else 3600
    job.change(**{field: value})
    assert job.read()["spec"][field] == value


@pytest.fixture(scope="module")
def nobody(control_plane: ControlPlane) -> Cluster:
    """An API server without an operator, so that a status stays as a test writes it."""
    cluster = Cluster(control_plane)
    cluster.post("/api/v1/namespaces", {"metadata": {"name": "unattended"}})
    return cluster


def ended(cluster: Cluster, state: str, **spec: Any) -> Job:
    """A job of which an operator has written that it ended so."""
    job = Job(cluster, namespace="unattended", **spec)
    status = {"apiVersion": "augmentation.dev/v1alpha1", "kind": "AugmentationJob", "status": {"state": state}}
    cluster.apply(job.path("status"), {**status, "metadata": {"name": job.name}}, "augmentation-operator")
    return job


def test_a_cancel_cannot_be_taken_back(nobody: Cluster) -> None:
    job = ended(nobody, "cancelled", cancel=True)
    with pytest.raises(httpx.HTTPStatusError, match="cancel cannot be taken back: raise attempt in the same change"):
        job.change(cancel=False)


def test_a_cancelled_job_is_started_again_by_one_change_of_attempt_and_cancel(nobody: Cluster) -> None:
    job = ended(nobody, "cancelled", cancel=True)
    job.change(cancel=False, attempt=1)
    assert job.read()["spec"]["attempt"] == 1


def test_an_attempt_that_is_cancelled_already_is_refused(nobody: Cluster) -> None:
    job = ended(nobody, "cancelled", cancel=True)
    with pytest.raises(httpx.HTTPStatusError, match="set cancel to false in the same change"):
        job.change(attempt=1)


def test_a_failed_job_is_started_again_by_raising_attempt(nobody: Cluster) -> None:
    job = ended(nobody, "failed")
    job.change(attempt=1)
    assert job.read()["spec"]["attempt"] == 1


@pytest.mark.parametrize("state", ["queued", "running", "completed"])
def test_only_a_job_that_failed_or_was_cancelled_can_start_again(nobody: Cluster, state: str) -> None:
    job = ended(nobody, state)
    with pytest.raises(httpx.HTTPStatusError, match="only once the job has failed or was cancelled"):
        job.change(attempt=1)


def test_an_attempt_can_only_be_raised(nobody: Cluster) -> None:
    job = ended(nobody, "failed", attempt=2)
    with pytest.raises(httpx.HTTPStatusError, match="attempt can only be raised"):
        job.change(attempt=1)


def test_a_range_upside_down_is_refused_with_the_fix_and_the_defaults(cluster: Cluster) -> None:
    said = refusal_of(cluster, augmentation={"lighting": {"brightness": {"min": 20}}})
    assert "spec.augmentation.lighting.brightness" in said
    assert "min is greater than max: swap them or widen the range (defaults: min -15, max 15)" in said


def test_a_value_out_of_bounds_is_refused_with_its_field(cluster: Cluster) -> None:
    said = refusal_of(cluster, augmentation={"copies": 21})
    assert "spec.augmentation.copies" in said
    assert "should be less than or equal to 20" in said


def test_a_source_on_a_hub_and_a_volume_is_refused(cluster: Cluster) -> None:
    both = {"hub": {"repoID": "lab/kitchen"}, "volume": {"claimName": "data"}}
    assert "exactly one of hub and volume is needed" in refusal_of(cluster, source=both)


def test_a_transform_named_twice_is_refused(cluster: Cluster) -> None:
    said = refusal_of(cluster, augmentation={"transforms": ["noise", "noise"]})
    assert "transforms names one more than once: name each transform once" in said


def test_copies_of_a_transform_nobody_knows_are_refused(cluster: Cluster) -> None:
    said = refusal_of(cluster, augmentation={"copiesPerTransform": {"sparkles": 2}})
    assert "copiesPerTransform names an unknown transform: use lighting, noise, blur, occlusion, gamma" in said


def test_independent_versions_in_place_take_one_transform(cluster: Cluster) -> None:
    both = {"transforms": ["noise", "blur"], "mode": "independent"}
    said = refusal_of(cluster, output={"mode": "inPlace"}, augmentation=both)
    assert "output.mode inPlace keeps one version of each episode" in said


def test_a_name_too_long_for_its_children_is_refused(cluster: Cluster) -> None:
    body = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"name": "a" * 64},
        "spec": SPEC,
    }
    with pytest.raises(httpx.HTTPStatusError, match="no longer than 63 characters"):
        cluster.post(path_of("augmentationjobs", "elsewhere"), body)


def test_kubectl_explains_a_field_deep_in_the_spec(plane: ControlPlane) -> None:
    said = plane.kubectl("explain", "augmentationjob.spec.augmentation.lighting.colorTemperature.min")
    assert "Warmest light, kelvin." in said


def test_the_charts_classes_are_there(plane: ControlPlane) -> None:
    listed = plane.kubectl("get", "augmentationclasses", "--no-headers").splitlines()
    assert {line.split()[0] for line in listed} >= {"cpu", "gpu-l4"}


@pytest.mark.parametrize(
    ("placements", "said"),
    [
        ([{"name": "l4"}, {"name": "l4"}], "two placements have the same name"),
        ([{"name": "l4", "nodeAffinity": {"required": [{"key": "gpu"}]}}], "values are needed for In"),
        ([{"name": "l4", "timeLimitSeconds": 0}], "timeLimitSeconds"),
    ],
)
def test_a_ladder_that_cannot_be_is_refused(cluster: Cluster, placements: list[Any], said: str) -> None:
    body = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationClass",
        "metadata": {"name": "refused"},
        "spec": {"image": "worker", "placements": placements},
    }
    with pytest.raises(httpx.HTTPStatusError, match=said):
        cluster.post(path_of("augmentationclasses"), body)


def test_the_samples_are_what_the_api_server_accepts(plane: ControlPlane) -> None:
    samples = CHECKOUT / "deploy" / "samples"
    said = plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(samples), "-n", "elsewhere")
    assert len(said.splitlines()) == len(list(samples.glob("*.yaml")))
