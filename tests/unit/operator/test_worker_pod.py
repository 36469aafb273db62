"""The pod of a phase: restricted, with what the worker contract promises and nothing more."""

from pathlib import Path
from typing import Any

import pytest

from augmentation_api import AugmentationClass, AugmentationJob, PhaseName
from augmentation_api.status import Placement
from augmentation_operator.manifests.identity import identity
from augmentation_operator.manifests.worker_pod import worker_pod
from tests.fixtures.authority import Authority
from tests.unit.operator.simulated_cluster import (
    AUGMENT,
    IMAGE,
    NAME,
    PUBLISH,
    RESOLVE,
    UID,
    SimulatedCluster,
    make_class,
)

PHASES = [RESOLVE, AUGMENT, PUBLISH]


def a_job(**spec: Any) -> AugmentationJob:
    return SimulatedCluster(**spec).job


def pod_of(
    phase: PhaseName, *, job: AugmentationJob | None = None, augmentation_class: AugmentationClass | None = None
) -> dict[str, Any]:
    shards = 0 if phase == RESOLVE else 2
    template = worker_pod(job or a_job(), augmentation_class or make_class(), phase, shards)
    spec: dict[str, Any] = template["spec"]
    return spec


def container_of(phase: PhaseName, **how: Any) -> dict[str, Any]:
    container: dict[str, Any]
    (container,) = pod_of(phase, **how)["containers"]
    return container


def values_of(phase: PhaseName, **how: Any) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container_of(phase, **how)["env"] if "value" in entry}


def fields_of(phase: PhaseName) -> dict[str, str]:
    return {
        entry["name"]: entry["valueFrom"]["fieldRef"]["fieldPath"]
        for entry in container_of(phase)["env"]
        if "valueFrom" in entry
    }


@pytest.mark.parametrize("phase", PHASES)
def test_pod_passes_the_restricted_pod_security_standard(phase: PhaseName) -> None:
    pod, container = pod_of(phase), container_of(phase)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] != 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert {kind for volume in pod["volumes"] for kind in volume if kind != "name"} == {
        "emptyDir",
        "secret",
        "projected",
    }


@pytest.mark.parametrize("phase", PHASES)
def test_root_file_system_is_read_only_and_scratch_is_limited(phase: PhaseName) -> None:
    augmentation_class = make_class(scratchSize="7Gi")
    container = container_of(phase, augmentation_class=augmentation_class)
    (scratch,) = (
        entry for entry in pod_of(phase, augmentation_class=augmentation_class)["volumes"] if "emptyDir" in entry
    )
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert scratch["emptyDir"] == {"sizeLimit": "7Gi"}
    assert values_of(phase)["AUGMENTATION_SCRATCH"] == "/scratch"


@pytest.mark.parametrize("phase", PHASES)
def test_hub_token_is_mounted_read_only_and_optional(phase: PhaseName) -> None:
    (mount,) = (entry for entry in container_of(phase)["volumeMounts"] if entry["name"] == "hub-token")
    (volume,) = (entry for entry in pod_of(phase)["volumes"] if entry["name"] == "hub-token")
    assert mount["readOnly"] is True
    assert volume["secret"]["optional"] is True
    assert volume["secret"]["secretName"] == "hub-token"
    assert volume["secret"]["items"] == [{"key": "token", "path": "token"}]
    assert values_of(phase)["AUGMENTATION_HUB_TOKEN_FILE"] == "/run/hub-token/token"


@pytest.mark.parametrize("phase", PHASES)
def test_hub_token_is_never_in_the_environment(phase: PhaseName) -> None:
    assert not [entry for entry in container_of(phase)["env"] if "secretKeyRef" in entry.get("valueFrom", {})]
    assert "envFrom" not in container_of(phase)


def test_job_may_name_its_own_token() -> None:
    job = a_job(credentialsSecretRef={"name": "mine", "key": "hf"})
    (volume,) = (entry for entry in pod_of(RESOLVE, job=job)["volumes"] if entry["name"] == "hub-token")
    assert (volume["secret"]["secretName"], volume["secret"]["items"][0]["key"]) == ("mine", "hf")
    assert values_of(RESOLVE, job=job)["AUGMENTATION_CREDENTIALS_SECRET"] == "mine/hf"


