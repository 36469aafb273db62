"""The resource in the API server: defaults, mutable fields, and messages of rejected specs."""

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


def test_api_server_sets_defaults(job: Job) -> None:
    spec = job.read()["spec"]
    assert spec["type"] == "deterministic"
    assert (spec["augmentation"]["mode"], spec["augmentation"]["copies"]) == ("stacked", 3)
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
        ("backoffLimitPerShard", 1),
        ("activeDeadlineSeconds", 60),
        ("pendingDeadlineSeconds", 60),
    ],
)
def test_field_that_determines_the_result_is_immutable(job: Job, field: str, value: object) -> None:
    with pytest.raises(httpx.HTTPStatusError, match=f"{field} cannot be changed: create a new AugmentationJob"):
        job.change(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [("ttlSecondsAfterFinished", 3600), ("suspend", True), ("onBadEpisode", "skip"), ("parallelism", 2)],
)
def test_control_fields_are_mutable(job: Job, field: str, value: object) -> None:
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


def test_cancel_cannot_be_revoked(nobody: Cluster) -> None:
    job = ended(nobody, "cancelled", cancel=True)
    with pytest.raises(httpx.HTTPStatusError, match="cancel cannot be taken back: raise attempt in the same change"):
        job.change(cancel=False)


def test_cancelled_job_restarts_with_one_change_of_attempt_and_cancel(nobody: Cluster) -> None:
    job = ended(nobody, "cancelled", cancel=True)
    job.change(cancel=False, attempt=1)
    assert job.read()["spec"]["attempt"] == 1


def test_attempt_that_is_already_cancelled_is_rejected(nobody: Cluster) -> None:
    job = ended(nobody, "cancelled", cancel=True)
    with pytest.raises(httpx.HTTPStatusError, match="set cancel to false in the same change"):
        job.change(attempt=1)


def test_failed_job_restarts_when_attempt_is_raised(nobody: Cluster) -> None:
    job = ended(nobody, "failed")
    job.change(attempt=1)
    assert job.read()["spec"]["attempt"] == 1


@pytest.mark.parametrize("state", ["queued", "running", "completed"])
def test_only_failed_or_cancelled_jobs_can_restart(nobody: Cluster, state: str) -> None:
    job = ended(nobody, state)
    with pytest.raises(httpx.HTTPStatusError, match="only once the job has failed or was cancelled"):
        job.change(attempt=1)


def test_attempt_can_only_be_raised(nobody: Cluster) -> None:
    job = ended(nobody, "failed", attempt=2)
    with pytest.raises(httpx.HTTPStatusError, match="attempt can only be raised"):
        job.change(attempt=1)


def test_inverted_range_is_rejected_with_fix_and_defaults(cluster: Cluster) -> None:
    said = refusal_of(cluster, augmentation={"lighting": {"brightness": {"min": 20}}})
    assert "spec.augmentation.lighting.brightness" in said
    assert "min is greater than max: swap them or widen the range (defaults: min -15, max 15)" in said


def test_value_out_of_bounds_is_rejected_with_its_field(cluster: Cluster) -> None:
    said = refusal_of(cluster, augmentation={"copies": 21})
    assert "spec.augmentation.copies" in said
    assert "should be less than or equal to 20" in said


def test_value_of_another_form_is_rejected_with_an_example(cluster: Cluster) -> None:
    said = refusal_of(cluster, augmentation={"episodes": "0-1,3"}, source={"hub": {"repoID": "pusht"}})
    assert "spec.augmentation.episodes" in said
    assert "has to be episode indices and half-open ranges, e.g. 0:100,150" in said
    assert "has to be owner/name, e.g. lerobot/pusht" in said


@pytest.mark.parametrize(
    ("video", "said"),
    [
        ({"preset": 14}, "no encoder has this preset: use 0 to 13 (av1), ultrafast, superfast"),
        ({"codec": "h264", "preset": 12}, "preset is none of h264's: use ultrafast, superfast"),
        ({"profile": "small", "preset": "medium"}, "preset is none of av1's: use 0 to 13, or another codec"),
        ({"profile": "fast", "crf": 60}, "crf is too large: h264 takes 0 to 51"),
    ],
)
def test_preset_of_another_codec_is_rejected_with_those_there_are(
    cluster: Cluster, video: dict[str, Any], said: str
) -> None:
    refusal = refusal_of(cluster, output={"video": video})
    assert "spec.output.video" in refusal
    assert said in refusal


@pytest.mark.parametrize(
    "video", [{"preset": 12}, {"preset": "slow"}, {"codec": "hevc", "preset": "fast"}, {"profile": "fast"}]
)
def test_preset_is_a_number_or_a_name(cluster: Cluster, video: dict[str, Any]) -> None:
    job = Job(cluster, namespace="elsewhere", suspend=True, output={"video": video})
    assert job.read()["spec"]["output"]["video"] == {"codec": "source", "encoder": "auto"} | video


def test_source_on_both_a_hub_and_a_volume_is_rejected(cluster: Cluster) -> None:
    both = {"hub": {"repoID": "lab/kitchen"}, "volume": {"claimName": "data"}}
    assert "exactly one of hub, volume, s3, gcs and azure is needed" in refusal_of(cluster, source=both)


