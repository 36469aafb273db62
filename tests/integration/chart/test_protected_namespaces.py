"""Namespaces that the operator and the gateway may not use."""

from tests.integration.chart.helm_template import NAMESPACE, Json, one, rendered

POLICY = ("ValidatingAdmissionPolicy", "augmentation-protected-namespaces")


def protected(values: Json | None = None) -> list[str]:
    policy = one(rendered(values), *POLICY)
    namespaces: list[str] = policy["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"][0]["values"]
    return namespaces


def test_system_and_release_namespaces_are_protected_by_default() -> None:
    assert protected() == ["kube-system", "kube-public", "kube-node-lease", NAMESPACE]


def test_configured_namespace_is_served() -> None:
    assert NAMESPACE not in protected({"watchNamespaces": [NAMESPACE, "robots"]})


def test_more_namespaces_can_be_protected() -> None:
    assert "vault" in protected({"operatorPolicy": {"protectedNamespaces": ["kube-system", "vault"]}})


def test_policies_can_be_disabled() -> None:
    names = {manifest["metadata"]["name"] for manifest in rendered({"operatorPolicy": {"enabled": False}})}
    assert not names & {"augmentation-protected-namespaces", "augmentation-operator-writes"}
