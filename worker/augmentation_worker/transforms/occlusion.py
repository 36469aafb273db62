"""Occlusion: filled patches in front of the scene, still over an episode."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray
from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.frames import CHANNELS, Frames
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval, KeyedTransform, masks_among
from augmentation_worker.transforms.once_per_size import OncePerSize

KINDS = ("solid", "mean", "noise")
AVOID_MASK, ON_MASK = "avoidMask", "onMask"
_DEFAULTS = spec.Occlusion()


@dataclass(frozen=True)
class Patch:
    """One patch. Fractions of the frame, so that what is sampled does not depend on the resolution.

    Attributes:
        left, top, width, height: 0 to 1.
        color: red, green, blue, 0 to 255, of a solid patch.
        key: of the noise in a patch of noise.
    """

    left: float
    top: float
    width: float
    height: float
    color: tuple[int, int, int]
    key: int

    def box(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns it covers in a frame of this size; at least one pixel."""
        top, left = int(self.top * height + 0.5), int(self.left * width + 0.5)
        rows, columns = max(1, int(self.height * height + 0.5)), max(1, int(self.width * width + 0.5))
        top, left = min(top, height - 1), min(left, width - 1)
        return slice(top, min(top + rows, height)), slice(left, min(left + columns, width))

    def box_on(self, mask: NDArray[np.uint8]) -> tuple[slice, slice]:
        """The same, centred on a pixel that the mask [H, W] keeps, as far as it is in the frame.

        The pixel is chosen by the key, in whole numbers. Where nothing is kept, the patch is where it would be without.
        """
        kept = np.flatnonzero(mask)
        height, width = mask.shape
        if not len(kept):
            return self.box(height, width)
        y, x = divmod(int(kept[self.key * len(kept) >> 64]), width)
        rows, columns = max(1, int(self.height * height + 0.5)), max(1, int(self.width * width + 0.5))
        top, left = y - rows // 2, x - columns // 2
        return slice(max(0, top), min(top + rows, height)), slice(max(0, left), min(left + columns, width))


