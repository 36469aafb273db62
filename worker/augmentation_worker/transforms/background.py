"""Background: what a mask does not keep is replaced, by something that stays still over an episode."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray
from typing_extensions import override

from augmentation_api import transforms as spec
from augmentation_worker.transforms.blur import BlurParameters
from augmentation_worker.transforms.cpu import blur_kernels, kernels
from augmentation_worker.transforms.frames import CHANNELS, Frames
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, Interval, KeyedTransform, masks_among
from augmentation_worker.transforms.once_per_size import OncePerSize

KINDS, IMAGES = ("color", "noise"), "images"
_DEFAULTS = spec.Background()
_OCTAVES = ((4, 4), (8, 2), (16, 1))
"""Of the noise: cells along the longer side, and weight."""


Covering = Callable[[int, int, float, float], NDArray[np.uint8]]
"""An image of the size (height, width) that it is asked for, uint8 [3, H, W], cut out where that leaves room to choose:
0 is left or at the top, 1 right or at the bottom."""


class BackgroundImages(Protocol):
    """Images to be put behind what is kept."""

    @property
    def names(self) -> Sequence[str]:
        """Of all images, in an order that is the same on every machine."""

    def load(self, name: str) -> Covering:
        """One of them."""


@dataclass(frozen=True)
class BackgroundParameters:
    """A background as sampled for one copy of an episode.

    Attributes:
        kind: color, noise (soft blotches of all colours) or images.
        softness: standard deviation of the gaussian by which the mask's edge is softened, pixels.
        color: red, green, blue, 0 to 255.
        key: of the noise.
        image: name of the image, of kind images.
        left, top: where it is cut, 0 to 1.
        covering: the image.
    """

    kind: str
    softness: float
    color: tuple[int, int, int]
    key: int
    image: str = ""
    left: float = 0
    top: float = 0
    covering: Covering | None = field(default=None, compare=False)

    def pixels(self, height: int, width: int) -> NDArray[np.uint8]:
        """uint8 [3, height, width]: what is behind everything that is kept."""
        if self.covering is not None:
            return self.covering(height, width, self.left, self.top)
        if self.kind == "noise":
            return value_noise(self.key, height, width)
        color = np.array(self.color, dtype=np.uint8).reshape(CHANNELS, 1, 1)
        return np.ascontiguousarray(np.broadcast_to(color, (CHANNELS, height, width)))

    def soften(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The mask uint8 [N, H, W] with a soft edge; what is farther from it than about three sigmas stays."""
        if not self.softness:
            return mask
        softened = np.empty_like(mask)
        weights = BlurParameters("defocus", 1, 0, self.softness).weights
        blur_kernels.convolve_separably(mask[:, None], softened[:, None], weights)
        return softened


