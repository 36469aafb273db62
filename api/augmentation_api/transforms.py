"""The transforms of deterministic augmentation and the ranges from which each copy samples its parameters.

A transform is stated here once: its name, the model of its parameters and its field in `Transforms`. The CRD, the REST
request and the web page follow from these; its pixels are computed by a module of the worker.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, cast

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.config import JsonDict

from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.vocabulary import AugmentationMode

MAX_COPIES = 20
MAX_SEED = 2**53 - 1
"""Largest integer that every JSON parser reads exactly (RFC 8259, section 6)."""

Copies = Annotated[int, Field(ge=1, le=MAX_COPIES)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]


class TransformName(StrEnum):
    """Transforms of deterministic augmentation."""

    LIGHTING = "lighting"
    NOISE = "noise"
    BLUR = "blur"
    OCCLUSION = "occlusion"
    GAMMA = "gamma"
    JPEG = "jpeg"
    SHADOW = "shadow"
    HUE_SATURATION = "hueSaturation"
    SHARPNESS = "sharpness"
    PATCH_BRIGHTNESS = "patchBrightness"
    AFFINE = "affine"
    CROP_RESIZE = "cropResize"
    PERSPECTIVE = "perspective"
    BACKGROUND = "background"


def _order_rule(schema: JsonDict) -> None:
    """The rule that min is not greater than max; it names the defaults, for the user who gave only one of the two."""
    bounds = cast(dict[str, JsonDict], schema.get("properties", {}))
    defaults = ", ".join(f"{name} {field.get('default')}" for name, field in bounds.items())
    message = f"min is greater than max: swap them or widen the range (defaults: {defaults})"
    schema["x-kubernetes-validations"] = [kubernetes_rule("self.min <= self.max", message)]


class Range(Model):
    """A closed interval [min, max]; each copy samples one value from it, uniformly."""

    model_config = ConfigDict(json_schema_extra=_order_rule)

    @property
    def bounds(self) -> tuple[Any, Any]:
        """min and max, of the type that the range has."""
        return self.min, self.max  # type: ignore[attr-defined]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.bounds
        if low > high:
            low_said, high_said = (
                f"{end} {value:g}" + ("" if end in self.model_fields_set else " (the default)")
                for end, value in (("min", low), ("max", high))
            )
            raise ValueError(f"{low_said} is greater than {high_said}: swap them or widen the range")
        return self


Percent = Annotated[float, Field(ge=-50, le=50)]
Fraction = Annotated[float, Field(ge=0.01, le=1)]


class BrightnessRange(Range):
    """Brightness shift, in percent of full scale: +10 adds 25.5 of 255 to every channel."""

    min: Percent = Field(-15, description="Darkest shift, percent of full scale.")
    max: Percent = Field(15, description="Brightest shift, percent of full scale.")


class ContrastRange(Range):
    """Contrast change about the episode's mean, in percent: +10 moves every value 10% further from the mean."""

    min: Percent = Field(-10, description="Flattest contrast change, percent.")
    max: Percent = Field(10, description="Strongest contrast change, percent.")


class ColorTemperatureRange(Range):
    """Colour temperature of the light, in kelvin; 6500 leaves colours unchanged, lower is warmer."""

    min: int = Field(4000, ge=2000, le=6500, description="Warmest light, kelvin.")
    max: int = Field(6500, ge=4000, le=10000, description="Coolest light, kelvin.")


class GaussianSigmaRange(Range):
    """Standard deviation of gaussian sensor noise, in units of the 0..255 scale."""

    min: float = Field(3, ge=0, le=100, description="Weakest noise, of 255.")
    max: float = Field(15, ge=0, le=100, description="Strongest noise, of 255.")


class ShotScaleRange(Range):
    """Scale of shot noise, whose variance is proportional to the signal: variance = scale x value (of 255)."""

    min: float = Field(0.3, ge=0, le=10, description="Weakest shot noise.")
    max: float = Field(1, ge=0, le=10, description="Strongest shot noise.")


