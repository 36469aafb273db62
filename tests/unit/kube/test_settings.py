"""Settings that a program reads from its environment."""

from typing import Literal

import pytest
from pydantic import Field, ValidationError

from augmentation_kube.settings import EnvironmentSettings, SettingsError


class Example(EnvironmentSettings):
    host: str = Field(validation_alias="HOST")
    port: int = Field(8080, ge=1, validation_alias="EXAMPLE_PORT")
    level: Literal["debug", "info"] = Field("info", validation_alias="LEVEL")


def test_every_field_is_read_from_its_variable() -> None:
    read = Example.from_environment({"HOST": "a", "EXAMPLE_PORT": "9", "LEVEL": "debug", "port": "7", "OTHER": "x"})
    assert read == Example(host="a", port=9, level="debug")


def test_empty_variable_is_treated_as_unset() -> None:
    assert Example.from_environment({"HOST": "a", "EXAMPLE_PORT": ""}).port == 8080


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("EXAMPLE_PORT", "http", "give a valid integer"),
        ("EXAMPLE_PORT", "0", "give a number greater than or equal to 1"),
        ("LEVEL", "loud", "give 'debug' or 'info'"),
    ],
)
def test_unusable_value_is_named_with_its_variable_and_fix(name: str, value: str, fix: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Example.from_environment({"HOST": "a", name: value})
    assert str(caught.value) == f"{name}={value!r} cannot be used: {fix}"


def test_missing_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="the environment variable HOST is not set"):
        Example.from_environment({})


def test_calling_class_reads_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_PORT", "9")
    assert Example(host="a").port == 8080


def test_settings_are_immutable() -> None:
    with pytest.raises(ValidationError):
        Example(host="a").port = 9  # type: ignore[misc]
