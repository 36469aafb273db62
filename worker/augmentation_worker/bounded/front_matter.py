"""The YAML at the beginning of a card, as the hub's clients find it, read within limits."""

from typing import Any

import yaml

from augmentation_worker.bounded.json_document import check_size
from augmentation_worker.bounded.nested import check_nested
from augmentation_worker.bounded.unreadable import Unreadable

MOST_CARD_BYTES = 16 * 2**20
MOST_FRONT_MATTER_BYTES = 2**20
"""The names of 10,000 classes take 300 KB."""
_MOST_VALUES = 500_000


def front_matter_of(content: bytes) -> dict[str, Any]:
    """The front matter of a card; empty where it has none.

    The block is found as huggingface_hub finds it, by which `datasets` reads a card, and read by YAML's safe loader:
    plain data, no objects.

    Raises:
        Unreadable: says what was found.
    """
    from huggingface_hub.repocard import REGEX_YAML_BLOCK  # noqa: PLC0415 (loads the hub's client)

    check_size(len(content), MOST_CARD_BYTES)
    try:
        text = content.decode("utf-8-sig")  # as the library: some editors begin a file with a mark
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 text ({error.reason} at byte {error.start})") from error
    match = REGEX_YAML_BLOCK.search(text)
    return read_yaml_object(match.group(2)) if match else {}


def read_yaml_object(text: str) -> dict[str, Any]:
    """A YAML mapping as plain data; empty for no text. Raises Unreadable."""
    if len(text) > MOST_FRONT_MATTER_BYTES:
        raise Unreadable(f"begins with {len(text)} characters of YAML, more than the {MOST_FRONT_MATTER_BYTES} read")
    try:
        data = yaml.safe_load(text)
    except RecursionError as error:
        raise Unreadable("begins with YAML that nests too deep") from error
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:
        # A safe loader's constructors raise the errors of int(), float() and date() as they come.
        raise Unreadable(f"begins with what is not YAML: {' '.join(str(error).split())[:200]}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise Unreadable("begins with YAML that is not a mapping")
    check_nested(data, most_values=_MOST_VALUES, finite=False)
    return data
