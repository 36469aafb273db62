"""Accelerators among the resources of a container, by the names that device plugins give them."""

import re
from collections.abc import Mapping
from typing import Any, Final

_ACCELERATOR: Final = re.compile(r"[^/]+/(gpu([.-].+)?|mig-.+|tpu|i915|xe)")


def is_accelerator(resource: str) -> bool:
    """Whether a resource is a GPU, a slice of one and so on: `<vendor>/gpu`, `/mig-…`; rdma/hca, for one, is none."""
    return _ACCELERATOR.fullmatch(resource) is not None


def count_accelerators(resources: Mapping[str, Any]) -> int:
    """Number of a container's accelerators.

    Args:
        resources: with the keys requests and limits, as in a pod; a limit counts in place of its request.
    """
    amounts = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}.items()
    return sum(int(amount) for name, amount in amounts if is_accelerator(name) and str(amount).isdecimal())
