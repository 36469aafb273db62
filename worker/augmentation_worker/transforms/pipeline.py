"""The transforms of one copy of one episode, their parameters sampled once and applied to all of its frames."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from importlib.util import find_spec
from shutil import which
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TRANSFORM_MODELS, TransformName
from augmentation_api.vocabulary import AcrossCameras
from augmentation_worker.transforms.background import Background, BackgroundImages
from augmentation_worker.transforms.choice import transforms_of
from augmentation_worker.transforms.frames import Frames, check_frames
from augmentation_worker.transforms.geometric_transform import GeometricTransform, Geometry, Step, fused
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.keyed_transform import Description, KeyedTransform

if TYPE_CHECKING:
    from augmentation_worker.transforms.cuda.fused_copies import FusedCopies

_log = logging.getLogger(__name__)


def _implementation(name: TransformName) -> type[KeyedTransform]:
    module = import_module(f"{__package__}.{name.name.lower()}")
    return cast(type[KeyedTransform], getattr(module, TRANSFORM_MODELS[name].__name__))


TRANSFORMS: Mapping[TransformName, type[KeyedTransform]] = MappingProxyType(
    {name: _implementation(name) for name in TransformName}
)
"""The class that implements each transform: by convention the model's namesake in the module named like the entry."""


MaskReader = Callable[[int, int, int, int], NDArray[np.uint8]]
"""Reads a camera's masks by (first frame in the episode, number of frames, height, width): uint8 [N, H, W], 255 where
a pixel is kept, else 0. Asked by the numbers of the frames that are augmented: a mask is never another frame's."""


@dataclass(frozen=True)
class EpisodeTransform:
    """What one copy of one episode of one camera goes through. Safe to use from several threads.

    Attributes:
        steps: the transforms in order of application, each with the parameters that were sampled for it.
        masks: reads the masks of the episode and camera; None where there are none.
    """

    steps: tuple[tuple[TransformName, KeyedTransform, Mapping[str, Any]], ...]
    masks: MaskReader | None = None

    @property
    def parameters(self) -> dict[str, Description]:
        """The sampled parameters by transform, in order of application: JSON-able, with units in their names."""
        return {name.value: transform.describe(dict(params)) for name, transform, params in self.steps}

    @property
    def geometry(self) -> Geometry | None:
        """The steps that move pixels, as one: what labels of the same camera go through. None if there are none."""
        moving = [(each, dict(params)) for _, each, params in self.steps if isinstance(each, GeometricTransform)]
        return Geometry(tuple(moving)) if moving else None

    def __call__(self, frames: Frames, first_frame: int) -> Frames:
        """The frames, augmented; the input is left as it is.

        Args:
            frames: uint8 [N, 3, H, W], consecutive frames of the episode: an array, or a tensor on any device.
            first_frame: index in the episode of the first of them.

        Returns:
            uint8 [N, 3, H, W] of the same kind, on the same device. The same pixels however the episode is cut into
            batches.
        """
        check_frames(frames)
        if not isinstance(frames, np.ndarray):
            if frames.device.type == "cpu":
                import torch  # noqa: PLC0415 (frames are its tensor)

                return torch.from_numpy(self(frames.numpy(), first_frame))
            if has_triton():
                return self._of_gpu(frames, first_frame)[0]
        made: Frames | None = None
        for transform, params in self.steps_of(frames, first_frame):
            made = transform.apply(frames, params) if made is None else transform.apply_in_place(made, params)
        return frames if made is None else made

    @cached_property
    def _of_gpu(self) -> "FusedCopies":
        # Imported where frames lie on a card, and only there.
        module = import_module(f"{__package__}.cuda.fused_copies")
        return cast("FusedCopies", module.FusedCopies([self]))

    def steps_of(self, frames: Frames, first_frame: int) -> Iterator[Step]:
        """What these frames go through, in order, each step with all that it reads in its parameters.

        Arguments as of a call.
        """
        masks = self._masks(frames, first_frame)
        for transform, params in self._fused_steps:
            read = {name: mask for name, (mask, _) in masks.items()}
            yield transform, {**params, **read, "first_frame": first_frame}
            if isinstance(transform, Geometry):
                masks = {name: (transform.follow_all(mask, frame), frame) for name, (mask, frame) in masks.items()}

    @cached_property
    def _fused_steps(self) -> list[Step]:
        return fused([(transform, dict(params)) for _, transform, params in self.steps])

    def _masks(self, frames: Frames, first_frame: int) -> dict[str, tuple[NDArray[np.uint8], int]]:
        """The masks that the steps need, by the name that they have in params, each with the number of its first frame.

        Raises ValueError if there are none.
        """
        transforms = [transform for _, transform, _ in self.steps]
        wanted = {}
        if any(transform.needs_mask for transform in transforms):
            wanted["mask"] = (first_frame, len(frames))
        if any(transform.needs_first_mask for transform in transforms):
            wanted["first_mask"] = (0, 1)
        if wanted and self.masks is None:
            names = ", ".join(name.value for name, _, _ in self.steps)
            raise ValueError(f"masks of the camera are needed for {names}, and were not passed")
        return {
            name: (self.masks(first, count, *frames.shape[-2:]), first)
            for name, (first, count) in wanted.items()
            if self.masks is not None
        }