class Background(KeyedTransform):
    """Replaces the background, which is all that a mask does not keep.

    The kind, the colour, the image and the softness are the scene's; where the image is cut, and which noise a camera
    sees, is its own. In a training
    pipeline a torchvision `Mask` has to be passed along with the images; what is not 0 in it is kept.

    Args:
        kind: `color`, `noise`, `images`, or `mixed` to sample one of them.
        softness: range of the edge's softness, a gaussian's standard deviation in pixels; 0 is a hard edge.
        images: for the kind images; without them, `mixed` is one of the other kinds.
        random: where the values come from. Default: torch's global generator.
    """

    of_scene: ClassVar[bool] = True

    def __init__(
        self,
        kind: str = _DEFAULTS.kind,
        softness: Interval = _DEFAULTS.softness.bounds,
        *,
        images: BackgroundImages | None = None,
        random: KeyedRandom | None = None,
    ) -> None:
        super().__init__(random)
        self.kind = kind
        self.softness = softness
        self.images = images

    @property
    @override
    def needs_mask(self) -> bool:
        return True

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`background` (BackgroundParameters), `behind` (its pixels by size); `mask`, if one is passed in.

        Sampled in the order kind, softness, colour, key, image, left, top; all of them, always.
        """
        kinds = (*KINDS, IMAGES) if self.images is not None else KINDS
        if self.kind not in ("mixed", *kinds):
            raise ValueError(f"kind is {self.kind}, for which images have to be passed")
        kind, softness = self._kind(self.kind, kinds), self._uniform(*self.softness)
        red, green, blue = (self._integer(0, 255) for _ in range(CHANNELS))
        key, chosen = self._key_of_camera(), self._uniform(0, 1)
        left, top = self._uniform_of_camera(0, 1), self._uniform_of_camera(0, 1)
        image, covering = "", None
        if kind == IMAGES and self.images is not None:
            names = self.images.names
            image = names[min(int(chosen * len(names)), len(names) - 1)]
            covering = self.images.load(image)
        background = BackgroundParameters(kind, softness, (red, green, blue), key, image, left, top, covering)
        masks = masks_among(flat_inputs)
        passed = {"mask": masks[0]} if masks else {}
        return {"background": background, "behind": OncePerSize(background.pixels), **passed}

    @override
    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        background: BackgroundParameters = params["background"]
        height, width = frames.shape[-2:]
        softened = background.soften(self.mask_of(params, height, width))
        alpha = np.broadcast_to(softened, (len(frames), height, width))
        return blend(frames, params["behind"](height, width), alpha)

    def mask_of(self, params: dict[str, Any], height: int, width: int) -> NDArray[np.uint8]:
        """The mask [N, height, width]. ValueError if none of this size was passed."""
        mask: NDArray[np.uint8] | None = params.get("mask")
        if mask is None or mask.shape[-2:] != (height, width):
            raise ValueError(f"a background needs a mask of {height}x{width} pixels: pass one with the images")
        return mask

    @override
    def describe(self, params: dict[str, Any]) -> Description:
        background: BackgroundParameters = params["background"]
        what = {"color": "#{:02x}{:02x}{:02x}".format(*background.color)} if background.kind == "color" else {}
        if background.kind == IMAGES:
            what = {"image": background.image}
        return {"kind": background.kind, **what, "softness_sigma_pixels": background.softness}


def blend(frames: Frames, behind: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> Frames:
    """uint8 [N, 3, H, W]: the frames where alpha [N, H, W] is 255, what is behind [3, H, W] where it is 0."""
    if not isinstance(frames, np.ndarray):
        from augmentation_worker.transforms.kernels_in_torch import blend_in_torch  # noqa: PLC0415 (torch)

        return blend_in_torch(frames, behind, alpha)
    values = np.ascontiguousarray(frames).reshape(*frames.shape[:2], -1)
    result = np.empty_like(values)
    shares = np.ascontiguousarray(alpha).reshape(len(values), -1)
    kernels.blend(values, result, behind.reshape(CHANNELS, -1), shares)
    return result.reshape(frames.shape)


def value_noise(key: int, height: int, width: int) -> NDArray[np.uint8]:
    """uint8 [3, height, width]: random values on lattices of three widths, smoothly joined and added up.

    K. Perlin's smoothstep between lattice points ("An image synthesizer", SIGGRAPH 1985), all in whole numbers.
    """
    total = np.zeros((CHANNELS, height, width), np.int64)
    for place, (cells, weight) in enumerate(_OCTAVES):
        size = CHANNELS * (cells + 1) ** 2
        raw = np.asarray(Philox(counter=place << 32, key=key).random_raw(-(-size // 8)))
        values: NDArray[np.int64] = raw.astype("<u8").view(np.uint8)[:size].astype(np.int64)
        lattice = values.reshape(CHANNELS, cells + 1, cells + 1)
        rows, down = _places(height, max(height, width), cells)
        columns, right = _places(width, max(height, width), cells)
        left, other = lattice[:, :, columns], lattice[:, :, columns + 1]
        across: NDArray[np.int64] = left * (256 - right) + other * right
        total += weight * (across[:, rows] * (256 - down)[:, None] + across[:, rows + 1] * down[:, None])
    weights = sum(weight for _, weight in _OCTAVES) << 16
    return ((total + weights // 2) // weights).astype(np.uint8)


def _places(length: int, longest: int, cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each pixel of a side its cell, and how far it is across that, smoothed, 0 to 256."""
    places = np.arange(length, dtype=np.int64) * cells * 256 // longest
    across = places & 255
    return places >> 8, across * across * (3 * 256 - 2 * across) >> 16
