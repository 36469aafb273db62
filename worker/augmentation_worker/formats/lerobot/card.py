"""README.md of the result: the card a hub shows."""

from collections.abc import Sequence

from augmentation_api import AugmentationJobSpec
from augmentation_api.counted import are, counted
from augmentation_api.episode_ranges import disjoint, text_of
from augmentation_worker.formats.card import (
    card_of,
    card_parts,
    cell_text,
    folder_fact,
    followers_fact,
    left_out_fact,
    transforms_facts,
    where_fact,
)
from augmentation_worker.formats.lerobot.augmentation_columns import IS_AUGMENTED
from augmentation_worker.formats.lerobot.followers import moving_warnings
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan
from augmentation_worker.formats.splits import for_evaluation

_DEFAULT_FRONT_MATTER = """\
task_categories:
- robotics
tags:
- LeRobot
- augmentation
configs:
- config_name: default
  data_files: data/*/*.parquet"""


def write_card(
    spec: AugmentationJobSpec,
    metadata: DatasetMetadata,
    plan: EpisodePlan,
    source_card: bytes | None,
    folders: Sequence[str] = (),
) -> bytes:
    """The card. The source's front matter (its license above all) is kept as it is.

    `folders` are those beside meta/ that are carried over from the source.
    """
    front_matter, text = card_parts(source_card)
    augmentation = spec.augmentation
    augmented = len(plan.source_episodes) * plan.copies
    facts = {
        "Episodes": f"{plan.total_episodes} ({plan.total_episodes - augmented} original, {augmented} augmented)",
        "Frames": plan.total_frames,
        **where_fact(augmentation),
        **transforms_facts(augmentation),
        "Augmented versions of an episode": plan.copies,
        "Augmented cameras": ", ".join(f"`{camera.key}`" for camera in plan.cameras),
        **followers_fact({each.stream.key: each.camera.key for each in plan.followers}),
        **left_out_fact(disjoint(((index, index + 1) for index in plan.left_out), len(metadata.episodes)), "Episodes"),
        "Seed": augmentation.seed,
        **folder_fact(spec),
        **_splits(metadata, plan),
        **_instructions(spec, plan),
    }
    changed = "the images of the cameras above" + (" and of what moves with them" if plan.followers else "")
    same = "states, actions, timestamps and tasks"
    if plan.instructions is not None:
        changed, same = f"{changed} and the instructions", "states, actions and timestamps"
    explanation = f"""\
{_which(spec, metadata, plan)} Only {changed}
differ; {same} are those of the source. What was drawn for each augmented episode stands
in `meta/augmentation.parquet`; the column `{IS_AUGMENTED}` of the episodes says which these
are.{_beside(folders, plan)}"""
    if warnings := [*moving_warnings(augmentation, metadata)]:
        explanation += "\n\n" + "\n".join(f"- {cell_text(warning)}." for warning in warnings)
    front_matter = _DEFAULT_FRONT_MATTER if front_matter is None else front_matter
    return card_of(front_matter, (metadata.dataset, metadata.revision), facts, explanation, text)


def _splits(metadata: DatasetMetadata, plan: EpisodePlan) -> dict[str, str]:
    """The splits and those for evaluation that were augmented, where the source has more than one."""
    source = metadata.info.split_episodes
    if len(source) < 2:
        return {}
    selected = disjoint(((index, index + 1) for index in plan.source_episodes.indices.tolist()), len(metadata.episodes))
    facts = {
        "Splits": ", ".join(f"{cell_text(name)} {text_of(ranges)}" for name, ranges in (plan.splits or source).items())
    }
    evaluated = for_evaluation(selected, source)
    return facts | ({"Augmented for evaluation": cell_text(", ".join(evaluated))} if evaluated else {})


def _beside(folders: Sequence[str], plan: EpisodePlan) -> str:
    if not folders:
        return ""
    originals = plan.total_episodes - (0 if plan.in_place else len(plan.source_episodes) * plan.copies)
    names = ", ".join(f"`{folder}/`" for folder in folders)
    return f"""

{names}: carried over from the source, unchanged. What they say of an episode by its number is said of the source's
episodes 0 to {originals - 1}."""


def _instructions(spec: AugmentationJobSpec, plan: EpisodePlan) -> dict[str, str]:
    """Where the tasks of the copies come from, and how many are new."""
    if plan.instructions is None or spec.augmentation.tasks is None:
        return {}
    origin = "of the job's spec" if spec.augmentation.tasks.from_ is None else "of the dataset (`task_aug`)"
    added = len(plan.instructions.added)
    return {"Instructions": f"copies carry paraphrases {origin}; {counted(added, 'task')} {are(added)} new"}


def _which(spec: AugmentationJobSpec, metadata: DatasetMetadata, plan: EpisodePlan) -> str:
    if plan.in_place:
        named = spec.augmentation.episodes
        which = f"The episodes {named}" if named else "All episodes"
        if spec.augmentation.where is not None:
            which += " that fulfil the condition above"
        return f"{which} are augmented versions of the source's, under the numbers they had."
    originals = len(metadata.episodes)
    return (
        f"Episodes 0 to {originals - 1} are the originals, unchanged. Episodes {originals} to "
        f"{plan.total_episodes - 1} are augmented copies."
    )