@pytest.mark.parametrize("phase", PHASES)
def test_environment_names_job_hub_and_secret(phase: PhaseName) -> None:
    values = values_of(phase, augmentation_class=make_class(hub={"endpoint": "http://hub.example:8000"}))
    assert values["AUGMENTATION_JOB_NAMESPACE"] == "default"
    assert values["AUGMENTATION_JOB_NAME"] == NAME
    assert values["AUGMENTATION_JOB_UID"] == UID
    assert values["HF_ENDPOINT"] == "http://hub.example:8000"
    assert values["AUGMENTATION_CREDENTIALS_SECRET"] == "hub-token/token"


@pytest.mark.parametrize("phase", PHASES)
def test_environment_names_pod_and_node(phase: PhaseName) -> None:
    fields = fields_of(phase)
    assert fields["AUGMENTATION_POD_NAME"] == "metadata.name"
    assert fields["AUGMENTATION_NODE_NAME"] == "spec.nodeName"


@pytest.mark.parametrize("phase", PHASES)
def test_phase_is_the_only_argument(phase: PhaseName) -> None:
    assert container_of(phase)["args"] == [phase.value]
    assert "command" not in container_of(phase)


def test_environment_has_the_shard_count_where_it_is_needed() -> None:
    assert "AUGMENTATION_SHARD_COUNT" not in values_of(RESOLVE)
    assert values_of(AUGMENT)["AUGMENTATION_SHARD_COUNT"] == "2"
    assert values_of(PUBLISH)["AUGMENTATION_SHARD_COUNT"] == "2"


def test_environment_has_the_number_of_failures_of_the_shard() -> None:
    failures = "metadata.annotations['batch.kubernetes.io/job-index-failure-count']"
    assert fields_of(AUGMENT)["AUGMENTATION_SHARD_ATTEMPT"] == failures
    assert "AUGMENTATION_SHARD_ATTEMPT" not in fields_of(PUBLISH)


def test_only_resolve_has_the_frame_limit() -> None:
    limited = make_class(limits={"maxFrames": 5000})
    assert values_of(RESOLVE, augmentation_class=limited)["AUGMENTATION_MAX_FRAMES"] == "5000"
    assert values_of(RESOLVE)["AUGMENTATION_MAX_FRAMES"] == "1000000000"
    assert "AUGMENTATION_MAX_FRAMES" not in values_of(AUGMENT, augmentation_class=limited)


def test_shards_and_publish_know_the_size_of_a_file_that_the_class_asks_for() -> None:
    small = make_class(limits={"checkpointMB": 7})
    assert values_of(AUGMENT, augmentation_class=small)["AUGMENTATION_CHECKPOINT_MB"] == "7"
    assert values_of(AUGMENT)["AUGMENTATION_CHECKPOINT_MB"] == "100"
    assert values_of(RESOLVE, augmentation_class=small)["AUGMENTATION_CHECKPOINT_MB"] == "7"


@pytest.mark.parametrize("phase", PHASES)
def test_libraries_write_to_scratch(phase: PhaseName) -> None:
    values = values_of(phase)
    assert all(values[name].startswith("/scratch") for name in ("HOME", "TMPDIR", "HF_HOME"))


@pytest.mark.parametrize("phase", PHASES)
def test_pod_runs_as_the_identity_of_its_job(phase: PhaseName) -> None:
    pod = pod_of(phase)
    assert pod["serviceAccountName"] == "kitchen-0f1e2d3c-worker"
    assert pod["restartPolicy"] == "Never"


@pytest.mark.parametrize("phase", PHASES)
def test_termination_message_falls_back_to_the_log(phase: PhaseName) -> None:
    assert container_of(phase)["terminationMessagePolicy"] == "FallbackToLogsOnError"


@pytest.mark.parametrize("phase", PHASES)
def test_pod_has_the_labels_of_a_child(phase: PhaseName) -> None:
    labels = worker_pod(a_job(), make_class(), phase, 2)["metadata"]["labels"]
    assert labels["augmentation.dev/job-uid"] == UID
    assert labels["augmentation.dev/job-name"] == NAME
    assert labels["augmentation.dev/phase"] == phase.value


@pytest.mark.parametrize("phase", PHASES)
def test_image_pull_policy_and_pull_secrets_come_from_the_class(phase: PhaseName) -> None:
    augmentation_class = make_class(imagePullPolicy="Always", imagePullSecrets=["registry"])
    assert container_of(phase, augmentation_class=augmentation_class)["image"] == IMAGE
    assert container_of(phase, augmentation_class=augmentation_class)["imagePullPolicy"] == "Always"
    assert pod_of(phase, augmentation_class=augmentation_class)["imagePullSecrets"] == [{"name": "registry"}]


