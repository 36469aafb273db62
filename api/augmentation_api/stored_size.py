"""Size of a text as the API server stores it: etcd takes 1.5 MiB of JSON, in which some characters are escaped.

The API server writes `<`, `>`, `&` and control characters as six bytes each, however a client sent them.
"""

import json
import re
from bisect import bisect_right
from itertools import accumulate

_SIX_BYTES = re.compile("[<>&\x00-\x1f\u2028\u2029]")
_TWO_BYTES = re.compile(r'["\\]')


def stored_size(text: str) -> int:
    """Upper bound of a text's size in the stored JSON, bytes (workers-status-policy.yaml counts the same way)."""
    more = 5 * len(_SIX_BYTES.findall(text)) + len(_TWO_BYTES.findall(text))
    return len(text.encode(errors="replace")) + more


def stored_json_size(value: object) -> int:
    """Upper bound of a JSON value's size as it is stored, bytes."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return len(text.encode(errors="replace")) + 5 * len(re.findall("[<>&]", text))


def cut_to_stored_size(text: str, most: int) -> str:
    """Truncate a text to a stored size of at most `most` bytes."""
    if stored_size(text) <= most:
        return text
    return text[: bisect_right(list(accumulate(map(stored_size, text))), most)]
