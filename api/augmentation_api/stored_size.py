"""What a text takes where Kubernetes keeps it: etcd takes 1.5 MiB of JSON, in which some characters are longer.

Kubernetes writes `<`, `>`, `&` and control characters as six bytes, whatever program sent them as one.
"""

import re
from bisect import bisect_right
from itertools import accumulate

_SIX_BYTES = re.compile("[<>&\x00-\x1f\u2028\u2029]")
_TWO_BYTES = re.compile(r'["\\]')


def stored_size(text: str) -> int:
    """Bytes of a text in the stored JSON, rather too many than too few (as workers-status-policy.yaml counts them)."""
    more = 5 * len(_SIX_BYTES.findall(text)) + len(_TWO_BYTES.findall(text))
    return len(text.encode(errors="replace")) + more


def cut_to_stored_size(text: str, most: int) -> str:
    """As much of the beginning of a text as takes at most so many bytes."""
    if stored_size(text) <= most:
        return text
    return text[: bisect_right(list(accumulate(map(stored_size, text))), most)]
