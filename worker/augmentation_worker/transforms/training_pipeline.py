"""What the transforms know of torchvision, so that they are transforms of a training pipeline without loading it.

Torchvision's import takes longer than torch's own and 130 MiB, for models and operators that no augmentation calls. A
program that passes torchvision's tensors has loaded it; a worker's pod, which passes plain ones, never does.
"""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from numpy.typing import NDArray

ANNOTATIONS = ("BoundingBoxes", "Mask", "KeyPoints")
"""Torchvision's tensors that are no images."""


def is_tv_tensor(value: Any, *kinds: str) -> bool:
    """Whether it is one of torchvision's tensors; of these kinds (names of its classes), if any are named."""
    tv_tensors = sys.modules.get("torchvision.tv_tensors")
    if tv_tensors is None:
        return False
    return isinstance(value, tuple(getattr(tv_tensors, kind) for kind in kinds or ("TVTensor",)))


def wrap_like(changed: torch.Tensor, original: Any) -> torch.Tensor:
    """The changed tensor as the kind of torchvision's tensors that the original is; as it is for a plain one."""
    if not is_tv_tensor(original):
        return changed
    wrapped: torch.Tensor = sys.modules["torchvision.tv_tensors"].wrap(changed, like=original)
    return wrapped


def values_of_mask(mask: torch.Tensor) -> NDArray[Any]:
    """The labels [..., H, W] of one of torchvision's masks."""
    values: NDArray[Any] = mask.as_subclass(torch.Tensor).cpu().numpy()
    return values


def call_as_torchvision(
    make_params: Callable[[list[Any]], dict[str, Any]],
    transform: Callable[[Any, dict[str, Any]], Any],
    *inputs: Any,
) -> Any:
    """What `torchvision.transforms.v2.Transform` does with the inputs of a call, nested as they may be."""
    return _protocol()(make_params, transform)(*inputs)


@cache
def _protocol() -> Any:
    from torchvision.transforms import v2  # noqa: PLC0415  # see the top of this module

    class Protocol(v2.Transform):  # type: ignore[misc]  # torchvision is untyped
        def __init__(self, make_params: Any, transform: Any) -> None:
            super().__init__()
            self.make_params, self.transform = make_params, transform

    return Protocol
