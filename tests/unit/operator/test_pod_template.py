"""A class adds to its pods, and changes nothing of what the operator needs in them."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from augmentation_api import PhaseName
from augmentation_api.pod_template import (
    RESERVED_LABELS,
    RESERVED_VARIABLE_PREFIXES,
    RESERVED_VARIABLES,
    PodTemplate,
)
from augmentation_api.pod_volume import OPERATOR_VOLUMES, PROTECTED_FOLDERS, is_protected
from augmentation_operator.manifests.identity import identity
from augmentation_operator.manifests.worker_pod import worker_pod
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster, make_class

Json = dict[str, Any]
ON_VOLUMES = SimulatedCluster(
    source={"volume": {"claimName": "in", "path": "a"}}, output={"volume": {"claimName": "out", "path": "b"}}
).job
PLACEMENT = {
    "name": "l4",
    "nodeSelector": {"gpu": "l4"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "nodeAffinity": {"required": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]},
}


def template_of(phase: PhaseName, pod_template: Json | None, **spec: Any) -> Json:
    """The pod template of a phase in a class with this podTemplate."""
    if pod_template is not None:
        spec["podTemplate"] = pod_template
    return worker_pod(ON_VOLUMES, make_class(**spec), phase, 2)


def pod_of(pod_template: Json | None, phase: PhaseName = AUGMENT, **spec: Any) -> Json:
    pod: Json = template_of(phase, pod_template, **spec)["spec"]
    return pod


NAMES = st.sampled_from([*OPERATOR_VOLUMES, "worker", "models", "proxy"])
ODD_PATHS = [
    "/", "/run", "/var/run", "/scratch/hub", "/volumes/source", "/mnt/a/../../scratch", "//scratch", "/scratch/",
    "/var/run/secrets/kubernetes.io/serviceaccount",
]  # fmt: skip
PATHS = st.sampled_from([*PROTECTED_FOLDERS, *ODD_PATHS, "/mnt/models", "/dev/shm"])
VARIABLES = st.sampled_from(
    [*RESERVED_VARIABLES, *(f"{prefix}X" for prefix in RESERVED_VARIABLE_PREFIXES), "AUGMENTATION_JOB_UID", "TEAM", "A"]
)
KEYS = st.sampled_from([*RESERVED_LABELS, "augmentation.dev/job-uid", "kueue.x-k8s.io/queue-name", "team", "cost"])
LABELS = st.dictionaries(KEYS, st.just("x"), max_size=3)
MOUNTS = st.lists(st.fixed_dictionaries({"name": NAMES, "mountPath": PATHS}), max_size=2)
ENV = st.lists(st.fixed_dictionaries({"name": VARIABLES, "value": st.just("x")}), max_size=3)
VOLUMES = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES},
        optional={
            "secret": st.just({"secretName": "s"}),
            "emptyDir": st.just({}),
            "persistentVolumeClaim": st.just({"claimName": "c"}),
            "hostPath": st.just({"path": "/"}),
            "nfs": st.just({"server": "s", "path": "/"}),
        },
    ),
    max_size=3,
)
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES, "image": st.just("sidecar")},
        optional={
            "restartPolicy": st.sampled_from(["Always", "Never"]),
            "volumeMounts": MOUNTS,
            "env": ENV,
            "securityContext": st.sampled_from(
                [{"runAsUser": 0}, {"privileged": True}, {"runAsUser": 7}, {"readOnlyRootFilesystem": False}]
            ),
            "command": st.just(["sh"]),
        },
    ),
    max_size=2,
)
SECURITY = st.fixed_dictionaries(
    {},
    optional={
        "omitIDs": st.booleans(),
        "runAsUser": st.sampled_from([0, 1, 1000]),
        "fsGroup": st.sampled_from([0, 7]),
        "runAsNonRoot": st.booleans(),
        "seccompProfile": st.just({"type": "Unconfined"}),
        "seLinuxOptions": st.sampled_from([{"level": "s0"}, {"type": "spc_t"}]),
    },
)
FORBIDDEN = {
    "hostNetwork": True,
    "hostPID": True,
    "serviceAccountName": "admin",
    "automountServiceAccountToken": True,
    "restartPolicy": "Always",
    "containers": [{"name": "worker", "command": ["sh"]}],
    "nodeName": "n",
    "enableServiceLinks": True,
    "envFrom": [{"secretRef": {"name": "s"}}],
    "image": "mine",
    "spec": {},
    "dnsPolicy": "x",
}
TEMPLATES = st.fixed_dictionaries(
    {},
    optional={
        "labels": LABELS,
        "annotations": LABELS,
        "env": ENV,
        "volumes": VOLUMES,
        "volumeMounts": MOUNTS,
        "initContainers": CONTAINERS,
        "securityContext": SECURITY,
        "resourceClaims": st.just([{"name": "gpu", "resourceClaimTemplateName": "gpu"}]),
        "topologySpreadConstraints": st.just([{"topologyKey": "zone"}]),
        "nodeSelector": LABELS,
        "tolerations": st.just([{"operator": "Exists"}]),
    },
)


def is_valid(pod_template: Json) -> bool:
    try:
        PodTemplate.model_validate(pod_template)
    except ValidationError:
        return False
    return True


def valid_part(pod_template: Json) -> Json:
    """What remains without the fields and entries that are refused by themselves."""
    volumes = [each for each in pod_template.get("volumes", []) if is_valid({"volumes": [each]})]
    kept: Json = {"volumes": volumes} if volumes else {}
    for name, value in pod_template.items():
        entries = isinstance(value, list)
        if entries and (good := [each for each in value if is_valid({"volumes": volumes, name: [each]})]):
            kept[name] = good
        elif not entries and is_valid({name: value}):
            kept[name] = value
    return kept


def protected_part(template: Json) -> Json:
    """All that the operator sets in a pod, whoever else added to it: what a class must not change."""
    pod = template["spec"]
    (worker,) = pod["containers"]
    bare = template_of(AUGMENT, None, placements=[PLACEMENT])
    (own,) = bare["spec"]["containers"]
    names = {each["name"] for each in own["env"]}
    paths = {each["mountPath"] for each in own["volumeMounts"]}
    volumes = {each["name"] for each in bare["spec"]["volumes"]}
    return {
        "labels": {key: template["metadata"]["labels"].get(key) for key in bare["metadata"]["labels"]},
        "env": [each for each in worker["env"] if each["name"] in names],
        "mounts": [each for each in worker["volumeMounts"] if each["mountPath"] in paths],
        "volumes": [each for each in pod["volumes"] if each["name"] in volumes],
        "worker": {key: value for key, value in worker.items() if key not in ("env", "volumeMounts", "resources")},
        "resources": {key: value for key, value in worker["resources"].items() if key != "claims"},
        "nodes": {key: pod["nodeSelector"].get(key) for key in PLACEMENT["nodeSelector"]},
        "pod": {
            key: pod.get(key)
            for key in ("serviceAccountName", "automountServiceAccountToken", "restartPolicy", "enableServiceLinks",
                        "hostNetwork", "hostPID", "hostIPC", "nodeName", "priorityClassName", "dnsPolicy",
                        "terminationGracePeriodSeconds")
        },
        "security": {key: pod["securityContext"].get(key) for key in ("runAsNonRoot", "seccompProfile")},
    }  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(TEMPLATES.map(valid_part))
def test_no_pod_template_changes_what_the_operator_needs(pod_template: Json) -> None:
    assume(pod_template and is_valid(pod_template))  # too few of these fail a health check
    merged = template_of(AUGMENT, pod_template, placements=[PLACEMENT])
    assert protected_part(merged) == protected_part(template_of(AUGMENT, None, placements=[PLACEMENT]))
    pod = merged["spec"]
    (worker,) = pod["containers"]
    added = [each for each in worker["env"] if each not in pod_of(None)["containers"][0]["env"]]
    assert not {each["name"] for each in added} & set(RESERVED_VARIABLES)
    own = {(each["name"], each["mountPath"]) for each in pod_of(None)["containers"][0]["volumeMounts"]}
    for container in [*pod.get("initContainers", []), worker]:
        paths = [(each["name"], each["mountPath"]) for each in container.get("volumeMounts", [])]
        assert not [path for name, path in paths if (name, path) not in own and is_protected(path)]
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert "privileged" not in security
        assert security.get("runAsUser", 1) > 0
    for container in pod.get("initContainers", []):
        assert not {each["name"] for each in container.get("volumeMounts", [])} & set(OPERATOR_VOLUMES)
        assert container["name"] != "worker"
    kinds = {kind for volume in pod["volumes"] for kind in volume} - {"name"}
    assert kinds <= {"emptyDir", "secret", "projected", "persistentVolumeClaim", "configMap", "csi", "ephemeral"}
    assert pod["securityContext"].get("runAsUser", 65532) > 0


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_would_undo_a_workers_isolation_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=f"(?s){name}.*(is not accepted here|Extra inputs)"):
        PodTemplate.model_validate({name: FORBIDDEN[name]})


def test_every_variable_that_the_operator_sets_is_reserved() -> None:
    set_by_operator = {
        each["name"] for phase in (RESOLVE, AUGMENT, PUBLISH) for each in pod_of(None, phase)["containers"][0]["env"]
    }
    assert {
        name
        for name in set_by_operator
        if name not in RESERVED_VARIABLES and not name.startswith(RESERVED_VARIABLE_PREFIXES)
    } == set()


def test_every_volume_of_the_operator_is_reserved_and_its_folder_protected() -> None:
    pod = pod_of(None)
    assert {each["name"] for each in pod["volumes"]} <= set(OPERATOR_VOLUMES)
    assert all(is_protected(each["mountPath"]) for each in pod["containers"][0]["volumeMounts"])


def test_a_class_without_a_pod_template_has_the_pods_it_had() -> None:
    assert template_of(AUGMENT, {}) == template_of(AUGMENT, None)


def test_variables_and_volumes_come_after_the_operators() -> None:
    pod = pod_of(
        {
            "env": [{"name": "TEAM", "value": "$(AUGMENTATION_JOB_NAME)"}],
            "volumes": [{"name": "models", "csi": {"driver": "nfs.csi.k8s.io", "volumeAttributes": {"server": "nas"}}}],
            "volumeMounts": [{"name": "models", "mountPath": "/mnt/models", "readOnly": True}],
        }
    )
    (worker,) = pod["containers"]
    assert worker["env"][-1] == {"name": "TEAM", "value": "$(AUGMENTATION_JOB_NAME)"}
    assert worker["volumeMounts"][-1] == {"name": "models", "mountPath": "/mnt/models", "readOnly": True}
    volume = {"name": "models", "csi": {"driver": "nfs.csi.k8s.io", "volumeAttributes": {"server": "nas"}}}
    assert pod["volumes"][-1] == volume


def test_ids_are_left_to_the_cluster_where_the_class_says_so() -> None:
    assert pod_of({"securityContext": {"omitIDs": True}})["securityContext"] == {
        "runAsNonRoot": True,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    stated = pod_of({"securityContext": {"runAsUser": 1000, "supplementalGroups": [5000]}})["securityContext"]
    assert (stated["runAsUser"], stated["runAsGroup"], stated["supplementalGroups"]) == (1000, 65532, [5000])


def test_devices_and_spreading_are_for_augment_pods_alone() -> None:
    template = {
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
        "topologySpreadConstraints": [{"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
        "tolerations": [{"key": "spot", "operator": "Exists"}],
    }  # fmt: skip
    augment, resolve = pod_of(template), pod_of(template, RESOLVE)
    assert augment["resourceClaims"] == [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}]
    assert augment["containers"][0]["resources"]["claims"] == [{"name": "gpu"}]
    (spread,) = augment["topologySpreadConstraints"]
    assert (spread["maxSkew"], spread["whenUnsatisfiable"]) == (1, "ScheduleAnyway")
    assert spread["labelSelector"]["matchLabels"]["augmentation.dev/phase"] == "augment"
    assert resolve["tolerations"] == augment["tolerations"] == [{"key": "spot", "operator": "Exists"}]
    assert not {"resourceClaims", "topologySpreadConstraints"} & set(resolve)
    assert "claims" not in resolve["containers"][0]["resources"]


def test_nodes_meet_the_placement_and_the_template() -> None:
    terms = [{"matchExpressions": [{"key": key, "operator": "Exists"}]} for key in ("fast", "new")]
    node = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    pod = pod_of(
        {"affinity": {"nodeAffinity": node}, "nodeSelector": {"gpu": "any", "disk": "ssd"},
         "tolerations": [{"key": "gpu", "operator": "Exists"}]},
        placements=[PLACEMENT],
    )  # fmt: skip
    required = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [[each["key"] for each in term["matchExpressions"]] for term in required] == [
        ["zone", "fast"],
        ["zone", "new"],
    ]
    assert pod["nodeSelector"] == {"gpu": "l4", "disk": "ssd"}
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists"}]


def test_an_added_container_names_every_resource_a_quota_counts_and_is_restricted() -> None:
    (sidecar,) = pod_of({"initContainers": [{"name": "proxy", "image": "p", "restartPolicy": "Always"}]})[
        "initContainers"
    ]
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["resources"] == {
        "requests": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "0"},
        "limits": {"memory": "256Mi", "cpu": "2000m", "ephemeral-storage": "1024Mi"},
    }
    assert sidecar["securityContext"]["readOnlyRootFilesystem"] is True


def test_annotations_of_the_service_account_give_workers_an_identity_of_the_cloud() -> None:
    arn = {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/augmentation"}
    account, role, _ = identity(ON_VOLUMES, make_class(podTemplate={"serviceAccount": {"annotations": arn}}), 1)
    assert account["metadata"]["annotations"] == arn
    assert "annotations" not in role["metadata"]


@pytest.mark.parametrize("name", ["labels", "annotations"])
def test_labels_and_annotations_are_added(name: str) -> None:
    metadata = template_of(AUGMENT, {name: {"sidecar.istio.io/inject": "false"}})["metadata"]
    assert metadata[name]["sidecar.istio.io/inject"] == "false"
    assert metadata["labels"]["augmentation.dev/job-uid"] == ON_VOLUMES.metadata.uid