class MotionKernelRange(Range):
    """Length of motion blur, in pixels; the sampled length is always odd."""

    min: int = Field(5, ge=3, le=101, description="Shortest streak, pixels.")
    max: int = Field(15, ge=3, le=101, description="Longest streak, pixels.")


class DefocusSigmaRange(Range):
    """Standard deviation of the gaussian that approximates defocus, in pixels."""

    min: float = Field(0.5, ge=0.1, le=20, description="Sharpest, pixels.")
    max: float = Field(2.5, ge=0.1, le=20, description="Most blurred, pixels.")


class PatchCountRange(Range):
    """Number of occluding patches; their positions are constant over an episode."""

    min: int = Field(1, ge=1, le=20, description="Fewest patches.")
    max: int = Field(3, ge=1, le=20, description="Most patches.")


class PatchSizeRange(Range):
    """Side of an occluding patch, as a fraction of the frame's side."""

    min: Fraction = Field(0.05, description="Smallest side, fraction of the frame.")
    max: Fraction = Field(0.2, description="Largest side, fraction of the frame.")


class GammaRange(Range):
    """Exponent of value ** gamma, with values of 0 to 1; 1 changes nothing."""

    min: float = Field(0.7, ge=0.1, le=10, description="Lightest.")
    max: float = Field(1.5, ge=0.1, le=10, description="Darkest.")


class JpegQualityRange(Range):
    """Quality of libjpeg, 1 to 100; artefacts are visible below 50."""

    min: int = Field(20, ge=1, le=100, description="Worst quality.")
    max: int = Field(70, ge=1, le=100, description="Best quality.")


class ShadowStrengthRange(Range):
    """How much darker the shaded part is, in percent."""

    min: float = Field(20, ge=0, le=100, description="Faintest shadow, percent.")
    max: float = Field(60, ge=0, le=100, description="Deepest shadow, percent.")


class ShadowSoftnessRange(Range):
    """Width of a shadow's edge, as a fraction of the frame's diagonal."""

    min: float = Field(0.02, ge=0, le=1, description="Hardest edge, fraction of the diagonal.")
    max: float = Field(0.2, ge=0, le=1, description="Softest edge, fraction of the diagonal.")


class HueRange(Range):
    """Rotation of all hues, in degrees."""

    min: float = Field(-10, ge=-180, le=180, description="Smallest rotation, degrees.")
    max: float = Field(10, ge=-180, le=180, description="Largest rotation, degrees.")


class SaturationRange(Range):
    """Change of saturation, in percent; -100 is greyscale."""

    min: float = Field(-30, ge=-100, le=100, description="Palest colours, percent.")
    max: float = Field(30, ge=-100, le=100, description="Strongest colours, percent.")


class SharpnessRange(Range):
    """Factor on the difference between a pixel and its surroundings: 0 is blurred, 1 unchanged, 2 twice as sharp."""

    min: float = Field(0.5, ge=0, le=10, description="Softest; 1 changes nothing.")
    max: float = Field(1.5, ge=0, le=10, description="Sharpest; 1 changes nothing.")


class BrightnessPatchCountRange(Range):
    """Number of patches of other brightness; their positions are constant over an episode."""

    min: int = Field(1, ge=1, le=20, description="Fewest patches.")
    max: int = Field(4, ge=1, le=20, description="Most patches.")


class BrightnessPatchSigmaRange(Range):
    """Standard deviation of the gaussian outline of a patch, as a fraction of the frame's sides."""

    min: Fraction = Field(0.05, description="Smallest patch, fraction of the frame.")
    max: Fraction = Field(0.25, description="Largest patch, fraction of the frame.")


class BrightnessPatchFactorRange(Range):
    """What the values in the middle of a patch are multiplied by: below 1 is darker, above 1 brighter."""

    min: float = Field(0.4, ge=0, le=10, description="Darkest patch.")
    max: float = Field(1.6, ge=0, le=10, description="Brightest patch.")


