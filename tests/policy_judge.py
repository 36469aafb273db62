"""Verification of a result by the input pipelines of three policies: do they take it as they take its source?

Run by the interpreter of .venv-lerobot (lerobot[dataset]==0.6.1), as LeRobot's training does it: the dataset with the
policy's delta timestamps and LeRobot's image transforms, a DataLoader, and the policy's own pre-processor with the
dataset's statistics. Of π0.5 all steps but the tokenizer, which is a download from a gated repository.

    python policy_judge.py '[{"source": "/data/pusht", "result": "/data/pusht_augmented", "episodes": 8, "frames": 40}]'

First LeRobot's loader reads the whole result (lerobot_judge.py). Prints one JSON object per pair: by policy, the
largest difference between the normalized state and action of source and result over the source's first frames. Exits
with 1 and a message where the loader objects, or a batch of the result is not like the source's.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
logging.disable(logging.WARNING)

import datasets as hugging_face_datasets  # noqa: E402
import torch  # noqa: E402
from lerobot.configs.types import FeatureType  # noqa: E402
from lerobot.datasets.factory import resolve_delta_timestamps  # noqa: E402
from lerobot.datasets.lerobot_dataset import LeRobotDataset, LeRobotDatasetMetadata  # noqa: E402
from lerobot.policies.act.configuration_act import ACTConfig  # noqa: E402
from lerobot.policies.act.processor_act import make_act_pre_post_processors  # noqa: E402
from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig  # noqa: E402
from lerobot.policies.diffusion.processor_diffusion import make_diffusion_pre_post_processors  # noqa: E402
from lerobot.policies.factory import dataset_to_policy_features  # noqa: E402
from lerobot.policies.pi05.configuration_pi05 import PI05Config  # noqa: E402
from lerobot.policies.pi05.processor_pi05 import make_pi05_pre_post_processors  # noqa: E402
from lerobot.processor import TokenizerProcessorStep  # noqa: E402
from lerobot.transforms import ImageTransforms, ImageTransformsConfig  # noqa: E402
from lerobot_judge import Objection, judge  # type: ignore[import-not-found]  # noqa: E402

torch.set_num_threads(1)
hugging_face_datasets.disable_progress_bars()
BATCHES, BATCH_SIZE = 10, 2
Batch = dict[str, Any]


class NoTokenizer(TokenizerProcessorStep):  # type: ignore[misc]
    """The step of π0.5 that needs a download, left out."""

    def __post_init__(self) -> None:
        return

    def __call__(self, transition: Any) -> Any:
        return transition


def pi05_processors(config: PI05Config, dataset_stats: Any) -> Any:
    """π0.5's processors, whose tokenizer does nothing."""
    namespace = make_pi05_pre_post_processors.__globals__
    namespace["TokenizerProcessorStep"] = NoTokenizer
    return make_pi05_pre_post_processors(config, dataset_stats)


POLICIES: dict[str, tuple[Callable[[], Any], Callable[..., Any]]] = {
    "act": (lambda: ACTConfig(device="cpu", chunk_size=4, n_action_steps=4), make_act_pre_post_processors),
    "diffusion": (lambda: DiffusionConfig(device="cpu", horizon=8), make_diffusion_pre_post_processors),
    "pi05": (lambda: PI05Config(device="cpu", chunk_size=4, n_action_steps=4), pi05_processors),
}


def batches(folder: str, policy: str, *, first_frames: bool) -> Iterator[Batch]:
    """Ten shuffled batches of a dataset as a policy trains on them; or one of its first frames, untransformed."""
    make_config, make_processors = POLICIES[policy]
    config = make_config()
    root = Path(folder)
    meta = LeRobotDatasetMetadata("lab/judged", root=root)
    features = dataset_to_policy_features(meta.features)
    config.output_features = {key: each for key, each in features.items() if each.type is FeatureType.ACTION}
    config.input_features = {key: each for key, each in features.items() if key not in config.output_features}
    dataset = LeRobotDataset(
        "lab/judged",
        root=root,
        delta_timestamps=resolve_delta_timestamps(config, meta),
        image_transforms=None if first_frames else ImageTransforms(ImageTransformsConfig(enable=True)),
        video_backend="pyav",
    )
    preprocess, _ = make_processors(config, dataset_stats=meta.stats)
    if first_frames:
        loader = torch.utils.data.DataLoader(torch.utils.data.Subset(dataset, range(BATCH_SIZE)), BATCH_SIZE)
    else:
        shuffled = torch.utils.data.RandomSampler(
            dataset, replacement=True, num_samples=BATCHES * BATCH_SIZE, generator=torch.Generator().manual_seed(0)
        )
        loader = torch.utils.data.DataLoader(dataset, BATCH_SIZE, sampler=shuffled)
    for batch in loader:
        yield preprocess(batch)


def shape_of(batch: Batch) -> dict[str, str]:
    return {
        key: f"{value.dtype} {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        for key, value in batch.items()
    }


def compare(source: str, result: str) -> dict[str, float]:
    """By policy the difference of normalized numbers. Raises AssertionError on any other difference."""
    differences = {}
    for policy in POLICIES:
        expected = [shape_of(batch) for batch in batches(source, policy, first_frames=False)]
        found = list(batches(result, policy, first_frames=False))
        assert len(found) == BATCHES, f"{policy}: {len(found)} batches of {result}"
        for batch, shape in zip(found, expected, strict=True):
            assert shape_of(batch) == shape, f"{policy}: {shape_of(batch)}, not {shape}"
            for key, value in batch.items():
                if isinstance(value, torch.Tensor) and value.is_floating_point():
                    assert bool(torch.isfinite(value).all()), f"{policy}: {key} is not finite"
        (before,), (after,) = (list(batches(folder, policy, first_frames=True)) for folder in (source, result))
        numbers = [key for key in before if key in ("action", "observation.state")]
        assert numbers, f"{policy}: no numbers to normalize"
        differences[policy] = max(float((before[key] - after[key]).abs().max()) for key in numbers)
    return differences


def main() -> int:
    for pair in json.loads(sys.argv[1]):
        try:
            judge(pair["result"], "lab/judged", pair["episodes"], pair["frames"])
            print(json.dumps(compare(pair["source"], pair["result"])), flush=True)
        except (AssertionError, Objection) as error:
            print(f"{pair['result']} is not what its source is: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
