"""JSON that somebody else wrote: bounded before it is parsed, and checked after."""

import json
from typing import Any

from augmentation_worker.bounded.nested import check_nested
from augmentation_worker.bounded.unreadable import Unreadable


def read_json_object(content: bytes, *, most_bytes: int, finite: bool = True) -> dict[str, Any]:
    """A JSON object.

    Args:
        content: UTF-8.
        most_bytes: of the content; it has at most a value for every two of them.
        finite: whether NaN and Infinity, which are not JSON, are refused.

    Raises:
        Unreadable: says what was found.
    """
    check_size(len(content), most_bytes)
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
