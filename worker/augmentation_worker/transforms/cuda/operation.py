"""What a sampled transform is to the kernels: a kind of change and the tables that it needs. Plain numpy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augmentation_worker.transforms.background import Background, BackgroundParameters
from augmentation_worker.transforms.cuda.normal_bins import HALF
from augmentation_worker.transforms.frames import CHANNELS
from augmentation_worker.transforms.geometric_transform import Geometry, Step
from augmentation_worker.transforms.hue_saturation import HueSaturation
from augmentation_worker.transforms.keyed_transform import KeyedTransform
from augmentation_worker.transforms.lookup_table import LookupTable
from augmentation_worker.transforms.noise import Noise, NoiseParameters
from augmentation_worker.transforms.occlusion import Occlusion
from augmentation_worker.transforms.patch_brightness import PatchBrightness
from augmentation_worker.transforms.shadow import Shadow

COVERED = 255
"""All bits of a byte: those of four pixels are chosen at once."""
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
    """A step as a change of values by themselves; None if it needs the pixels around them, or is not for a GPU.

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
        return Operation(Kind.ADD_NORMALS, lambda: (noise.table(), key))
    return Operation(Kind.ADD_SCALED_NORMALS, lambda: (noise.table()[:HALF], noise.strength(), key))


def _occlusion(transform: Occlusion, params: dict[str, Any], frames: int, height: int, width: int) -> Operation:
    def drawn() -> Operands:
        cover = np.zeros((height, width), np.uint8)
        shown = np.zeros((CHANNELS, height, width), np.uint8)
        for rows, columns, filling in transform.fillings(params, height, width):
            cover[rows, columns] = COVERED
            shown[:, rows, columns] = filling
        return cover, shown

    if transform.needs_mask:
        return Operation(Kind.COVER_BEHIND, drawn, np.broadcast_to(transform.mask_of(params), (frames, height, width)))
    return Operation(Kind.COVER, drawn)


def covered_tiles(cover: NDArray[np.uint8], parts: int, tile: int) -> NDArray[np.uint8]:
    """uint8 [programs]: which tiles of a program have covered values, a bit each.

    Args:
        cover: [H, W], not 0 where pixels are covered.
        parts: 8 of a pass with noise, which changes a tile of each eighth of the values; 1 of one that changes a tile
            of pixels.
        tile: values or pixels of a tile.
    """
    covered = np.tile(cover.ravel() != 0, CHANNELS) if parts > 1 else cover.ravel() != 0
    in_parts = np.pad(covered, (0, -len(covered) % parts)).reshape(parts, -1)
    in_tiles = np.pad(in_parts, ((0, 0), (0, -in_parts.shape[1] % tile))).reshape(parts, -1, tile)
    of_programs: NDArray[np.uint8] = np.packbits(in_tiles.any(axis=-1), axis=0, bitorder="little")[0]
    return of_programs


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
