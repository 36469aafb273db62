"""JSON and YAML that somebody else wrote: bounded before it is parsed, and checked after.

Checked is how deep it nests, how many values it holds, and that it has only text and numbers that can be written.
"""

import json
from math import isfinite
from typing import Any

import yaml

from augmentation_worker.bounded.lfs_pointer import refuse_pointer
from augmentation_worker.bounded.unreadable import Unreadable

MOST_DEPTH = 64
"""Levels of lists and mappings. A feature of a dataset has five."""
LARGEST_NUMBER = 2**63 - 1
_LONGEST_QUOTE = 60
MOST_CARD_BYTES = 16 * 2**20
MOST_FRONT_MATTER_BYTES = 2**20
"""The names of 10,000 classes take 300 KB."""
_MOST_VALUES = 500_000


def read_json_object(content: bytes, *, most_bytes: int, finite: bool = True) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        content: UTF-8.
        most_bytes: of the content, and with it the most values.
        finite: whether NaN and Infinity, which are not JSON, are refused.

    Raises:
        Unreadable: says what was found.
    """
    check_size(len(content), most_bytes)
    refuse_pointer(content)
    if not content:
        raise Unreadable("is empty")
    try:
        document = json.loads(content.decode())
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 text ({error.reason} at byte {error.start})") from error
    except RecursionError as error:
        raise Unreadable("nests too deep") from error
    except ValueError as error:  # JSONDecodeError, or an integer of thousands of digits
        raise Unreadable(f"is not JSON: {str(error)[:200]}") from error
    if not isinstance(document, dict):
        raise Unreadable("is not a JSON object")
    check_nested(document, most_values=len(content), finite=finite)
    return document


def check_size(size: int, most: int) -> None:
    """Refuse what is too large to be read. Raises Unreadable."""
    if size > most:
        raise Unreadable(f"has {size} bytes, more than the {most} that are read")


def front_matter_of(content: bytes) -> dict[str, Any]:
    """Read the YAML at the beginning of a dataset card; empty where it has none.

    The block is found like huggingface_hub finds it, by which `datasets` reads a card, and read by YAML's safe loader:
    plain data, no objects.

    Raises:
        Unreadable: says what was found.
    """
    from huggingface_hub.repocard import REGEX_YAML_BLOCK  # noqa: PLC0415 (loads the hub's client)

    check_size(len(content), MOST_CARD_BYTES)
    try:
        text = content.decode("utf-8-sig")  # like the library: some editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 text ({error.reason} at byte {error.start})") from error
    match = REGEX_YAML_BLOCK.search(text)
    return read_yaml_object(match.group(2)) if match else {}


def read_yaml_object(text: str) -> dict[str, Any]:
    """Read a YAML mapping as plain data; empty for no text. Raises Unreadable."""
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


def check_nested(value: object, *, most_values: int, finite: bool = True) -> None:
    """Refuse data that is deeper than MOST_DEPTH, has more values, or text and numbers that nothing can hold.

    A value that is used twice counts twice (a YAML alias): it may be small in memory and large when written.
    Level by level, so that deep data overflows no stack.

    Args:
        value: plain data: dict, list, str, int, float, bool, None and whatever else is a leaf.
        most_values: values in all.
        finite: whether NaN and Infinity are refused.

    Raises:
        Unreadable: says what was found.
    """
    level: list[object] = [value]
    values = 1
    for depth in range(1, MOST_DEPTH + 1):
        below: list[object] = []
        for child in level:
            if isinstance(child, dict | list):
                values += len(child) * (2 if isinstance(child, dict) else 1)
                if values > most_values:
                    raise Unreadable(f"holds more than {most_values} values")
                if depth == MOST_DEPTH:
                    raise Unreadable(f"nests more than {MOST_DEPTH} levels deep")
                if isinstance(child, dict):
                    below += child.keys()
                    below += child.values()
                else:
                    below += child
            elif finite or type(child) is not float:  # most values of long documents are floats
                _check_leaf(child, finite=finite)
        level = below


def _check_leaf(value: object, *, finite: bool) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Unreadable(f"holds the text {value[:_LONGEST_QUOTE]!r}, which is not Unicode") from error
    elif isinstance(value, int):
        if abs(value) > LARGEST_NUMBER:
            raise Unreadable(f"holds a whole number of {value.bit_length()} bits, more than 64")
    elif finite and isinstance(value, float) and not isfinite(value):
        raise Unreadable(f"holds {value}, which is not a number")