@pytest.mark.parametrize(
    ("source", "output", "said"),
    [
        ({"hub": {"repoID": "lab/kitchen"}, "s3": {"bucket": "robots"}}, {}, "exactly one of hub, volume, s3, gcs and"),
        (
            {"s3": {"bucket": "robots", "path": "a"}},
            {"hub": {}, "gcs": {"bucket": "robots", "path": "a"}},
            "at most one",
        ),
        ({"s3": {"bucket": "Robots", "path": "a"}}, {}, "spec.source.s3.bucket: Invalid value: "),
        ({"s3": {"bucket": "10.0.0.1", "path": "a"}}, {}, "bucket may not look like an IP address"),
        ({"gcs": {"bucket": "robots_", "path": "a"}}, {}, "bucket has to begin and end with a letter or digit"),
        ({"azure": {"account": "my-lab", "container": "robots"}}, {}, "has to be the name of a storage account"),
        ({"s3": {"bucket": "robots", "path": "a/../b"}}, {}, "has to be a folder in the bucket without a slash"),
        ({"s3": {"bucket": "robots"}}, {}, "source.s3 is a whole bucket, next to which there is no room"),
        (
            {"hub": {"repoID": "lab/kitchen"}},
            {"s3": {"bucket": "robots"}},
            "path of output.s3 is empty: name the folder",
        ),
        (
            {"s3": {"bucket": "robots", "path": "a"}},
            {"s3": {"bucket": "robots", "path": "a/b"}},
            "output.s3 and source.s3 are the same folder, or one lies in the other",
        ),
        (
            {"gcs": {"bucket": "a-b", "path": "a", "anonymous": True, "credentialsSecretRef": {"name": "x"}}},
            {},
            "leave one",
        ),
    ],
)
def test_place_in_a_store_that_cannot_be_is_rejected(
    cluster: Cluster, source: dict[str, Any], output: dict[str, Any], said: str
) -> None:
    assert said in refusal_of(cluster, source=source, output=output)


def test_places_in_stores_are_accepted_with_their_defaults(cluster: Cluster) -> None:
    place = {
        "bucket": "robots",
        "path": ".a/two words",
        "endpoint": "http://minio.minio:9000",
        "region": "eu-central-1",
    }
    spec = {"source": {"s3": place}, "output": {"azure": {"account": "lab", "container": "robots", "path": "a"}}}
    body = {"apiVersion": "augmentation.dev/v1alpha1", "kind": "AugmentationJob", "metadata": {"name": "stores"}}
    made = cluster.post(f"{path_of('augmentationjobs', 'elsewhere')}?dryRun=All", {**body, "spec": spec})
    assert made["spec"]["source"] == {"s3": {**place, "anonymous": False}}


def test_duplicate_transform_is_rejected(cluster: Cluster) -> None:
    said = refusal_of(cluster, augmentation={"transforms": ["noise", "noise"]})
    assert "transforms names one more than once: name each transform once" in said


def test_what_a_preset_may_say_is_not_filled_in(cluster: Cluster) -> None:
    """Else it could not be told from what the user has written, which goes before the preset."""
    body = {
        "preset": "pi05",
        "lighting": {"brightness": {"min": -5}},
        "perCamera": [{"camera": "*wrist*", "noise": {"shotScale": {"max": 2}}}],
    }
    written = Job(cluster, namespace="elsewhere", suspend=True, augmentation=body).read()["spec"]["augmentation"]
    assert written["lighting"] == {"brightness": {"min": -5, "max": 15}}
    assert written["perCamera"] == [{"camera": "*wrist*", "noise": {"shotScale": {"min": 0.3, "max": 2}}}]
    assert not {"transforms", "noise", "affine", "choose", "acrossCameras"} & set(written)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([{"camera": "top", "transforms": ["noise", "noise"]}], "transforms names one more than once"),
        ([{"camera": "top", "lighting": {"contrast": {"min": 20}}}], "min is greater than max"),
        ([{"camera": "top", "noise": {}}, {"camera": "top", "blur": {}}], "Duplicate value"),
    ],
)
def test_entry_of_a_camera_is_checked_as_the_rest(cluster: Cluster, entries: list[object], said: str) -> None:
    assert said in refusal_of(cluster, augmentation={"perCamera": entries})


def test_copies_of_an_unknown_transform_are_rejected(cluster: Cluster) -> None:
    said = refusal_of(cluster, augmentation={"copiesPerTransform": {"sparkles": 2}})
    assert "copiesPerTransform names an unknown transform: use lighting, noise, blur, occlusion, gamma" in said


def test_independent_versions_in_place_take_one_transform(cluster: Cluster) -> None:
    both = {"transforms": ["noise", "blur"], "mode": "independent"}
    said = refusal_of(cluster, output={"mode": "inPlace"}, augmentation=both)
    assert "output.mode inPlace keeps one version of each episode" in said


def test_name_too_long_for_its_children_is_rejected(cluster: Cluster) -> None:
    body = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationJob",
        "metadata": {"name": "a" * 64},
        "spec": SPEC,
    }
    with pytest.raises(httpx.HTTPStatusError, match="no longer than 63 characters"):
        cluster.post(path_of("augmentationjobs", "elsewhere"), body)


def test_kubectl_explains_a_nested_field(plane: ControlPlane) -> None:
    said = plane.kubectl("explain", "augmentationjob.spec.augmentation.lighting.colorTemperature.min")
    assert "Warmest light, kelvin." in said


def test_classes_of_the_chart_exist(plane: ControlPlane) -> None:
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
def test_invalid_placements_are_rejected(cluster: Cluster, placements: list[Any], said: str) -> None:
    body = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationClass",
        "metadata": {"name": "refused"},
        "spec": {"image": "worker", "placements": placements},
    }
    with pytest.raises(httpx.HTTPStatusError, match=said):
        cluster.post(path_of("augmentationclasses"), body)


def test_samples_are_accepted(plane: ControlPlane) -> None:
    samples = CHECKOUT / "deploy" / "samples"
    said = plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(samples), "-n", "elsewhere")
    assert len(said.splitlines()) == len(list(samples.glob("*.yaml")))