class RotationRange(Range):
    """Rotation about the middle of the frame, in degrees; counter-clockwise is positive."""

    min: float = Field(-5, ge=-180, le=180, description="Smallest rotation, degrees.")
    max: float = Field(5, ge=-180, le=180, description="Largest rotation, degrees.")


class ShiftRange(Range):
    """Shift, in percent of the frame's side; to the right and down is positive."""

    min: float = Field(-5, ge=-100, le=100, description="Smallest shift, percent.")
    max: float = Field(5, ge=-100, le=100, description="Largest shift, percent.")


class ZoomRange(Range):
    """Zoom about the middle of the frame: 1.1 shows everything a tenth larger."""

    min: float = Field(0.95, ge=0.5, le=2, description="Smallest; 1 changes nothing.")
    max: float = Field(1.05, ge=0.5, le=2, description="Largest; 1 changes nothing.")


class CropSizeRange(Range):
    """Side of a crop, as a fraction of the frame's; its place is anywhere in the frame."""

    min: float = Field(0.8, ge=0.3, le=1, description="Smallest crop, fraction of the frame's side.")
    max: float = Field(1, ge=0.3, le=1, description="Largest crop; 1 is the whole frame.")


class CropAspectRange(Range):
    """Width over height of a crop, compared with the frame's: above 1 everything becomes narrower."""

    min: float = Field(0.9, ge=0.5, le=2, description="Narrowest crop; 1 keeps all shapes.")
    max: float = Field(1.1, ge=0.5, le=2, description="Widest crop; 1 keeps all shapes.")


class DistortionRange(Range):
    """How far each corner of the view moves at most, in percent of the frame's sides."""

    min: float = Field(0, ge=0, le=20, description="Weakest, percent.")
    max: float = Field(5, ge=0, le=20, description="Strongest, percent.")


class EdgeSoftnessRange(Range):
    """Softness of the edge between what is kept and its new background: a gaussian's standard deviation, in pixels."""

    min: float = Field(0.5, ge=0, le=20, description="Hardest edge, pixels; 0 is as hard as the mask.")
    max: float = Field(2, ge=0, le=20, description="Softest edge, pixels.")


class Lighting(Model):
    """Lighting: brightness, contrast and colour temperature, constant over an episode so that nothing flickers."""

    brightness: BrightnessRange = Field(default=BrightnessRange(), description="Brightness, percent of full scale.")
    contrast: ContrastRange = Field(default=ContrastRange(), description="Contrast about the episode's mean, percent.")
    color_temperature: ColorTemperatureRange = Field(
        default=ColorTemperatureRange(), description="Colour temperature of the light, kelvin."
    )


class Noise(Model):
    """Sensor noise, new in every frame."""

    kind: Literal["mixed", "gaussian", "shot"] = Field(
        "mixed", description="Kind of noise; mixed samples the kind for each copy."
    )
    gaussian_sigma: GaussianSigmaRange = Field(
        default=GaussianSigmaRange(), description="Gaussian noise: standard deviation, of 255."
    )
    shot_scale: ShotScaleRange = Field(
        default=ShotScaleRange(), description="Shot noise: scale of a variance that grows with the signal."
    )


class Blur(Model):
    """Blur, constant over an episode."""

    kind: Literal["mixed", "motion", "defocus"] = Field(
        "mixed", description="Kind of blur; mixed samples the kind for each copy."
    )
    motion_kernel: MotionKernelRange = Field(
        default=MotionKernelRange(), description="Motion blur: length of the streak, pixels, odd."
    )
    defocus_sigma: DefocusSigmaRange = Field(
        default=DefocusSigmaRange(), description="Defocus: standard deviation, pixels."
    )


