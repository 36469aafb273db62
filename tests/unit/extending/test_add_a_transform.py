"""docs/architecture.md, "How to add a transform": its model in api/transforms.py, its module in the worker."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import augmentation_api
import augmentation_worker

API, WORKER = (Path(package.__path__[0]) for package in (augmentation_api, augmentation_worker))
SAMPLE = Path(__file__).parents[2] / "fixtures" / "pusht_v30"

NAME = '    INVERT_COLORS = "invertColors"\n'
MODEL = '''
class InvertStrengthRange(Range):
    """How far colours are inverted, in percent."""

    min: Percent = Field(30, description="Least inverted, percent.")
    max: Percent = Field(40, description="Most inverted, percent.")


class InvertColors(Model):
    """Inverted colours, constant over an episode."""

    strength: InvertStrengthRange = Field(default=InvertStrengthRange(), description="How far, percent.")


'''
FIELD = '    invert_colors: InvertColors = Field(default=InvertColors(), description="Parameters of invertColors.")\n\n'
MODULE = """
from typing import Any

import torch

from augmentation_api import transforms as spec
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval, KeyedTransform


class InvertColors(KeyedTransform):
    def __init__(
        self, strength: Interval = spec.InvertColors().strength.bounds, *, random: KeyedRandom | None = None
    ) -> None:
        super().__init__(random)
        self.strength = strength

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"strength": self._uniform(*self.strength)}

    def apply(self, frames: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        share = params["strength"] / 100
        return (frames * (1 - share) + (255 - frames) * share).to(torch.uint8)

    def describe(self, params: dict[str, Any]) -> Description:
        return {"strength_percent": params["strength"]}
"""
JOB = """
source: {hub: {repoID: lab/pusht}}
augmentation: {transforms: [invertColors], copies: 2, invertColors: {strength: {max: 35}}}
"""
PROGRAM = """
import sys
from pathlib import Path

import torch

from augmentation_api.crd import augmentation_job_crd
from augmentation_worker.__main__ import main
from augmentation_worker.local.job_file import read_job_file
from augmentation_worker.transforms.pipeline import TRANSFORMS, sample_pipeline

# kubectl explain knows it.
assert "Parameters of invertColors." in str(augmentation_job_crd())

# A job runs it, with parameters sampled within its ranges; a training pipeline uses it as it is.
augmentation = read_job_file(Path("job.yaml")).augmentation
pipeline = sample_pipeline(augmentation, camera="top", episode=0, copy=1, episode_mean=(0.5, 0.5, 0.5))
assert 30 <= pipeline.parameters["invertColors"]["strength_percent"] <= 35
frames = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
assert (pipeline(frames, 0) > 70).all()
assert (TRANSFORMS["invertColors"]()(frames) > 70).all()

# The worker's command line shows it on a dataset.
arguments = ["preview", "-f", "job.yaml", "--source", sys.argv[1], "-o", "preview.png"]
assert main(arguments) == 0
print("runs")
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose packages have one more transform: a model in api, a module in the worker."""
    for package in (API, WORKER):
        shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    module = tmp_path / API.name / "transforms.py"
    text = module.read_text()
    for before, added in {
        '    HUE_SATURATION = "hueSaturation"\n': NAME,
        '        default=HueSaturation(), description="Parameters of the hueSaturation transform."\n    )\n': FIELD,
    }.items():
        assert before in text
        text = text.replace(before, before + added)
    module.write_text(text.replace("class Transforms(Model):", MODEL.lstrip() + "class Transforms(Model):"))
    (tmp_path / WORKER.name / "transforms" / "invert_colors.py").write_text(MODULE)
    path = os.pathsep.join([str(tmp_path), *(entry for entry in sys.path if entry)])
    return {**os.environ, "PYTHONPATH": path}


def test_a_model_and_a_module_make_a_transform(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(SAMPLE)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("runs\n"), done.stderr
    assert (tmp_path / "preview.png").stat().st_size > 0