def test_only_augment_pods_have_resources_and_nodes_of_the_class() -> None:
    gpu = make_class(
        resources={"requests": {"cpu": "4"}, "limits": {"nvidia.com/gpu": "1"}},
        placements=[
            {
                "name": "l4",
                "nodeSelector": {"gpu": "l4"},
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
                "runtimeClassName": "nvidia",
            }
        ],
    )
    augment, resolve = pod_of(AUGMENT, augmentation_class=gpu), pod_of(RESOLVE, augmentation_class=gpu)
    assert augment["nodeSelector"] == {"gpu": "l4"}
    assert augment["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert augment["runtimeClassName"] == "nvidia"
    assert augment["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert not {"nodeSelector", "tolerations", "runtimeClassName"} & set(resolve)
    assert "nvidia.com/gpu" not in resolve["containers"][0]["resources"]["limits"]


def test_placement_may_have_its_own_resources() -> None:
    placement = make_class(
        resources={"limits": {"memory": "1Gi"}},
        placements=[{"name": "big", "resources": {"limits": {"memory": "64Gi"}}}],
    )
    assert container_of(AUGMENT, augmentation_class=placement)["resources"]["limits"]["memory"] == "64Gi"


def test_pods_have_the_priority_of_the_job() -> None:
    assert pod_of(AUGMENT, job=a_job(priorityClassName="research"))["priorityClassName"] == "research"
    assert "priorityClassName" not in pod_of(AUGMENT)


@pytest.mark.parametrize("phase", PHASES)
def test_volume_of_source_and_output_is_one_volume_with_two_mounts(phase: PhaseName) -> None:
    job = a_job(source={"volume": {"claimName": "data", "path": "lab/pusht"}}, output={})
    claims = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in pod_of(phase, job=job)["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {"source": "data"}, "not read-only: the result goes to it"
    mounts = {mount["mountPath"]: mount for mount in container_of(phase, job=job)["volumeMounts"]}
    assert mounts["/volumes/source"] == {"name": "source", "mountPath": "/volumes/source", "readOnly": True}
    assert mounts["/volumes/output"] == {"name": "source", "mountPath": "/volumes/output", "readOnly": False}
    values = {entry["name"]: entry.get("value") for entry in container_of(phase, job=job)["env"]}
    assert values["AUGMENTATION_SOURCE_FOLDER"] == "/volumes/source/lab/pusht"
    assert values["AUGMENTATION_OUTPUT_FOLDER"] == f"/volumes/output/lab/pusht_augmented_{UID[:8]}"


def test_folder_with_a_dollar_is_not_expanded_by_the_kubelet() -> None:
    volume = {"claimName": "datasets", "path": "$(HOME)/a$$b"}
    values = values_of(RESOLVE, job=a_job(source={"volume": volume}))
    # $$ is how a value says $ to the kubelet.
    assert values["AUGMENTATION_SOURCE_FOLDER"] == "/volumes/source/$$(HOME)/a$$$$b"


def claims_of(phase: PhaseName, **spec: Any) -> dict[str, dict[str, Any]]:
    volumes = pod_of(phase, job=a_job(**spec))["volumes"]
    return {entry["name"]: entry["persistentVolumeClaim"] for entry in volumes if "persistentVolumeClaim" in entry}


@pytest.mark.parametrize("phase", PHASES)
def test_source_volume_is_read_only_when_the_output_is_a_hub(phase: PhaseName) -> None:
    claims = claims_of(phase, source={"volume": {"claimName": "data"}}, output={"hub": {}})
    assert claims == {"source": {"claimName": "data", "readOnly": True}}


@pytest.mark.parametrize("phase", PHASES)
def test_source_volume_is_read_only_next_to_an_output_volume(phase: PhaseName) -> None:
    claims = claims_of(phase, source={"volume": {"claimName": "data"}}, output={"volume": {"claimName": "results"}})
    assert claims == {"source": {"claimName": "data", "readOnly": True}, "output": {"claimName": "results"}}


@pytest.mark.parametrize("phase", PHASES)
def test_group_of_volume_files_changes_only_on_root_mismatch(phase: PhaseName) -> None:
    assert pod_of(phase)["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"


@pytest.mark.parametrize("phase", [RESOLVE, AUGMENT, PUBLISH])
def test_service_account_token_lasts_an_hour(phase: PhaseName) -> None:
    pod = pod_of(phase)
    assert pod["automountServiceAccountToken"] is False
    (mount,) = (entry for entry in container_of(phase)["volumeMounts"] if entry["name"] == "identity")
    assert (mount["mountPath"], mount["readOnly"]) == ("/var/run/secrets/kubernetes.io/serviceaccount", True)
    (volume,) = (entry for entry in pod["volumes"] if entry["name"] == "identity")
    tokens = [
        entry["serviceAccountToken"] for entry in volume["projected"]["sources"] if "serviceAccountToken" in entry
    ]
    assert tokens == [{"path": "token", "expirationSeconds": 3600}]


@pytest.mark.parametrize(
    ("bundle", "source"),
    [
        (
            {"configMap": {"name": "trust"}},
            {"configMap": {"name": "trust", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ),
        (
            {"secret": {"name": "trust", "key": "tls.crt"}},
            {"secret": {"secretName": "trust", "items": [{"key": "tls.crt", "path": "ca.crt"}]}},
        ),
        ("spelled out", {"configMap": {"name": "kitchen-0f1e2d3c-ca-bundle"}}),
    ],
)
def test_certificates_that_the_class_names_are_mounted_in_every_pod(
    bundle: dict[str, Any] | str, source: dict[str, Any], tmp_path: Path
) -> None:
    pem = Authority(tmp_path).certificate.read_text()
    trusting = make_class(caBundle={"pem": pem} if isinstance(bundle, str) else bundle)
    for phase in PHASES:
        volume = pod_of(phase, augmentation_class=trusting)["volumes"][-1]
        assert volume == {"name": "ca-bundle", **source}
        assert values_of(phase, augmentation_class=trusting)["AUGMENTATION_CA_BUNDLE"] == "/run/ca-bundle/ca.crt"
    first = identity(a_job(), trusting, 1)[0]
    assert (first["kind"] == "ConfigMap") is isinstance(bundle, str)
    if first["kind"] == "ConfigMap":
        assert (first["metadata"]["name"], first["data"]) == ("kitchen-0f1e2d3c-ca-bundle", {"ca.crt": pem})


@pytest.mark.parametrize("phase", PHASES)
def test_proxy_of_the_class_is_for_everything_but_the_cluster(phase: PhaseName) -> None:
    proxied = make_class(proxy={"https": "http://proxy.example:3128", "noProxy": [".corp.example"]})
    values = values_of(phase, augmentation_class=proxied)
    assert values["HTTPS_PROXY"] == values["https_proxy"] == "http://proxy.example:3128"
    assert values["NO_PROXY"] == values["no_proxy"]
    assert values["NO_PROXY"].startswith(".corp.example,$(KUBERNETES_SERVICE_HOST),")
    assert "HTTP_PROXY" not in values


GPU = {"resources": {"limits": {"memory": "8Gi", "nvidia.com/gpu": "1"}}}
CLAIM = {"podTemplate": {"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "h100"}]}}


@pytest.mark.parametrize(
    ("phase", "runs_as", "image"),
    [
        (RESOLVE, GPU, IMAGE),
        (AUGMENT, GPU, "cuda:1"),
        (PUBLISH, GPU, IMAGE),
        (AUGMENT, {}, IMAGE),
        (AUGMENT, {"resources": {"limits": {"nvidia.com/gpu": "0"}}}, IMAGE),
        (AUGMENT, {"resources": {"limits": {"nvidia.com/mig-1g.10gb": 1}}}, "cuda:1"),
        (AUGMENT, CLAIM, "cuda:1"),
        (RESOLVE, CLAIM, IMAGE),
        (AUGMENT, {"placements": [{"name": "l4", **GPU}]}, "cuda:1"),
        (AUGMENT, {**GPU, "placements": [{"name": "cpu", "resources": {"requests": {"cpu": "8"}}}]}, IMAGE),
    ],
)
def test_augment_pods_that_ask_for_a_gpu_have_the_image_with_cuda(
    phase: PhaseName, runs_as: dict[str, Any], image: str
) -> None:
    assert container_of(phase, augmentation_class=make_class(cudaImage="cuda:1", **runs_as))["image"] == image
    assert container_of(phase, augmentation_class=make_class(**runs_as))["image"] == IMAGE, "of a class with one image"


def test_image_follows_the_placement_that_a_job_falls_back_to() -> None:
    mixed = make_class(cudaImage="cuda:1", placements=[{"name": "l4", **GPU}, {"name": "cpu"}])
    job = a_job()
    fallen_back = job.model_copy(update={"status": job.status.model_copy(update={"placement": Placement(rung=1)})})
    assert container_of(AUGMENT, job=job, augmentation_class=mixed)["image"] == "cuda:1"
    assert container_of(AUGMENT, job=fallen_back, augmentation_class=mixed)["image"] == IMAGE