class Occlusion(Model):
    """Occlusion: filled patches in front of the scene, constant over an episode."""

    kind: Literal["mixed", "solid", "mean", "noise"] = Field(
        "mixed", description="Filling of the patches; mixed samples the kind for each copy."
    )
    where: Literal["anywhere", "avoidMask", "onMask"] = Field(
        "anywhere",
        description="anywhere: in front of all. avoidMask: behind what the camera's mask keeps. onMask: each patch "
        "is centred on a pixel that the mask keeps in the episode's first frame. Both need `masks`.",
    )
    patches: PatchCountRange = Field(default=PatchCountRange(), description="Number of patches.")
    patch_width: PatchSizeRange = Field(
        default=PatchSizeRange(), description="Width of a patch, fraction of the frame's width."
    )
    patch_height: PatchSizeRange = Field(
        default=PatchSizeRange(), description="Height of a patch, fraction of the frame's height."
    )


class Gamma(Model):
    """Gamma: a power law on the values, constant over an episode."""

    exponent: GammaRange = Field(default=GammaRange(), description="Exponent of value ** gamma.")


class Jpeg(Model):
    """JPEG artefacts: every frame is compressed and decompressed, at one quality per episode."""

    quality: JpegQualityRange = Field(default=JpegQualityRange(), description="Quality of libjpeg, 1 to 100.")


class Shadow(Model):
    """Shadow: one side of a straight soft edge is darker; constant over an episode."""

    strength: ShadowStrengthRange = Field(
        default=ShadowStrengthRange(), description="How much darker the shaded part is, percent."
    )
    softness: ShadowSoftnessRange = Field(
        default=ShadowSoftnessRange(), description="Width of the edge, fraction of the frame's diagonal."
    )


class HueSaturation(Model):
    """Hue and saturation, constant over an episode; brightness stays."""

    hue: HueRange = Field(default=HueRange(), description="Rotation of all hues, degrees.")
    saturation: SaturationRange = Field(default=SaturationRange(), description="Change of saturation, percent.")


class Sharpness(Model):
    """Sharpness: edges are softened or strengthened, constant over an episode."""

    factor: SharpnessRange = Field(default=SharpnessRange(), description="Sharpness; 1 changes nothing.")


class PatchBrightness(Model):
    """Patch brightness: soft patches of the scene are darker or brighter, constant over an episode."""

    patches: BrightnessPatchCountRange = Field(default=BrightnessPatchCountRange(), description="Number of patches.")
    sigma: BrightnessPatchSigmaRange = Field(
        default=BrightnessPatchSigmaRange(), description="Size: standard deviation, fraction of the frame's sides."
    )
    factor: BrightnessPatchFactorRange = Field(
        default=BrightnessPatchFactorRange(), description="Brightness in the middle of a patch; 1 changes nothing."
    )


Border = Annotated[
    Literal["edge", "black"],
    Field(
        description="What the frame shows beyond its source: edge repeats the border pixels; black is black. "
        "Default: edge."
    ),
]
Drift = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        description="How far the sampled values wander slowly over the episode, as a fraction of half their ranges; "
        "0, the default: constant.",
    ),
]


class Affine(Model):
    """Affine: rotation, zoom and shift of the frame, as of a camera that is mounted a little differently."""

    rotation: RotationRange = Field(default=RotationRange(), description="Rotation, degrees, counter-clockwise.")
    shift_x: ShiftRange = Field(default=ShiftRange(), description="Shift to the right, percent of the frame's width.")
    shift_y: ShiftRange = Field(default=ShiftRange(), description="Shift down, percent of the frame's height.")
    zoom: ZoomRange = Field(default=ZoomRange(), description="Zoom; 1 changes nothing.")
    border: Border = "edge"
    drift: Drift = 0


class CropResize(Model):
    """Crop and resize: a part of the frame, resized to the whole."""

    size: CropSizeRange = Field(default=CropSizeRange(), description="Side of the crop, fraction of the frame's side.")
    aspect: CropAspectRange = Field(
        default=CropAspectRange(), description="Width over height of the crop, compared with the frame's."
    )
    drift: Drift = 0


class Perspective(Model):
    """Perspective: the four corners of the view move, as of a camera that looks from elsewhere."""

    distortion: DistortionRange = Field(
        default=DistortionRange(), description="How far each corner moves at most, percent of the frame's sides."
    )
    border: Border = "edge"
    drift: Drift = 0


