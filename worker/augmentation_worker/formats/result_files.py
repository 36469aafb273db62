"""Files that a result has in every format: card, record of how it was made, preview, and rules for large files."""

import re

from augmentation_api.worker_contract import RESULT_CARD, RESULT_PREVIEW
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.storage.git_attributes import ATTRIBUTES_PATH
from augmentation_worker.storage.provenance import PROVENANCE_PATH

PREVIEW_PATH = DatasetPath(RESULT_PREVIEW)
CARD_PATH = DatasetPath(RESULT_CARD)
OWN_PATHS = frozenset({PROVENANCE_PATH, PREVIEW_PATH, CARD_PATH, ATTRIBUTES_PATH})
"""Files that are the result's own, whether or not the source has one."""
_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*\n?", re.DOTALL)
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


def card_of(front_matter: str, section: str, source_text: str) -> bytes:
    """A result's card: front matter, what was done, and the text of the source's card below it."""
    text = f"---\n{front_matter}\n---\n\n{_BEGIN}\n{section}\n{_END}\n"
    return (text + (f"\n{source_text}\n" if source_text else "")).encode()
