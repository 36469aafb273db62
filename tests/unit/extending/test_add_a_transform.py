"""docs/architecture.md, "How to add a transform": its model in api/transforms.py and one module of the worker.

The test makes both edits in a copy of the packages and follows the transform from the REST request to the pixels.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("api", "kube", "gateway", "worker")
CHECKOUT = Path(__file__).parents[3]

PARAMETERS = '''
class DimmingLevelRange(Range):
    """What is left of the light, in percent."""

    min: int = Field(20, ge=5, le=100, description="Darkest, percent.")
    max: int = Field(60, ge=5, le=100, description="Lightest, percent.")


class Dimming(Model):
    """Dimming: every value is scaled down, constant over an episode."""

    kind: Literal["mixed", "linear", "square"] = Field("mixed", description="Kind of dimming.")
    level: DimmingLevelRange = Field(default=DimmingLevelRange(), description="What is left of the light, percent.")


'''
FIELD = '    dimming: Dimming = Field(default=Dimming(), description="Parameters of the dimming transform.")\n'
WORKER_MODULE = '''
"""Dimming: every value is scaled down, the same for every frame of an episode."""

from typing import Any

import numpy as np

from augmentation_api import transforms as spec
from augmentation_worker.transforms.frames import Frames
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import KeyedTransform

_DEFAULTS = spec.Dimming()


class Dimming(KeyedTransform):
    """value * level / 100."""

    def __init__(
        self,
        kind: str = _DEFAULTS.kind,
        level: tuple[int, int] = _DEFAULTS.level.bounds,
        *,
        random: KeyedRandom | None = None,
    ) -> None:
        super().__init__(random)
        self.kind, self.level = kind, level

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"kind": self._kind(self.kind, ("linear", "square")), "level": self._integer(*self.level)}

    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        if isinstance(frames, np.ndarray):
            return (frames.astype(np.int32) * params["level"] // 100).astype(np.uint8)
        return (frames.int() * params["level"] // 100).to(frames.dtype)

    def describe(self, params: dict[str, Any]) -> dict[str, float | int | str]:
        return {"kind": params["kind"], "level_percent": params["level"]}
'''
FOLLOW = """
import json

import torch

from augmentation_api.crd import augmentation_job_crd
from augmentation_api.resource import AugmentationJob
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.views.job_spec import request_of, to_job_spec
from augmentation_gateway.views.request import AugmentationRequest
from augmentation_worker.transforms.pipeline import sample_pipeline

request = AugmentationRequest.model_validate(
    {
        "project_id": "7a1c9e9e-1f0a-4f0e-9b6e-0c7b6f6f2b11",
        "dataset_id": "lerobot/pusht",
        "augment_transforms": "dimming",
        "dimming_type": "linear",
        "dimming_level_min": 30,
    }
)
spec = to_job_spec(request)
manifest = {
    "apiVersion": "augmentation.dev/v1alpha1",
    "kind": "AugmentationJob",
    "metadata": {
        "name": "dim",
        "namespace": "robots",
        "uid": "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0",
        "resourceVersion": "1",
        "creationTimestamp": "2026-11-20T10:00:00Z",
    },
    "spec": spec.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True),
}
job = AugmentationJob.model_validate(manifest)
pipeline = sample_pipeline(job.spec.augmentation, camera="top", episode=0, copy=0, episode_mean=(0.5, 0.5, 0.5))
white = torch.full((2, 3, 4, 4), 255, dtype=torch.uint8)
version = augmentation_job_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
print(
    json.dumps(
        {
            "crd": version["properties"]["spec"]["properties"]["augmentation"]["properties"],
            "rest": AugmentationRequest.model_json_schema(),
            "written": manifest["spec"]["augmentation"],
            "shown": request_of(JobRecord.read(manifest)),
            "sampled": pipeline.parameters,
            "pixels": sorted({int(value) for value in pipeline(white, 0).flatten()}),
        }
    )
)
"""


def insert(text: str, before: str, addition: str) -> str:
    assert text.count(before) == 1, before
    return text.replace(before, addition + before)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of the transform everywhere, in copies of the packages that have it."""
    root = tmp_path_factory.mktemp("packages")
    for name in PACKAGES:
        package = f"augmentation_{name}"
        shutil.copytree(CHECKOUT / name / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    contract = root / "augmentation_api" / "transforms.py"
    text = contract.read_text()
    text = insert(text, "\n\ndef _order_rule", '    DIMMING = "dimming"\n')
    text = insert(text, "class Transforms(Model):", PARAMETERS.lstrip("\n"))
    text = insert(text, '\n    @field_validator("transforms")', FIELD)
    contract.write_text(text)
    (root / "augmentation_worker" / "transforms" / "dimming.py").write_text(WORKER_MODULE.lstrip("\n"))
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", FOLLOW]
    ran = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


def test_the_resource_has_its_parameters(followed: dict[str, Any]) -> None:
    assert "dimming" in followed["crd"]["transforms"]["items"]["enum"]
    level = followed["crd"]["dimming"]["properties"]["level"]["properties"]
    assert {name: (end["default"], end["minimum"], end["maximum"]) for name, end in level.items()} == {
        "min": (20, 5, 100),
        "max": (60, 5, 100),
    }


def test_the_rest_request_has_its_fields(followed: dict[str, Any]) -> None:
    fields = {name: field for name, field in followed["rest"]["properties"].items() if name.startswith("dimming")}
    assert {name: field["default"] for name, field in fields.items()} == {
        "dimming_type": "mixed",
        "dimming_level_min": 20,
        "dimming_level_max": 60,
    }
    assert (fields["dimming_level_min"]["minimum"], fields["dimming_level_max"]["maximum"]) == (5, 100)


def test_the_form_lists_it(followed: dict[str, Any]) -> None:
    assert [
        (each["name"], each["label"], each["is_range"]) for each in followed["rest"]["x-transforms"]["dimming"]
    ] == [
        ("dimming_type", "Kind", False),
        ("dimming_level", "Level", True),
    ]


def test_a_request_becomes_a_spec_and_a_spec_a_request(followed: dict[str, Any]) -> None:
    assert followed["written"]["dimming"] == {"kind": "linear", "level": {"min": 30, "max": 60}}
    shown = {name: value for name, value in followed["shown"].items() if name.startswith("dimming")}
    assert shown == {"dimming_type": "linear", "dimming_level_min": 30, "dimming_level_max": 60}


def test_the_worker_applies_it(followed: dict[str, Any]) -> None:
    sampled = followed["sampled"]["dimming"]
    assert sampled["kind"] == "linear"
    assert 30 <= sampled["level_percent"] <= 60
    assert followed["pixels"] == [255 * sampled["level_percent"] // 100]