@dataclass(frozen=True)
class OcclusionParameters:
    """The patches sampled for one copy of an episode.

    Attributes:
        kind: solid (a colour for each), mean (the episode's mean colour) or noise (random pixels, still).
        patches: in the order in which they are put into the frame.
        mean_color: red, green, blue, 0 to 255.
    """

    kind: str
    patches: tuple[Patch, ...]
    mean_color: tuple[int, int, int]

    @cached_property
    def fillings(self) -> tuple[OncePerSize[NDArray[np.uint8]], ...]:
        """What each patch shows, by its height and width."""
        return tuple(OncePerSize(partial(self.filling, patch)) for patch in self.patches)

    def filling(self, patch: Patch, height: int, width: int) -> NDArray[np.uint8]:
        """uint8 [3, height, width] or [3, 1, 1]: what the patch shows."""
        if self.kind == "noise":
            size = CHANNELS * height * width
            raw = Philox(counter=0, key=patch.key).random_raw(-(-size // 8))
            return np.asarray(raw).astype("<u8").view(np.uint8)[:size].reshape(CHANNELS, height, width)
        color = patch.color if self.kind == "solid" else self.mean_color
        return np.array(color, dtype=np.uint8).reshape(CHANNELS, 1, 1)


class Occlusion(KeyedTransform):
    """Puts patches into the frame.

    Args:
        kind: `solid`, `mean`, `noise`, or `mixed` to sample one of them.
        where: `anywhere`, `avoidMask` (behind what a mask keeps) or `onMask` (in front of a part of it).
        patches: range of their number.
        patch_width, patch_height: ranges of their sides, fractions of the frame's.
        episode_mean: mean of R, G, B over the episode, 0 to 1. Default: that of what is passed in.
        random: where the values come from. Default: torch's global generator.
    """

    def __init__(
        self,
        kind: str = _DEFAULTS.kind,
        patches: tuple[int, int] = _DEFAULTS.patches.bounds,
        patch_width: Interval = _DEFAULTS.patch_width.bounds,
        patch_height: Interval = _DEFAULTS.patch_height.bounds,
        where: str = _DEFAULTS.where,
        *,
        episode_mean: Sequence[float] | None = None,
        random: KeyedRandom | None = None,
    ) -> None:
        super().__init__(random, episode_mean)
        self.kind = kind
        self.where = where
        self.patches = patches
        self.patch_width = patch_width
        self.patch_height = patch_height

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`occlusion` (OcclusionParameters). Sampled: kind, number; then per patch its size, place, colour and key."""
        kind = self._kind(self.kind, KINDS)
        patches = tuple(self._patch() for _ in range(self._integer(*self.patches)))
        red, green, blue = (min(255, max(0, int(value * 255 + 0.5))) for value in self._mean(flat_inputs))
        masks = masks_among(flat_inputs)
        passed = {"mask": masks[0], "first_mask": masks[0][:1]} if masks else {}
        return {"occlusion": OcclusionParameters(kind, patches, (red, green, blue)), **passed}

    @property
    @override
    def needs_mask(self) -> bool:
        return self.where == AVOID_MASK

    @property
    @override
    def needs_first_mask(self) -> bool:
        return self.where == ON_MASK

    @override
    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        return self.apply_in_place(frames.copy() if isinstance(frames, np.ndarray) else frames.clone(), params)

    @override
    def apply_in_place(self, frames: Frames, params: dict[str, Any]) -> Frames:
        mask = self.mask_of(params) if self.needs_mask else None
        for rows, columns, filling in self.fillings(params, *frames.shape[-2:]):
            kept = None if mask is None else mask[:, None, rows, columns] != 0
            if isinstance(frames, np.ndarray):
                area = frames[..., rows, columns]
                area[:] = filling if kept is None else np.where(kept, area, filling)
            else:
                from augmentation_worker.transforms.kernels_in_torch import cover_in_torch  # noqa: PLC0415 (torch)

                cover_in_torch(frames[..., rows, columns], filling, kept)
        return frames

    def fillings(
        self, params: dict[str, Any], height: int, width: int
    ) -> Iterator[tuple[slice, slice, NDArray[np.uint8]]]:
        """Rows and columns of each patch in frames of a size, and what it shows: uint8 [3, rows, columns] or [3, 1, 1].

        A later patch is in front of those before it.
        """
        occlusion: OcclusionParameters = params["occlusion"]
        first_mask = self.mask_of(params)[0] if self.needs_first_mask else None
        for patch, filling in zip(occlusion.patches, occlusion.fillings, strict=True):
            rows, columns = patch.box(height, width) if first_mask is None else patch.box_on(first_mask)
            yield rows, columns, filling(rows.stop - rows.start, columns.stop - columns.start)

    def mask_of(self, params: dict[str, Any]) -> NDArray[np.uint8]:
        """The mask that places or hides the patches, of all frames or of the first. ValueError if none was passed."""
        mask: NDArray[np.uint8] | None = params.get("first_mask" if self.needs_first_mask else "mask")
        if mask is None:
            raise ValueError(f"patches that are placed {self.where} need a mask: pass one with the images")
        return mask

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        occlusion: OcclusionParameters = params["occlusion"]
        covered = sum(patch.width * patch.height for patch in occlusion.patches)
        return {"kind": occlusion.kind, "patches": len(occlusion.patches), "patches_area_percent": 100 * covered}

    def _patch(self) -> Patch:
        width, height = self._uniform(*self.patch_width), self._uniform(*self.patch_height)
        left, top = self._uniform(0, 1 - width), self._uniform(0, 1 - height)
        red, green, blue = (self._integer(0, 255) for _ in range(CHANNELS))
        high, low = self._key()
        return Patch(left, top, width, height, (red, green, blue), high << 32 | low)
