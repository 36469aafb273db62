"""The table of the chart's values is generated, and the schema knows exactly these values."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HELM = Path(__file__).resolve().parents[3] / "deploy" / "helm"
CHART = HELM / "augmentation-operator"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def test_table_of_values_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, HELM / "generate_values.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def unknown(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Values that the schema does not name, and names of the schema without a default."""
    schema = {**SCHEMA["$defs"].get(schema.get("$ref", "").rsplit("/", 1)[-1], {}), **schema}
    fields = dict(schema.get("properties", {}))
    if "$ref" in schema:
        fields |= SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[-1]].get("properties", {})
    if not fields:
        return
    for name in values.keys() ^ fields.keys():
        if path + name not in EXCEPTIONS and not path.endswith("Probe."):
            yield path + name
    for name in values.keys() & fields.keys():
        if isinstance(values[name], dict) and values[name]:
            yield from unknown(values[name], fields[name], f"{path}{name}.")


EXCEPTIONS = {"global"}


def test_schema_and_values_name_the_same_fields() -> None:
    assert sorted(unknown(yaml.safe_load((CHART / "values.yaml").read_text()), SCHEMA)) == []
