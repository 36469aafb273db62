"""Pods of the chart: short-lived identity, requests and limits."""

import pytest

from tests.integration.chart.helm_template import pod_specs, rendered

NAMES = ["augmentation-operator", "augmentation-gateway", "augmentation-test"]
COUNTED = {"cpu", "memory", "ephemeral-storage"}


def test_chart_creates_no_other_pods() -> None:
    assert sorted(pod_specs(rendered())) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_pods_do_not_automount_service_account_token(name: str) -> None:
    assert pod_specs(rendered())[name]["automountServiceAccountToken"] is False


def test_service_accounts_do_not_automount_tokens() -> None:
    accounts = [account for account in rendered() if account["kind"] == "ServiceAccount"]
    assert len(accounts) == 2
    assert all(account["automountServiceAccountToken"] is False for account in accounts)


@pytest.mark.parametrize("name", ["augmentation-operator", "augmentation-gateway"])
def test_program_has_one_hour_token_at_default_path(name: str) -> None:
    pod = pod_specs(rendered())[name]
    (volume,) = (item for item in pod["volumes"] if item["name"] == "identity")
    (token,) = (item["serviceAccountToken"] for item in volume["projected"]["sources"] if "serviceAccountToken" in item)
    assert token == {"path": "token", "expirationSeconds": 3600}
    (mount,) = (item for item in pod["containers"][0]["volumeMounts"] if item["name"] == "identity")
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert mount["readOnly"] is True


@pytest.mark.parametrize("name", NAMES)
def test_every_container_sets_requests_and_limits(name: str) -> None:
    for container in pod_specs(rendered())[name]["containers"]:
        assert set(container["resources"]["requests"]) >= COUNTED
        assert set(container["resources"]["limits"]) >= COUNTED
