"""The operator's settings: what the environment may say, and which messages a mistake gets."""

from pathlib import Path

import pytest

from augmentation_kube.settings import SettingsError
from augmentation_operator.process.settings import Settings


def test_empty_environment_serves_the_whole_cluster_alone() -> None:
    settings = Settings.from_environment({"AUGMENTATION_NAMESPACES": "", "AUGMENTATION_LEASE_NAMESPACE": ""})
    assert settings.namespaces == ()
    assert settings.liveness_address == ("0.0.0.0", 8080)
    assert (settings.metrics_address, settings.lease_namespace, settings.workers_egress_file) == (None, None, None)


def test_identity_of_each_process_is_unique_unless_it_is_set() -> None:
    assert Settings.from_environment({}).identity != Settings.from_environment({}).identity
    assert Settings.from_environment({"AUGMENTATION_IDENTITY": "pod-a"}).identity == "pod-a"


def test_all_variables_are_read() -> None:
    settings = Settings.from_environment(
        {
            "AUGMENTATION_NAMESPACES": "a, b,",
            "AUGMENTATION_LIVENESS_ADDRESS": "127.0.0.1:0",
            "AUGMENTATION_METRICS_ADDRESS": "[::1]:9090",
            "AUGMENTATION_LEASE_NAMESPACE": "system",
            "AUGMENTATION_WORKERS_EGRESS_FILE": "/run/egress.json",
        }
    )
    assert settings.namespaces == ("a", "b")
    assert settings.liveness_address == ("127.0.0.1", 0)
    assert settings.metrics_address == ("[::1]", 9090)
    assert settings.lease_namespace == "system"
    assert settings.workers_egress_file == Path("/run/egress.json")


@pytest.mark.parametrize("variable", ["AUGMENTATION_LIVENESS_ADDRESS", "AUGMENTATION_METRICS_ADDRESS"])
@pytest.mark.parametrize("value", ["9090:", "localhost", "host:http", "host:70000"])
def test_invalid_address_is_named_with_its_fix(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_environment({variable: value})
    assert str(error.value) == f"{variable}={value!r} cannot be used: give HOST:PORT, such as 0.0.0.0:9090"
