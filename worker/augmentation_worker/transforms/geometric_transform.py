"""The base of transforms that move pixels, and how several of them in a row become one resampling."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from typing import Any

import numpy as np
from typing_extensions import override

from augmentation_worker.transforms.drift import Drift
from augmentation_worker.transforms.frames import Frames, empty_like
from augmentation_worker.transforms.homography import IDENTITY, Homography, product
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Interval, KeyedTransform
from augmentation_worker.transforms.once_per_size import OncePerSize
from augmentation_worker.transforms.resampler import EDGE, Resampling


@dataclass(frozen=True)
class GeometryParameters:
    """What was sampled for one copy of an episode.

    Attributes:
        values: of a transform, in an order of its own.
        ranges: within which each of them may wander.
        drift: how they wander.
    """

    values: tuple[float, ...]
    ranges: tuple[Interval, ...]
    drift: Drift

    def at(self, frame: int) -> tuple[float, ...]:
        """The values at a frame of the episode."""
        return self.drift.wander(self.values, self.ranges, frame)


class GeometricTransform(KeyedTransform):
    """Moves pixels. Masks of torchvision follow, each pixel with the label of one pixel of the source.

    Subclasses sample in `make_params`, which ends with `_geometry`, and say in `homography` what the values mean.

    Args:
        border: `edge` or `black`: what is shown beyond the source; None where nothing beyond it is ever shown.
        drift: how far the sampled values wander over an episode, fraction of half their ranges; 0 is constant.
        random: where the values come from. Default: torch's global generator.
    """

    def __init__(self, border: str | None, drift: float, *, random: KeyedRandom | None = None) -> None:
        super().__init__(random)
        self.border = border
        self.drift = drift

    def homography(self, values: tuple[float, ...], height: int, width: int) -> Homography:
        """Where in the source each pixel of a frame of this size lies."""
        raise NotImplementedError

    def _geometry(self, values: tuple[float, ...], ranges: tuple[Interval, ...]) -> dict[str, Any]:
        """`geometry` (GeometryParameters). Samples the key of the drift, always."""
        high, low = self._key()
        return {"geometry": GeometryParameters(values, ranges, Drift(high << 32 | low, self.drift))}

    def _described_drift(self) -> dict[str, float]:
        return {"drift": self.drift} if self.drift else {}

    @override
    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        return Geometry(((self, params),)).apply(frames, params)

    @override
    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        from torchvision import tv_tensors  # noqa: PLC0415 (only in a training pipeline)

        if isinstance(inpt, tv_tensors.BoundingBoxes | tv_tensors.KeyPoints):
            kind = type(inpt).__name__
            raise TypeError(f"{type(self).__name__} does not move {kind}: leave them out, or use torchvision's own")
        if isinstance(inpt, tv_tensors.Mask):
            if self.drift:
                raise TypeError(f"{type(self).__name__} moves no masks where it drifts: set drift to 0")
            followed = Geometry(((self, params),)).follow(inpt.cpu().numpy(), 0)
            return tv_tensors.wrap(inpt.new_tensor(followed), like=inpt)
        return super().transform(inpt, params)


@dataclass(frozen=True)
class Geometry:
    """Geometric transforms one after the other, as one resampling.

    Attributes:
        steps: with the parameters that were sampled for each, in order of application.
    """

    steps: tuple[tuple[GeometricTransform, dict[str, Any]], ...]

    @property
    def border(self) -> str:
        """Of the first step that has one."""
        return next((transform.border for transform, _ in self.steps if transform.border), EDGE)

    @property
    def is_constant(self) -> bool:
        """Whether it is the same for all frames of an episode."""
        return not any(transform.drift for transform, _ in self.steps)

    @cached_property
    def _of_all_frames(self) -> OncePerSize[Resampling]:
        return OncePerSize(partial(self.resampling, 0))

    def resampling(self, frame: int, height: int, width: int) -> Resampling:
        """What happens to one frame of the episode."""
        whole: Homography = IDENTITY
        for transform, params in self.steps:
            values = params["geometry"].at(frame)
            whole = product(whole, transform.homography(values, height, width))
        return Resampling.of(whole, height, width, self.border)

    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        """Frames uint8 [N, 3, H, W], resampled once; `first_frame` in params as in KeyedTransform.apply."""
        height, width = frames.shape[-2:]
        if self.is_constant:
            return self._of_all_frames(height, width)(frames)
        first = params.get("first_frame", 0)
        result = empty_like(frames)
        for index in range(len(frames)):
            only = slice(index, index + 1)
            self.resampling(first + index, height, width).write(frames[only], result[only])
        return result

    def follow(self, values: np.ndarray, frame: int, black: int = 0) -> np.ndarray:
        """Labels or depths [..., H, W] of one frame of the episode, none mixed with another.

        `black` is what a black border shows.
        """
        height, width = values.shape[-2:]
        resampling = self._of_all_frames(height, width) if self.is_constant else self.resampling(frame, height, width)
        return resampling.nearest(values, black)

    def follow_all(self, values: np.ndarray, first_frame: int, black: int = 0) -> np.ndarray:
        """Labels [N, H, W] of consecutive frames, from the frame of the episode with this number on."""
        if self.is_constant:
            return self.follow(values, first_frame, black)
        return np.stack([self.follow(each, frame, black) for frame, each in enumerate(values, start=first_frame)])

    def apply_in_place(self, frames: Frames, params: dict[str, Any]) -> Frames:
        """As KeyedTransform.apply_in_place."""
        return self.apply(frames, params)


Step = tuple[KeyedTransform | Geometry, dict[str, Any]]
"""What is applied, with its parameters."""


def fused(steps: Sequence[tuple[KeyedTransform, dict[str, Any]]]) -> list[Step]:
    """The steps, those that move pixels and follow each other as one, where they show the same beyond the source."""
    result: list[Step] = []
    for is_geometric, group in groupby(steps, lambda step: isinstance(step[0], GeometricTransform)):
        if not is_geometric:
            result += group
            continue
        run: list[tuple[Any, dict[str, Any]]] = []
        for step in group:
            borders = {transform.border for transform, _ in (*run, step)} - {None}
            if len(borders) > 1:
                result.append((Geometry(tuple(run)), {}))
                run = []
            run.append(step)
        result.append((Geometry(tuple(run)), {}))
    return result
