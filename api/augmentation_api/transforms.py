"""Parameters of the transforms: the ranges from which each copy of an episode draws its own values."""

from typing import Annotated, Literal, Self, cast

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from augmentation_api.model import Model, kubernetes_rule


def _order_rule(schema: JsonDict) -> None:
    """The rule that min is not greater than max; it names the defaults, for the user who gave only one of the two."""
    bounds = cast(dict[str, JsonDict], schema.get("properties", {}))
    defaults = ", ".join(f"{name} {field.get('default')}" for name, field in bounds.items())
    message = f"min is greater than max: swap them or widen the range (defaults: {defaults})"
    schema["x-kubernetes-validations"] = [kubernetes_rule("self.min <= self.max", message)]


class Range(Model):
    """A closed interval [min, max]; a copy draws one value from it, uniformly."""

    model_config = ConfigDict(json_schema_extra=_order_rule)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.min, self.max  # type: ignore[attr-defined]
        if low > high:
            raise ValueError(f"min {low} is greater than max {high}: swap them or widen the range")
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
    """Colour temperature of the light, in kelvin; 6500 leaves the colours as they are, lower is warmer."""

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
    """Length of motion blur, in pixels; the value drawn is always odd."""

    min: int = Field(5, ge=3, le=101, description="Shortest streak, pixels.")
    max: int = Field(15, ge=3, le=101, description="Longest streak, pixels.")


class DefocusSigmaRange(Range):
    """Standard deviation of the gaussian that stands for defocus, in pixels."""

    min: float = Field(0.5, ge=0.1, le=20, description="Sharpest, pixels.")
    max: float = Field(2.5, ge=0.1, le=20, description="Most blurred, pixels.")


class PatchCountRange(Range):
    """Number of occluding patches; they stay where they are for the whole episode."""

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
    """Quality of libjpeg, 1 to 100; artefacts are plain below 50."""

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
    """Turn of all hues, in degrees."""

    min: float = Field(-10, ge=-180, le=180, description="Least turn, degrees.")
    max: float = Field(10, ge=-180, le=180, description="Greatest turn, degrees.")


class SaturationRange(Range):
    """Change of saturation, in percent; -100 leaves greys."""

    min: float = Field(-30, ge=-100, le=100, description="Palest colours, percent.")
    max: float = Field(30, ge=-100, le=100, description="Strongest colours, percent.")


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
        "mixed", description="Kind of noise; mixed draws the kind for each copy."
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
        "mixed", description="Kind of blur; mixed draws the kind for each copy."
    )
    motion_kernel: MotionKernelRange = Field(
        default=MotionKernelRange(), description="Motion blur: length of the streak, pixels, odd."
    )
    defocus_sigma: DefocusSigmaRange = Field(
        default=DefocusSigmaRange(), description="Defocus: standard deviation, pixels."
    )


class Occlusion(Model):
    """Occlusion: filled patches in front of the scene, still over an episode."""

    kind: Literal["mixed", "solid", "mean", "noise"] = Field(
        "mixed", description="Filling of the patches; mixed draws the kind for each copy."
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
    """JPEG artefacts: every frame is compressed and decompressed, in one quality an episode."""

    quality: JpegQualityRange = Field(default=JpegQualityRange(), description="Quality of libjpeg, 1 to 100.")


class Shadow(Model):
    """Shadow: one side of a straight soft edge is darker; it stands still over an episode."""

    strength: ShadowStrengthRange = Field(
        default=ShadowStrengthRange(), description="How much darker the shaded part is, percent."
    )
    softness: ShadowSoftnessRange = Field(
        default=ShadowSoftnessRange(), description="Width of the edge, fraction of the frame's diagonal."
    )


class HueSaturation(Model):
    """Hue and saturation, constant over an episode; brightness stays."""

    hue: HueRange = Field(default=HueRange(), description="Turn of all hues, degrees.")
    saturation: SaturationRange = Field(default=SaturationRange(), description="Change of saturation, percent.")
