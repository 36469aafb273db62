"""Write the CRDs from the models, into deploy/crds and the chart, whose schema of values gets a class's fields.

With --check only compare.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from augmentation_api.crd import augmentation_class_crd, augmentation_job_crd

HEADER = "# Generated from api/augmentation_api by `make crds`. Do not edit.\n"
CRDS = Path(__file__).resolve().parent
CHART = CRDS.parent / "helm" / "augmentation-operator"
CHART_CRDS = CHART / "templates" / "crds"
VALUES_SCHEMA = CHART / "values.schema.json"
# helm.sh/resource-policy: an upgrade to a chart without the CRD, and an uninstall, leave it and all objects of it.
CHART_METADATA = """\
  labels: {{- include "augmentation.labels" (dict "root" . "component" "crds") | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""


def documents() -> dict[Path, str]:
    """Every generated file and what it should hold."""
    texts = {
        f"{crd['metadata']['name']}.yaml": yaml.safe_dump(crd, sort_keys=False, width=120, allow_unicode=True)
        for crd in (augmentation_job_crd(), augmentation_class_crd())
    }
    return (
        {CRDS / name: HEADER + text for name, text in texts.items()}
        | {CHART_CRDS / name: HEADER + _template(text) for name, text in texts.items()}
        | {VALUES_SCHEMA: _values_schema()}
    )


def _template(text: str) -> str:
    """A CRD as a template of the chart."""
    head, spec = text.replace("{{", '{{ "{{" }}').split("\nspec:\n", 1)
    return f"{{{{- if .Values.crds.enabled }}}}\n{head}\n{CHART_METADATA}spec:\n{spec}{{{{- end }}}}\n"


def _values_schema() -> str:
    """The schema of the chart's values with the names of a class's fields, so that Helm refuses what is misspelt."""
    (version,) = augmentation_class_crd()["spec"]["versions"]
    fields = _names(version["schema"]["openAPIV3Schema"]["properties"]["spec"], depth=2)
    line = f'    "classSpec": {json.dumps(fields)},\n'
    return re.sub(r'    "classSpec": .*\n', lambda _: line, VALUES_SCHEMA.read_text())


def _names(schema: dict[str, Any], depth: int) -> dict[str, Any]:
    if depth == 0 or "properties" not in schema:
        return {}
    properties = {name: _names(field, depth - 1) for name, field in schema["properties"].items()}
    return {"additionalProperties": False, "properties": properties}


def main() -> int:
    """Exit status 1 if --check found a file that differs."""
    stale = [path for path, text in documents().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.name} in {path.parent} differs from the models: run `make crds` and commit it")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(documents()[path])
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
