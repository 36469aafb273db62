"""Settings of a program, read from its environment: the base class of each program's own."""

import re
from collections.abc import Mapping
from typing import Self

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the variable, its value and the fix."""


class EnvironmentSettings(BaseSettings):
    """Settings that are read from environment variables and do not change afterwards.

    A field names its variable by `validation_alias`; without one the variable has the field's name. An empty variable
    counts as absent. A validator's ValueError says what to give instead: "give HOST:PORT".
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        case_sensitive=True,
        env_ignore_empty=True,
        validate_by_name=True,
        enable_decoding=False,
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings. Raises SettingsError, which names every variable that is missing or cannot be used."""
        variables = EnvSettingsSource(cls)
        variables.env_vars = {name: value for name, value in environment.items() if value}
        try:
            return cls(_build_sources=((variables,), {}))
        except ValidationError as error:
            raise SettingsError("; ".join(map(_sentence, error.errors(include_url=False)))) from error

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # Only from_environment reads variables: a call of the class means the same in every process.
        return (init_settings,)


def _sentence(error: ErrorDetails) -> str:
    variable = ".".join(map(str, error["loc"]))
    if error["type"] == "missing":
        return f"the environment variable {variable} is not set"
    fix = str(error.get("ctx", {}).get("error") or error["msg"].partition(", unable to")[0])
    fix = re.sub(r"^Input should be (?=greater|less)", "give a number ", fix).replace("Input should be", "give")
    return f"{variable}={error['input']!r} cannot be used: {fix}"
