"""README.md of the result: the card a hub shows."""

import re

from augmentation_api import AugmentationJobSpec
from augmentation_worker.formats.lerobot.layout import PICTURE_PATH
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import Plan
from augmentation_worker.formats.lerobot.provenance import version

FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*\n?", re.DOTALL)
_DEFAULT_FRONT_MATTER = """\
task_categories:
- robotics
tags:
- LeRobot
- augmentation
configs:
- config_name: default
  data_files: data/*/*.parquet"""
BEGIN, END = "<!-- augmentation-operator: begin -->", "<!-- augmentation-operator: end -->"


def write_card(spec: AugmentationJobSpec, metadata: DatasetMetadata, plan: Plan, source_card: str | None) -> bytes:
    """The card: what was done, to what, by which version; the source's own card below.

    The source's front matter (its license above all) is kept as it is.
    """
    match = FRONT_MATTER.match(source_card or "")
    front_matter = match.group(1) if match else _DEFAULT_FRONT_MATTER
    rest = (source_card or "")[match.end() if match else 0 :]
    rest = re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}\n*", "", rest, flags=re.DOTALL).strip()
    text = f"---\n{front_matter}\n---\n\n{BEGIN}\n{_section(spec, metadata, plan)}\n{END}\n"
    return (text + (f"\n{rest}\n" if rest else "")).encode()


def _section(spec: AugmentationJobSpec, metadata: DatasetMetadata, plan: Plan) -> str:
    augmentation = spec.augmentation
    transforms = ", ".join(augmentation.transforms)
    augmented = len(plan.episodes) * plan.copies
    cameras = ", ".join(f"`{camera.key}`" for camera in plan.cameras)
    return f"""\
# Augmented version of {metadata.dataset}

Made by augmentation-operator {version()} from `{metadata.dataset}`
at revision `{metadata.revision}`.

| | |
|---|---|
| Episodes | {plan.total_episodes} ({plan.total_episodes - augmented} original, {augmented} augmented) |
| Frames | {plan.total_frames} |
| Transforms | {transforms} ({augmentation.mode}) |
| Augmented versions of an episode | {plan.copies} |
| Augmented cameras | {cameras} |
| Seed | {augmentation.seed} |

![Before and after]({PICTURE_PATH})

{_which(spec, metadata, plan)} Only the images of the cameras above
differ; states, actions, timestamps and tasks are those of the source. What was drawn for each augmented episode stands
in `meta/augmentation.json`."""


def _which(spec: AugmentationJobSpec, metadata: DatasetMetadata, plan: Plan) -> str:
    if plan.in_place:
        chosen = spec.augmentation.episodes
        which = f"The episodes {chosen}" if chosen else "All episodes"
        return f"{which} are augmented versions of the source's, under the numbers they had."
    originals = len(metadata.episodes)
    return (
        f"Episodes 0 to {originals - 1} are the originals, unchanged. Episodes {originals} to "
        f"{plan.total_episodes - 1} are augmented copies."
    )
