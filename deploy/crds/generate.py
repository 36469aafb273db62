"""Write the CRDs from the models, into deploy/crds and the chart; with --check only say whether they are up to date."""

import sys
from pathlib import Path

import yaml

from augmentation_api.crd import augmentation_class_crd, augmentation_job_crd

HEADER = "# Generated from api/augmentation_api by `make crds`. Do not edit.\n"
CRDS = Path(__file__).resolve().parent
CHART_CRDS = CRDS.parent / "helm" / "augmentation-operator" / "crds"


def documents() -> dict[Path, str]:
    """Every generated file and what it should hold."""
    texts = {
        f"{crd['metadata']['name']}.yaml": HEADER + yaml.safe_dump(crd, sort_keys=False, width=120, allow_unicode=True)
        for crd in (augmentation_job_crd(), augmentation_class_crd())
    }
    return {folder / name: text for folder in (CRDS, CHART_CRDS) for name, text in texts.items()}


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
