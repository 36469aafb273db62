"""README.md of a result, as far as all formats write the same: its section above the text of the source's card."""

import re
from collections.abc import Mapping, Sequence

from augmentation_api import Augmentation, AugmentationJobSpec
from augmentation_api.episode_ranges import short_text_of
from augmentation_api.presets import PRESETS
from augmentation_api.transforms import TransformName
from augmentation_worker.formats.masks import masked_transforms
from augmentation_worker.formats.provenance import version
from augmentation_worker.formats.result_files import BAD_EPISODES_PATH, PREVIEW_PATH

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*\n?", re.DOTALL)
_LONGEST_LIST = 200
_BEGIN, _END = "<!-- augmentation-operator: begin -->", "<!-- augmentation-operator: end -->"


def card_parts(content: bytes | None) -> tuple[str | None, str]:
    """A source's card, taken apart.

    Returns:
        Its front matter, None if it has none, and its text without what an earlier job wrote into it.
    """
    text = (content or b"").decode("utf-8-sig", errors="replace")
    match = _FRONT_MATTER.match(text)
    own = re.sub(
        f"{re.escape(_BEGIN)}.*?{re.escape(_END)}\n*", "", text[match.end() if match else 0 :], flags=re.DOTALL
    )
    return match.group(1) if match else None, own.strip()


def folder_fact(spec: AugmentationJobSpec) -> Mapping[str, object]:
    """An entry of the card's table: the folder of the source's repository that was read; none if that was its root."""
    hub = spec.source.hub
    return {"Folder of the source": f"`{hub.path}`"} if hub is not None and hub.path is not None else {}


def where_fact(augmentation: Augmentation) -> Mapping[str, object]:
    """An entry of the card's table: the condition by which the job chose; none if it has none."""
    return {"Augmented where": _escaped(augmentation.where)} if augmentation.where is not None else {}


def left_out_fact(left_out: Sequence[range], nouns: str) -> Mapping[str, object]:
    """An entry of the card's table: what has no augmented version because it cannot be used; none if there is none.

    `nouns` is what the format calls them, with a capital.
    """
    if not left_out:
        return {}
    text = short_text_of(left_out)
    listed = f": {text}" if len(text) <= _LONGEST_LIST else ""
    count = sum(map(len, left_out))
    return {f"{nouns} that cannot be used": f"{count}{listed} (as recorded; see `{BAD_EPISODES_PATH}`)"}


def transforms_facts(augmentation: Augmentation) -> Mapping[str, object]:
    """Entries of the card's table: the transforms of an augmentation that is effective, and whose they are."""
    names = ", ".join(augmentation.transforms)
    chosen = f"{augmentation.choose} of " if augmentation.choose is not None else ""
    facts: dict[str, object] = {"Transforms": f"{chosen}{names} ({augmentation.mode})"}
    if augmentation.preset is not None:
        facts["Preset"] = f"{augmentation.preset}: {cell_text(PRESETS[augmentation.preset].source)}"
    for entry in augmentation.per_camera:
        own = [name for name in TransformName if entry.parameters(name)]
        said = [", ".join(entry.transforms)] if entry.transforms is not None else []
        said += [f"own ranges of {', '.join(own)}"] if own else []
        camera = re.sub(r"[|`\s]+", " ", entry.camera)
        facts[f"Transforms of `{camera}`"] = "; ".join(said)
    masks = augmentation.masks or {}
    if read := [camera for camera in masks if masked_transforms(augmentation, camera)]:
        facts["Masks"] = ", ".join(f"{cell_text(masks[camera])} of {cell_text(camera)}" for camera in read)
    return facts


def followers_fact(leaders: Mapping[str, str]) -> Mapping[str, object]:
    """An entry of the card's table: by stream of masks or depths that moves with a camera, that camera."""
    moved = ", ".join(f"{cell_text(stream)} with {cell_text(camera)}" for stream, camera in leaders.items())
    return {"Moved with their camera": moved} if moved else {}


def cell_text(text: str) -> str:
    """A name that somebody else chose, as text in a table's cell: without what Markdown reads as something else."""
    # Brackets as entities: `[train]` is a value that a reader may copy.
    return re.sub(r"[|`<>*\\\s]+", " ", text).replace("[", "&#91;").replace("]", "&#93;")


def _escaped(text: str) -> str:
    """Text in a table's cell, whole: what Markdown reads as something else, as entities."""
    return re.sub(r"[^\w ,.'\"=()/-]", lambda match: f"&#{ord(match.group())};", re.sub(r"\s+", " ", text))


def card_of(
    front_matter: str,
    source: tuple[str, str],
    facts: Mapping[str, object],
    explanation: str,
    source_text: str,
) -> bytes:
    """A result's card: front matter, a table of `facts` by title, an explanation, and the text of the source's card.

    `source` is its name and revision.
    """
    table = "\n".join(f"| {title} | {fact} |" for title, fact in facts.items())
    section = f"""\
# Augmented version of {source[0]}

Made by augmentation-operator {version()} from `{source[0]}`
at revision `{source[1]}`.

| | |
|---|---|
{table}

![Before and after]({PREVIEW_PATH})

{explanation}"""
    text = f"---\n{front_matter}\n---\n\n{_BEGIN}\n{section}\n{_END}\n"
    return (text + (f"\n{source_text}\n" if source_text else "")).encode()