@cache
def has_triton() -> bool:
    """Whether Triton can compile kernels here; without it, a card goes through the twins in plain torch."""
    compiler = os.environ.get("CC") or which("gcc") or which("clang")
    if find_spec("triton") is not None and compiler:
        return True
    missing = "a C compiler (gcc or clang)" if find_spec("triton") else "the package triton"
    _log.warning("CUDA transforms run several times slower than they could: install %s", missing)
    return False


def sample_pipeline(
    augmentation: Augmentation,
    *,
    camera: str,
    episode: int,
    copy: int,
    episode_mean: Sequence[float],
    scene_mean: Sequence[float] | None = None,
    masks: MaskReader | None = None,
    background_images: BackgroundImages | None = None,
) -> EpisodeTransform:
    """Sample the parameters of one copy of one episode of one camera. A pure function of its arguments.

    What belongs to the scene is the same for all its cameras, unless they are independent.

    Args:
        augmentation: what the job asks for.
        camera: camera key, e.g. `observation.images.top`.
        episode: index of the source episode in its dataset.
        copy: index of the copy, from 0; see `copies.transforms_of_copies`.
        episode_mean: mean of R, G, B over the episode, 0 to 1, from the dataset's statistics.
        scene_mean: the same over all cameras, on which a change of the scene pivots. Default: `episode_mean`.
        masks: reads the masks of the episode and camera.
        background_images: what `background` of the kind images chooses from.

    Raises:
        ValueError: for a copy that the mode does not make.
    """
    asked = augmentation.effective
    own = asked.of_camera(camera)
    is_shared = asked.across_cameras is AcrossCameras.SHARED
    steps = []
    for name in transforms_of(asked, camera, episode, copy):
        implementation, parameters = TRANSFORMS[name], getattr(own, name.name.lower())
        of_camera = KeyedRandom(asked.seed, camera, episode, copy, name.value)
        if is_shared and implementation.of_scene:
            # Also where the ranges of two cameras differ: the same place in each.
            of_scene = KeyedRandom(asked.seed, None, episode, copy, name.value)
            mean = tuple(episode_mean if scene_mean is None else scene_mean)
            transform = implementation.from_spec(parameters, of_scene, mean, of_camera)
        else:
            transform = implementation.from_spec(parameters, of_camera, tuple(episode_mean))
        if isinstance(transform, Background):
            transform.images = background_images
        steps.append((name, transform, MappingProxyType(transform.make_params([]))))
    return EpisodeTransform(tuple(steps), masks)
