"""The base of all transforms: parameters sampled once from a keyed stream, applied to every image of a call."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from augmentation_api.model import Model
from augmentation_api.transforms import Range
from augmentation_worker.transforms.frames import CHANNELS, Frames, check_frames
from augmentation_worker.transforms.keyed_random import KeyedRandom

KEPT = 255
"""What a mask has where the frame's pixel is kept; elsewhere it has 0."""
Description = dict[str, float | int | str]
"""Sampled parameters by name, units in the names."""
Interval = tuple[float, float]
"""Least and greatest value, both included."""

try:
    import torch
    from torchvision import tv_tensors
    from torchvision.transforms.v2 import Transform
except ImportError:  # an image for CPUs: no frames there are tensors, and nothing composes transforms with others
    Transform = object


class KeyedTransform(Transform):  # type: ignore[misc]  # torchvision is untyped
    """A torchvision transform of uint8 images and videos [..., 3, H, W], on CPU or CUDA, the same pixels on both.

    It works in a training pipeline as it is. Everything passed in one call gets the same parameters; bounding boxes,
    masks and key points pass through. Subclasses sample in `make_params` and change pixels in `apply`. Their
    arguments are the fields of their model in the job's spec, with the same defaults. Arrays need neither torchvision
    nor torch.

    Attributes:
        of_scene: whether the values belong to the scene, so that all its cameras get the same, or to a camera.

    Args:
        random: where the values come from. Default: torch's global generator, as in torchvision.
        episode_mean: mean of R, G, B over the episode, 0 to 1, the dataset's `stats/CAMERA/mean`. Default: that of the
            images passed in, which is right for a whole clip.
    """

    of_scene: ClassVar[bool] = False

    def __init__(self, random: KeyedRandom | None = None, episode_mean: Sequence[float] | None = None) -> None:
        super().__init__()
        if episode_mean is not None and len(episode_mean) != CHANNELS:
            raise ValueError(f"episode_mean is the mean of R, G and B: 3 numbers, not {len(episode_mean)}")
        self._random = random
        self._random_of_camera = random
        self.episode_mean = None if episode_mean is None else tuple(float(value) for value in episode_mean)

    @classmethod
    def from_spec(
        cls,
        parameters: Model,
        random: KeyedRandom,
        episode_mean: tuple[float, ...],
        random_of_camera: KeyedRandom | None = None,
    ) -> Self:
        """The transform with the ranges of its model in a job's spec.

        Args:
            parameters: the model.
            random: where the values come from.
            episode_mean: mean of R, G, B over the episode, 0 to 1.
            random_of_camera: where the values come from that cannot be the same for two cameras, if `random` is the
                scene's. Default: `random`.
        """
        values = ((name, getattr(parameters, name)) for name in type(parameters).model_fields)
        arguments: dict[str, Any] = {
            name: value.bounds if isinstance(value, Range) else value for name, value in values
        }
        transform = cls(**arguments, random=random)
        transform.episode_mean = episode_mean
        transform._random_of_camera = random_of_camera or random
        return transform

    @property
    def needs_mask(self) -> bool:
        """Whether `apply` reads `mask` of its params: uint8 [N, H, W] on the CPU, 255 where a frame's pixel is kept."""
        return False

    @property
    def needs_first_mask(self) -> bool:
        """Whether `apply` reads `first_mask` of its params: uint8 [1, H, W], the same of the episode's first frame."""
        return False

    def apply(self, frames: Frames, params: dict[str, Any]) -> Frames:
        """The frames, changed; the input is left as it is.

        Args:
            frames: uint8 [N, 3, H, W], an array on the CPU, a tensor elsewhere.
            params: from `make_params`; `first_frame`, if it is there, is the index in the episode of the first frame.
        """
        raise NotImplementedError

    def apply_in_place(self, frames: Frames, params: dict[str, Any]) -> Frames:
        """The frames, changed, of a caller who does not need them as they were: the result may lie in their memory.

        Arguments as of `apply`; the frames are contiguous.
        """
        return self.apply(frames, params)

    def describe(self, params: dict[str, Any]) -> Description:
        """The sampled parameters, as plain values with units in their names."""
        raise NotImplementedError

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The input, changed; same type, shape, dtype and device.

        Raises:
            TypeError: if an image is not uint8.
            ValueError: if an image has not three channels.
        """
        if not is_image(inpt):
            return inpt
        frames = inpt.as_subclass(torch.Tensor)
        check_frames(frames)
        batch = frames.reshape(-1, *frames.shape[-3:])
        on_cpu = frames.device.type == "cpu"
        changed = torch.from_numpy(self.apply(batch.numpy(), params)) if on_cpu else self.apply(batch, params)
        changed = changed.view(frames.shape)
        return tv_tensors.wrap(changed, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else changed

    def _uniform(self, low: float, high: float) -> float:
        """A number in [low, high]."""
        return _uniform(self._random, low, high)

    def _uniform_of_camera(self, low: float, high: float) -> float:
        """A number in [low, high] that is each camera's own, even if the other values are the scene's."""
        return _uniform(self._random_of_camera, low, high)

    def _key_of_camera(self) -> int:
        """64 bits, the key of a noise generator, that are each camera's own."""
        high, low = (int(self._uniform_of_camera(0, 2**32)) & 0xFFFFFFFF for _ in range(2))
        return high << 32 | low

    def _integer(self, low: int, high: int) -> int:
        """A whole number in [low, high], both included."""
        if self._random is not None:
            return self._random.integer(low, high)
        return int(torch.randint(low, high + 1, ()))

    def _kind(self, wanted: str, kinds: tuple[str, ...]) -> str:
        """The kind asked for, or one of all; samples either way, so that what follows is the same."""
        sampled = kinds[self._integer(0, len(kinds) - 1)]
        return sampled if wanted == "mixed" else wanted

    def _key(self) -> tuple[int, int]:
        """Two 32-bit words, the key of a noise generator."""
        return self._integer(0, 2**32 - 1), self._integer(0, 2**32 - 1)

    def _mean(self, flat_inputs: list[Any]) -> tuple[float, ...]:
        """Mean of R, G, B, 0 to 1, of the episode, or of the first image passed in. ValueError if there is neither."""
        if self.episode_mean is not None:
            return self.episode_mean
        for inpt in flat_inputs:
            if is_image(inpt) and inpt.ndim >= CHANNELS and inpt.shape[-3] == CHANNELS:
                planes = inpt.as_subclass(torch.Tensor).movedim(-3, 0).flatten(1)
                return tuple(float(mean) / 255 for mean in planes.double().mean(1).cpu())
        raise ValueError("the episode's mean is needed: pass episode_mean, or an image [..., 3, H, W]")


def _uniform(random: KeyedRandom | None, low: float, high: float) -> float:
    if random is not None:
        return random.uniform(low, high)
    return low + (high - low) * float(torch.rand((), dtype=torch.float64))


def is_image(inpt: Any) -> bool:
    """Whether a transform changes it: tensors, but not those that torchvision knows as annotations."""
    return isinstance(inpt, torch.Tensor) and not isinstance(
        inpt, tv_tensors.BoundingBoxes | tv_tensors.Mask | tv_tensors.KeyPoints
    )


def masks_among(flat_inputs: list[Any]) -> list[NDArray[np.uint8]]:
    """uint8 [N, H, W] of each torchvision mask: KEPT where it is not 0, else 0."""
    if not flat_inputs:
        return []
    masks = [each.as_subclass(torch.Tensor).cpu().numpy() for each in flat_inputs if isinstance(each, tv_tensors.Mask)]
    return [np.where(mask.reshape(-1, *mask.shape[-2:]) != 0, np.uint8(KEPT), np.uint8(0)) for mask in masks]
