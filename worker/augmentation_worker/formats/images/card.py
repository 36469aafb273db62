"""README.md of an image dataset's result: what was done, and which files make up which split."""

from collections.abc import Mapping
from typing import Any

import yaml

from augmentation_api import AugmentationJobSpec
from augmentation_worker.bounded.documents import read_yaml_object
from augmentation_worker.bounded.unreadable import Unreadable
from augmentation_worker.formats.card import (
    card_of,
    card_parts,
    cell_text,
    folder_fact,
    followers_fact,
    left_out_fact,
    transforms_facts,
)
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.notices import moving_warnings, warnings_of
from augmentation_worker.formats.images.plan import BlockPlan

_COUNTS = ("splits", "download_size", "dataset_size")
"""What dataset_info says of the source's size: `datasets` refuses a dataset that has other numbers of rows."""


def write_card(
    spec: AugmentationJobSpec,
    dataset: ImageDataset,
    plan: BlockPlan,
    source_card: bytes | None,
    kept: Mapping[str, int],
    *,
    extends: bool,
) -> bytes:
    """The card. The source's front matter (its license above all) stays, but for `configs` and what it counts.

    Args:
        spec: what the job asks for.
        dataset: the source.
        plan: of the result.
        source_card: the source's.
        kept: by augmented column, the images that were left as they are, as they hold labels.
        extends: whether the result extends the source, whose other configurations then remain.
    """
    source_front, text = card_parts(source_card)
    front = _front_matter(dataset, plan, source_front or "", extends=extends)
    dumped = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=10_000)
    augmentation = spec.augmentation
    facts = {
        "Rows": f"{plan.total_rows} ({', '.join(f'{files.split}: {files.rows}' for files in plan.splits)})",
        "Augmented rows": plan.augmented_rows,
        **transforms_facts(augmentation),
        "Augmented versions of a row": plan.copies,
        "Augmented columns": ", ".join(f"`{name}`" for name in plan.columns),
        **_kept_fact(kept),
        **followers_fact(plan.followers),
        **left_out_fact(plan.left_out, "Rows"),
        "Seed": augmentation.seed,
        **folder_fact(spec),
    }
    explanation = f"""\
{_which(spec, plan)} Only the images in the columns above differ; everything else is that of the source. How it was
made stands in `meta/augmentation.json`."""
    if warnings := (*warnings_of(spec, dataset), *moving_warnings(augmentation, dataset, plan)):
        explanation += "\n\n" + "\n".join(f"- {cell_text(warning)}." for warning in warnings)
    return card_of(dumped.removesuffix("\n"), (dataset.name, dataset.revision), facts, explanation, text)


def _kept_fact(kept: Mapping[str, int]) -> Mapping[str, object]:
    listed = ", ".join(f"{cell_text(name)}: {count}" for name, count in kept.items() if count)
    return {"Images left as they are (labels, palettes)": listed} if listed else {}


def _front_matter(dataset: ImageDataset, plan: BlockPlan, source: str, *, extends: bool) -> dict[str, Any]:
    try:
        front = read_yaml_object(source)
    except Unreadable:
        front = {}  # what `datasets` does not read says nothing
    front.setdefault("tags", ["augmentation"])
    listed = front.get("configs")
    known = [config for config in listed if isinstance(config, dict)] if isinstance(listed, list) else []
    before: Mapping[str, Any] = next((config for config in known if _name(config) == dataset.config), {})
    files = [{"split": split.split, "path": list(split.patterns)} for split in plan.splits if split.patterns]
    after = {"config_name": dataset.config, **before, "data_files": files}
    # Files are named one by one from here on.
    after.pop("data_dir", None)
    others = [config for config in known if _name(config) != dataset.config] if extends else []
    front["configs"] = [after, *others]
    if "dataset_info" in front:
        infos = front["dataset_info"] if isinstance(front["dataset_info"], list) else [front["dataset_info"]]
        kept = [info if extends and _name(info) != dataset.config else _uncounted(info) for info in infos]
        if not extends:
            kept = [info for info in kept if len(infos) == 1 or _name(info) == dataset.config]
        front["dataset_info"] = kept[0] if len(kept) == 1 else kept
    return front


def _name(config: Mapping[str, Any]) -> str:
    return str(config.get("config_name", "default"))


def _uncounted(info: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in info.items() if key not in _COUNTS}


def _which(spec: AugmentationJobSpec, plan: BlockPlan) -> str:
    chosen, splits = spec.augmentation.episodes, spec.augmentation.splits
    rows = f"the rows {chosen}" if chosen else "all rows"
    if splits:
        rows += f" of the splits {', '.join(splits)}"
    if plan.in_place:
        return f"Images of {rows} are augmented versions of the source's, in their place."
    return f"Each split has the source's rows first, then the augmented versions of {rows} that are in it."
