"""Accelerators among a container's resources, by the names that device plugins give them."""

import re
from collections.abc import Mapping
from typing import Any, Final

_ACCELERATOR: Final = re.compile(r"[^/]+/(gpu([.-].+)?|mig-.+|tpu|i915|xe)")


def count_accelerators(resources: Mapping[str, Any]) -> int:
    """Number of a container's GPUs, slices of GPUs and so on: device plugins name them `<vendor>/gpu`, `/mig-…`.

    Args:
        resources: with the keys requests and limits, as in a pod; a limit counts in place of its request.
    """
    amounts = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}.items()
    return sum(int(amount) for name, amount in amounts if _ACCELERATOR.fullmatch(name) and str(amount).isdecimal())
