"""prePull.classes keeps the worker's image on the nodes of classes."""

from typing import Any

from tests.integration.chart.helm_template import Json, refusal, rendered

L4 = {
    "image": "model:1",
    "placements": [
        {
            "name": "l4",
            "nodeSelector": {"gpu": "l4"},
            "nodeAffinity": {
                "required": [{"key": "cpus", "operator": "Gt", "values": ["7"]}, {"key": "zone", "values": ["a"]}]
            },
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
        },
        {"name": "a100", "nodeSelector": {"gpu": "a100"}, "tolerations": [{"key": "gpu", "operator": "Exists"}]},
    ],
    "podTemplate": {"nodeSelector": {"team": "a"}, "tolerations": [{"key": "team", "operator": "Exists"}]},
}


def daemon_sets(values: Json) -> dict[str, Json]:
    return {each["metadata"]["name"]: each for each in rendered(values) if each["kind"] == "DaemonSet"}


def required(pod: Json) -> Any:
    return pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]


def test_image_is_kept_on_the_nodes_of_all_placements() -> None:
    values = {"classes": {"l4": L4}, "prePull": {"classes": ["l4"]}, "images": {"pullSecrets": ["registry"]}}
    ((name, each),) = daemon_sets(values).items()
    pod = each["spec"]["template"]["spec"]
    assert name == "augmentation-pre-pull-l4"
    assert required(pod) == [
        {
            "matchExpressions": [
                {"key": "gpu", "operator": "In", "values": ["l4"]},
                {"key": "cpus", "operator": "Gt", "values": ["7"]},
                {"key": "zone", "operator": "In", "values": ["a"]},
            ]
        },
        {"matchExpressions": [{"key": "gpu", "operator": "In", "values": ["a100"]}]},
    ]
    assert pod["tolerations"] == [{"key": "team", "operator": "Exists"}, {"key": "gpu", "operator": "Exists"}]
    assert pod["nodeSelector"] == {"team": "a"}
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert (container["image"], container["command"]) == ("model:1", ["sleep", "infinity"])
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert each["spec"]["updateStrategy"]["rollingUpdate"] == {"maxUnavailable": "100%"}, "helm --wait waits for none"


def test_class_without_nodes_of_its_own_has_all_and_default_is_none() -> None:
    (cpu,) = daemon_sets({"prePull": {"classes": ["cpu"]}}).values()
    assert "affinity" not in cpu["spec"]["template"]["spec"]
    assert cpu["spec"]["template"]["spec"]["containers"][0]["image"] == "augmentation-worker:0.1.0"
    assert daemon_sets({}) == {}


def test_nodes_of_placements_with_a_gpu_have_the_image_with_cuda() -> None:
    """Of a class with both kinds of placements, all nodes have both."""
    mixed = {"placements": [{"name": "l4"}, {"name": "cpu", "resources": {"requests": {"cpu": "8"}}}]}
    values = {"classes": {"gpu-l4": {}, "mixed": {**mixed, "resources": {"limits": {"nvidia.com/gpu": 1}}}}}
    found = daemon_sets({**values, "prePull": {"classes": ["gpu-l4", "mixed"]}})
    images = {
        name: {each["name"]: each["image"] for each in found[name]["spec"]["template"]["spec"]["containers"]}
        for name in found
    }
    cuda = "augmentation-worker-cuda:0.1.0"
    assert images == {
        "augmentation-pre-pull-gpu-l4": {"image": cuda},
        "augmentation-pre-pull-mixed": {"image": cuda, "image-1": "augmentation-worker:0.1.0"},
    }


def test_unknown_class_is_named() -> None:
    assert "prePull.classes: gpu is none of the classes (cpu" in refusal({"prePull": {"classes": ["gpu"]}})
