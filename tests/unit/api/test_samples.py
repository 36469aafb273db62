"""What the README and the samples show is accepted."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from augmentation_api import AugmentationClass, AugmentationJob
from augmentation_api.augmentation_class import AugmentationClassSpec

CHECKOUT = Path(__file__).resolve().parents[3]
MODELS: dict[str, Any] = {"AugmentationJob": AugmentationJob, "AugmentationClass": AugmentationClass}


@pytest.mark.parametrize("file", sorted((CHECKOUT / "deploy/samples").glob("*.yaml")), ids=lambda file: file.name)
def test_a_sample_is_what_the_models_accept(file: Path) -> None:
    document = yaml.safe_load(file.read_text())
    assert MODELS[document["kind"]].from_wire(document).spec.to_wire()


def test_the_manifest_in_the_readme_is_what_the_models_accept() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (CHECKOUT / "README.md").read_text(), re.DOTALL)
    assert AugmentationJob.from_wire(yaml.safe_load(block)).spec.augmentation.copies == 3


CLASSES = re.findall(r"```yaml\n(.*?)```", (CHECKOUT / "docs/classes.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", CLASSES, ids=range(len(CLASSES)))
def test_example_of_a_class_is_what_the_models_accept(block: str) -> None:
    document = yaml.safe_load(block)
    found = (
        [document["spec"]] if "spec" in document else [{"image": "x", **each} for each in document["classes"].values()]
    )
    for spec in found:
        assert AugmentationClassSpec.model_validate(spec).to_wire()
