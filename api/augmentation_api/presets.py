"""Presets: transforms and ranges under a name, as others have published them.

A preset never changes: results name it, and jobs that are under way expand it in every pod. New values get a new name.
Where the numbers come from, and what of the originals is not expressed, is in docs/transforms.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from augmentation_api.model import Model
from augmentation_api.transforms import (
    Affine,
    Blur,
    BrightnessRange,
    ColorTemperatureRange,
    ContrastRange,
    CropAspectRange,
    CropResize,
    CropSizeRange,
    DefocusSigmaRange,
    GaussianSigmaRange,
    HueRange,
    HueSaturation,
    Lighting,
    MotionKernelRange,
    Noise,
    Occlusion,
    PatchCountRange,
    PatchSizeRange,
    RotationRange,
    SaturationRange,
    Sharpness,
    SharpnessRange,
    ShiftRange,
    ShotScaleRange,
    TransformName,
    ZoomRange,
)


class PresetName(StrEnum):
    """Names of the presets."""

    LEROBOT_DEFAULT = "lerobot-default"
    PI05 = "pi05"
    SEEDS_DEFAULT = "seeds-default"


@dataclass(frozen=True)
class Preset:
    """Transforms and ranges.

    Attributes:
        source: where they are from.
        transforms: in order of application.
        choose: how many of them each copy gets; None for all.
        transforms_of_cameras: the transforms of cameras whose key matches a pattern, where these differ.
        parameters: by transform; what a model does not say has its default.
    """

    source: str
    transforms: tuple[TransformName, ...]
    choose: int | None = None
    transforms_of_cameras: Mapping[str, tuple[TransformName, ...]] = field(default_factory=dict)
    parameters: Mapping[TransformName, Model] = field(default_factory=dict)


_WHITE_LIGHT: Final = ColorTemperatureRange(min=6500, max=6500)
_STILL: Final = ShiftRange(min=0, max=0)
_UNZOOMED: Final = ZoomRange(min=1, max=1)

PRESETS: Final[Mapping[PresetName, Preset]] = MappingProxyType(
    {
        PresetName.LEROBOT_DEFAULT: Preset(
            source="ImageTransformsConfig of huggingface/lerobot 0.6.1, src/lerobot/transforms/transforms.py",
            transforms=(
                TransformName.LIGHTING,
                TransformName.HUE_SATURATION,
                TransformName.SHARPNESS,
                TransformName.AFFINE,
            ),
            # LeRobot applies 3 of 6, of which lighting and hueSaturation are two each: each is applied half the time.
            choose=2,
            parameters={
                TransformName.LIGHTING: Lighting(
                    # A factor of 0.8 to 1.2 at half of full scale.
                    brightness=BrightnessRange(min=-10, max=10),
                    contrast=ContrastRange(min=-20, max=20),
                    color_temperature=_WHITE_LIGHT,
                ),
                TransformName.HUE_SATURATION: HueSaturation(
                    hue=HueRange(min=-18, max=18), saturation=SaturationRange(min=-50, max=50)
                ),
                TransformName.SHARPNESS: Sharpness(factor=SharpnessRange(min=0.5, max=1.5)),
                TransformName.AFFINE: Affine(
                    rotation=RotationRange(min=-5, max=5),
                    shift_x=ShiftRange(min=-5, max=5),
                    shift_y=ShiftRange(min=-5, max=5),
                    zoom=_UNZOOMED,
                    border="black",
                    drift=0,
                ),
            },
        ),
        PresetName.PI05: Preset(
            source="preprocess_observation of Physical-Intelligence/openpi, src/openpi/models/model.py",
            transforms=(
                TransformName.CROP_RESIZE,
                TransformName.AFFINE,
                TransformName.LIGHTING,
                TransformName.HUE_SATURATION,
            ),
            transforms_of_cameras={"*wrist*": (TransformName.LIGHTING, TransformName.HUE_SATURATION)},
            parameters={
                TransformName.CROP_RESIZE: CropResize(
                    size=CropSizeRange(min=0.95, max=0.95), aspect=CropAspectRange(min=1, max=1), drift=0
                ),
                TransformName.AFFINE: Affine(
                    rotation=RotationRange(min=-5, max=5),
                    shift_x=_STILL,
                    shift_y=_STILL,
                    zoom=_UNZOOMED,
                    border="black",
                    drift=0,
                ),
                TransformName.LIGHTING: Lighting(
                    # A factor of 0.7 to 1.3 at half of full scale.
                    brightness=BrightnessRange(min=-15, max=15),
                    contrast=ContrastRange(min=-40, max=40),
                    color_temperature=_WHITE_LIGHT,
                ),
                TransformName.HUE_SATURATION: HueSaturation(
                    hue=HueRange(min=0, max=0), saturation=SaturationRange(min=-50, max=50)
                ),
            },
        ),
        PresetName.SEEDS_DEFAULT: Preset(
            source="the defaults of POST /v1/augmentation in this project's first release",
            transforms=(TransformName.LIGHTING,),
            parameters={
                TransformName.LIGHTING: Lighting(
                    brightness=BrightnessRange(min=-15, max=15),
                    contrast=ContrastRange(min=-10, max=10),
                    color_temperature=ColorTemperatureRange(min=4000, max=6500),
                ),
                TransformName.NOISE: Noise(
                    kind="mixed",
                    gaussian_sigma=GaussianSigmaRange(min=3, max=15),
                    shot_scale=ShotScaleRange(min=0.3, max=1),
                ),
                TransformName.BLUR: Blur(
                    kind="mixed",
                    motion_kernel=MotionKernelRange(min=5, max=15),
                    defocus_sigma=DefocusSigmaRange(min=0.5, max=2.5),
                ),
                TransformName.OCCLUSION: Occlusion(
                    kind="mixed",
                    where="anywhere",
                    patches=PatchCountRange(min=1, max=3),
                    patch_width=PatchSizeRange(min=0.05, max=0.2),
                    patch_height=PatchSizeRange(min=0.05, max=0.2),
                ),
            },
        ),
    }
)