class Background(Model):
    """Background: what a mask does not keep is replaced, by something still over an episode. Needs `masks`."""

    kind: Literal["mixed", "color", "noise", "images"] = Field(
        "mixed",
        description="The new background; mixed samples the kind for each copy: images too, if `backgroundImages` is "
        "given, which images needs. Default: mixed.",
    )
    softness: EdgeSoftnessRange = Field(
        default=EdgeSoftnessRange(), description="Softness of the edge of what is kept: standard deviation, pixels."
    )


class Transforms(Model):
    """The transforms to apply, how many copies they make, and the parameters of each."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(
                    "!has(self.transforms) || self.transforms.all(t, self.transforms.exists_one(other, other == t))",
                    "transforms names one more than once: name each transform once",
                ),
                kubernetes_rule(
                    "!has(self.copiesPerTransform) || self.copiesPerTransform.all(t, t in "
                    f"{[str(name) for name in TransformName]})",
                    f"copiesPerTransform names an unknown transform: use {', '.join(TransformName)}",
                ),
            ]
        }
    )

    transforms: list[TransformName] = Field(
        default=[TransformName.LIGHTING],
        min_length=1,
        max_length=len(TransformName),
        description=f"Transforms to apply, of {', '.join(TransformName)}; their order is the order of application. "
        "Default: lighting, or those of the preset.",
    )
    mode: AugmentationMode = Field(
        AugmentationMode.STACKED,
        description="stacked: each copy gets all transforms, with its own parameters. independent: each transform "
        "gets its own copies.",
    )
    copies: Copies = Field(3, description="Augmented versions of each episode (mode stacked, output copy).")
    copies_per_transform: dict[TransformName, Copies] | None = Field(
        None,
        max_length=len(TransformName),
        description="Copies per transform in mode independent; 1 for a transform that is not listed.",
    )
    seed: Seed = Field(
        0,
        description="Seed of all sampled parameters. The same seed gives the same pixels, regardless of shards, "
        "retries and device.",
    )
    lighting: Lighting = Field(default=Lighting(), description="Parameters of the lighting transform.")
    noise: Noise = Field(default=Noise(), description="Parameters of the noise transform.")
    blur: Blur = Field(default=Blur(), description="Parameters of the blur transform.")
    occlusion: Occlusion = Field(default=Occlusion(), description="Parameters of the occlusion transform.")
    gamma: Gamma = Field(default=Gamma(), description="Parameters of the gamma transform.")
    jpeg: Jpeg = Field(default=Jpeg(), description="Parameters of the jpeg transform.")
    shadow: Shadow = Field(default=Shadow(), description="Parameters of the shadow transform.")
    hue_saturation: HueSaturation = Field(
        default=HueSaturation(), description="Parameters of the hueSaturation transform."
    )
    sharpness: Sharpness = Field(default=Sharpness(), description="Parameters of the sharpness transform.")
    patch_brightness: PatchBrightness = Field(
        default=PatchBrightness(), description="Parameters of the patchBrightness transform."
    )
    affine: Affine = Field(default=Affine(), description="Parameters of the affine transform.")
    crop_resize: CropResize = Field(default=CropResize(), description="Parameters of the cropResize transform.")
    perspective: Perspective = Field(default=Perspective(), description="Parameters of the perspective transform.")
    background: Background = Field(default=Background(), description="Parameters of the background transform.")

    @field_validator("transforms")
    @classmethod
    def _each_once(cls, transforms: list[TransformName]) -> list[TransformName]:
        return each_once(transforms)


def each_once(transforms: list[TransformName]) -> list[TransformName]:
    """The names as they are. Raises ValueError if one is there more than once."""
    repeated = sorted({name for name in transforms if transforms.count(name) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)} is named more than once: name each transform once")
    return transforms


def _models() -> Mapping[TransformName, type[Model]]:
    fields = {field.alias: cast(type[Model], field.annotation) for field in Transforms.model_fields.values()}
    return MappingProxyType({name: fields[name] for name in TransformName})


TRANSFORM_MODELS = _models()
"""The model of each transform's parameters."""
