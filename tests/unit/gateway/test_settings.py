"""Settings from the environment."""

from pathlib import Path

import pytest

from augmentation_gateway.settings import Settings
from augmentation_kube.settings import SettingsError


def test_defaults_apply_without_variables() -> None:
    assert Settings.from_environment({}) == Settings()


def test_empty_variable_is_treated_as_unset() -> None:
    names = ("PORT", "HOST", "AUGMENTATION_KEYS_SECRET", "AUGMENTATION_NAMESPACES", "AUGMENTATION_STREAMS")
    assert Settings.from_environment(dict.fromkeys(names, "")) == Settings()


def test_every_setting_has_its_variable() -> None:
    variables = {
        "AUGMENTATION_KEYS_SECRET": "system/keys",
        "AUGMENTATION_KEYS_FILE": "/keys.json",
        "AUGMENTATION_OIDC_FILE": "/oidc.json",
        "AUGMENTATION_TLS_FOLDER": "/tls",
        "AUGMENTATION_NAMESPACES": "a, b,a,",
        "HOST": "127.0.0.1",
        "PORT": "9000",
        "AUGMENTATION_HEARTBEAT_SECONDS": "2.5",
        "AUGMENTATION_REQUESTS_PER_SECOND": "50",
        "AUGMENTATION_CONNECTIONS": "10",
        "AUGMENTATION_STREAMS_PER_KEY": "0",
        "AUGMENTATION_PAGE": "false",
        "AUGMENTATION_DOCS": "false",
        "AUGMENTATION_METRICS_ADDRESS": "0.0.0.0:8081",
        "AUGMENTATION_ALLOWED_ORIGINS": "https://a.example,https://b.example",
        "AUGMENTATION_LOG_LEVEL": "DEBUG",
    }
    assert Settings.from_environment(variables) == Settings(
        keys_secret=("system", "keys"),
        keys_file=Path("/keys.json"),
        oidc_file=Path("/oidc.json"),
        tls_folder=Path("/tls"),
        namespaces=("a", "b"),
        host="127.0.0.1",
        port=9000,
        heartbeat_seconds=2.5,
        requests_per_second=50,
        connections=10,
        streams_per_key=0,
        page=False,
        docs=False,
        metrics_address=("0.0.0.0", 8081),
        allowed_origins=("https://a.example", "https://b.example"),
        log_level="debug",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("AUGMENTATION_LOG_LEVEL", "loud"),
        ("AUGMENTATION_HEARTBEAT_SECONDS", "0"),
        ("AUGMENTATION_HEARTBEAT_SECONDS", "soon"),
        ("AUGMENTATION_PAGE", "perhaps"),
        ("AUGMENTATION_DOCS", "perhaps"),
        ("AUGMENTATION_METRICS_ADDRESS", "8081"),
        ("AUGMENTATION_METRICS_ADDRESS", "localhost:http"),
        ("AUGMENTATION_KEYS_SECRET", "keys"),
        ("AUGMENTATION_KEYS_SECRET", "system/keys/json"),
        ("AUGMENTATION_REQUESTS_PER_SECOND", "-1"),
        ("AUGMENTATION_REQUESTS_PER_SECOND", "nan"),
        ("AUGMENTATION_CONNECTIONS", "0"),
        ("AUGMENTATION_STREAMS", "1.5"),
    ],
)
def test_invalid_value_is_reported_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_environment({name: value})
    assert f"{name}={value!r}" in str(error.value)
