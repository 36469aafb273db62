"""What a sampled transform is to the kernels: a kind of change and the tables that it needs. Plain numpy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augmentation_worker.transforms.background import Background, BackgroundParameters
from augmentation_worker.transforms.cuda.normal_bins import HALF, normal_bins
from augmentation_worker.transforms.frames import CHANNELS
from augmentation_worker.transforms.geometric_transform import Geometry, Step
from augmentation_worker.transforms.hue_saturation import HueSaturation
from augmentation_worker.transforms.keyed_transform import KeyedTransform
from augmentation_worker.transforms.lookup_table import LookupTable
from augmentation_worker.transforms.noise import Noise, NoiseParameters
from augmentation_worker.transforms.occlusion import Occlusion
from augmentation_worker.transforms.patch_brightness import PatchBrightness
from augmentation_worker.transforms.shadow import Shadow

CELL = 256
"""Pixels of a cell of the frame."""
Operands = tuple[NDArray[Any], ...]


class Kind(IntEnum):
    """The kinds of change that a fused kernel makes; their operands are described in `value_kernels`."""

    LOOK_UP = 0
    SCALE = 1
    COVER = 2
    COVER_BEHIND = 3
    BLEND = 4
    ADD_NORMALS = 5
    ADD_SCALED_NORMALS = 6
    MIX = 7

    @property
    def adds_noise(self) -> bool:
        """Whether it needs random numbers, which eight values far from each other share."""
        return self in (Kind.ADD_NORMALS, Kind.ADD_SCALED_NORMALS)


@dataclass(frozen=True)
class Operation:
    """One change of values, at one size of frames.

    Attributes:
        kind: of change.
        constants: makes the operands that are the same for all frames of an episode; called once for each size.
        of_frames: the operand that is another for each frame, uint8 [N, H, W]; the last one, if there is one.
    """

    kind: Kind
    constants: Callable[[], Operands]
    of_frames: NDArray[np.uint8] | None = None


def operation_of(step: Step, frames: int, height: int, width: int) -> Operation | None:
    """A step as a change of values by themselves; None if it needs the pixels around them, or is not for a card.

    Args:
        step: with `mask` and `first_mask` in its params where the transform reads them.
        frames: their number.
        height, width: of a frame, pixels.
    """
    transform, params = step
    if isinstance(transform, Noise):
        return _noise(params["noise"])
    if isinstance(transform, Occlusion):
        return _occlusion(transform, params, frames, height, width)
    if isinstance(transform, Background):
        background: BackgroundParameters = params["background"]
        alpha = np.broadcast_to(background.soften(transform.mask_of(params, height, width)), (frames, height, width))
        return Operation(Kind.BLEND, lambda: (params["behind"](height, width),), alpha)
    return _constant(transform, params, height, width)


def _constant(
    transform: KeyedTransform | Geometry, params: dict[str, Any], height: int, width: int
) -> Operation | None:
    """What a transform that multiplies, mixes or looks up does to every frame."""
    table = params.get("table")
    if isinstance(table, LookupTable):
        values = table.values
        return Operation(Kind.LOOK_UP, lambda: (values,))
    if isinstance(transform, HueSaturation):
        return Operation(Kind.MIX, lambda: (params["matrix"].astype(np.int32),))
    if isinstance(transform, Shadow):
        return Operation(Kind.SCALE, lambda: (params["shadow"].factors(height, width),))
    if isinstance(transform, PatchBrightness):
        return Operation(Kind.SCALE, lambda: (params["patches"].factors(height, width),))
    return None


def _noise(noise: NoiseParameters) -> Operation:
    key = np.array(noise.key, dtype=np.uint32).view(np.int32)
    if noise.kind == "gaussian":

        def binned() -> Operands:
            bins = normal_bins(noise.table().tobytes())
            return bins.entries, np.array([bins.bits, *key], dtype=np.int32)

        return Operation(Kind.ADD_NORMALS, binned)
    parameters = np.array([0, *key], dtype=np.int32)
    return Operation(Kind.ADD_SCALED_NORMALS, lambda: (noise.table()[:HALF], noise.strength(), parameters))


def _occlusion(transform: Occlusion, params: dict[str, Any], frames: int, height: int, width: int) -> Operation:
    def drawn() -> Operands:
        cover = np.zeros((height, width), np.uint8)
        shown = np.zeros((CHANNELS, height, width), np.uint8)
        for rows, columns, filling in transform.fillings(params, height, width):
            cover[rows, columns] = 1
            shown[:, rows, columns] = filling
        return cover, shown, _covered_before(cover)

    if transform.needs_mask:
        return Operation(Kind.COVER_BEHIND, drawn, np.broadcast_to(transform.mask_of(params), (frames, height, width)))
    return Operation(Kind.COVER, drawn)


def _covered_before(cover: NDArray[np.uint8]) -> NDArray[np.int32]:
    """int32 [counts]: the covered pixels before each cell of a frame and of the same once more behind it.

    Between the counts of two cells any tile of a frame can be looked up, even if it goes on in the next channel.
    """
    twice = np.tile(cover.ravel(), 2)
    cells = np.pad(twice, (0, -len(twice) % CELL)).reshape(-1, CELL).sum(axis=1, dtype=np.int32)
    return np.concatenate([np.zeros(1, np.int32), np.cumsum(cells, dtype=np.int32)])


def compose(first: Operation, second: Operation) -> Operation:
    """Two changes by table, one after the other, as one."""

    def composed() -> Operands:
        (before,), (after,) = first.constants(), second.constants()
        return (np.take_along_axis(after, before.astype(np.intp), axis=1),)

    return Operation(Kind.LOOK_UP, composed)


def passes(kinds: Sequence[Kind | None]) -> list[range]:
    """Which steps, by their places, go in one pass over memory, in order; a step of None has a pass of its own.

    One step that adds noise at most, and none that mixes colours beside it: the eight values that share random numbers
    are of other pixels than those that share a colour.
    """
    result: list[range] = []
    for place, kind in enumerate(kinds):
        last = result[-1] if result else range(0)
        if not last or not _go_together([kinds[each] for each in last], kind):
            result.append(range(place, place + 1))
        else:
            result[-1] = range(last.start, place + 1)
    return result


def _go_together(kinds: Sequence[Kind | None], kind: Kind | None) -> bool:
    if kind is None or None in kinds:
        return False
    together = [each for each in (*kinds, kind) if each is not None]
    noises = sum(each.adds_noise for each in together)
    return noises == 0 or (noises == 1 and Kind.MIX not in together)
