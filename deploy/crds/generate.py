"""Write the CRDs from the models, into deploy/crds and the chart's templates; --check only compares."""

import sys
from pathlib import Path

import yaml

from augmentation_api.crd import augmentation_class_crd, augmentation_job_crd

HEADER = "# Generated from api/augmentation_api by `make crds`. Do not edit.\n"
CRDS = Path(__file__).resolve().parent
CHART_CRDS = CRDS.parent / "helm" / "augmentation-operator" / "templates" / "crds"
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
    return {CRDS / name: HEADER + text for name, text in texts.items()} | {
        CHART_CRDS / name: HEADER + _template(text) for name, text in texts.items()
    }


def _template(text: str) -> str:
    """A CRD as a template of the chart."""
    head, spec = text.replace("{{", '{{ "{{" }}').split("\nspec:\n", 1)
    return f"{{{{- if .Values.crds.enabled }}}}\n{head}\n{CHART_METADATA}spec:\n{spec}{{{{- end }}}}\n"


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
