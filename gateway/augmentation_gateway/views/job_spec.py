"""From a native request to the spec of an AugmentationJob."""

from __future__ import annotations

from typing import Any

from augmentation_api.spec import (
    Augmentation,
    AugmentationJobSpec,
    Generative,
    HubOutput,
    HubSource,
    Output,
    Source,
)
from augmentation_api.transforms import (
    Blur,
    BrightnessRange,
    ColorTemperatureRange,
    ContrastRange,
    DefocusSigmaRange,
    Gamma,
    GammaRange,
    GaussianSigmaRange,
    HueRange,
    HueSaturation,
    Jpeg,
    JpegQualityRange,
    Lighting,
    MotionKernelRange,
    Noise,
    Occlusion,
    PatchCountRange,
    PatchSizeRange,
    SaturationRange,
    Shadow,
    ShadowSoftnessRange,
    ShadowStrengthRange,
    ShotScaleRange,
    TransformName,
)
from augmentation_api.vocabulary import OutputMode
from augmentation_gateway.views.request import GENERATIVE_FIELDS, AugmentationRequest


def to_job_spec(request: AugmentationRequest) -> AugmentationJobSpec:
    """The spec that asks for what the request asks for.

    What this API has defaults for is always set: the choices, and every range of the transforms that are named. A
    request keeps its meaning, and a manifest tells all of it, even if the CRD's defaults change one day. Everything
    else (transforms that are not named, fields that were not given) is left unset, for the CRD's defaults.
    """
    return AugmentationJobSpec.model_validate(
        _given(
            display_name=request.name,
            project_id=request.project_id,
            type=request.augmentation_type,
            source=Source(hub=HubSource(**_given(repo_id=request.dataset_id, revision=request.revision))),
            output=_output(request),
            augmentation=_augmentation(request),
            generative=_generative(request),
            parallelism=request.parallelism,
        )
    )


def _output(request: AugmentationRequest) -> Output:
    mode = OutputMode.COPY if request.augment_dataset_mode == "copy" else OutputMode.IN_PLACE
    hub = _given(repo_id=request.output_dataset_id, private=request.private)
    return Output(**_given(mode=mode, hub=HubOutput(**hub) if hub else None))


def _augmentation(request: AugmentationRequest) -> Augmentation:
    make = {
        TransformName.LIGHTING: _lighting,
        TransformName.NOISE: _noise,
        TransformName.BLUR: _blur,
        TransformName.OCCLUSION: _occlusion,
        TransformName.GAMMA: _gamma,
        TransformName.JPEG: _jpeg,
        TransformName.SHADOW: _shadow,
        TransformName.HUE_SATURATION: _hue_saturation,
    }
    return Augmentation(
        transforms=request.transforms,
        mode=request.augment_mode,
        copies=request.augment_copies,
        **_given(
            copies_per_transform=request.augment_copies_per_transform or None,
            seed=request.seed,
            cameras=request.cameras,
            episodes=request.episodes,
        ),
        **{name.value: make[name](request) for name in request.transforms},
    )


def _lighting(request: AugmentationRequest) -> Lighting:
    return Lighting(
        brightness=BrightnessRange(min=request.augment_brightness_min, max=request.augment_brightness_max),
        contrast=ContrastRange(min=request.augment_contrast_min, max=request.augment_contrast_max),
        color_temperature=ColorTemperatureRange(min=request.augment_color_temp_min, max=request.augment_color_temp_max),
    )


def _noise(request: AugmentationRequest) -> Noise:
    return Noise(
        kind=request.noise_type,
        gaussian_sigma=GaussianSigmaRange(min=request.noise_gaussian_sigma_min, max=request.noise_gaussian_sigma_max),
        shot_scale=ShotScaleRange(min=request.noise_shot_scale_min, max=request.noise_shot_scale_max),
    )


def _blur(request: AugmentationRequest) -> Blur:
    return Blur(
        kind=request.blur_type,
        motion_kernel=MotionKernelRange(min=request.blur_motion_kernel_min, max=request.blur_motion_kernel_max),
        defocus_sigma=DefocusSigmaRange(min=request.blur_defocus_sigma_min, max=request.blur_defocus_sigma_max),
    )


def _occlusion(request: AugmentationRequest) -> Occlusion:
    return Occlusion(
        kind=request.occlusion_type,
        patches=PatchCountRange(min=request.occlusion_num_patches_min, max=request.occlusion_num_patches_max),
        patch_width=PatchSizeRange(min=request.occlusion_patch_width_min, max=request.occlusion_patch_width_max),
        patch_height=PatchSizeRange(min=request.occlusion_patch_height_min, max=request.occlusion_patch_height_max),
    )


def _gamma(request: AugmentationRequest) -> Gamma:
    return Gamma(exponent=GammaRange(min=request.gamma_min, max=request.gamma_max))


def _jpeg(request: AugmentationRequest) -> Jpeg:
    return Jpeg(quality=JpegQualityRange(min=request.jpeg_quality_min, max=request.jpeg_quality_max))


def _shadow(request: AugmentationRequest) -> Shadow:
    return Shadow(
        strength=ShadowStrengthRange(min=request.shadow_strength_min, max=request.shadow_strength_max),
        softness=ShadowSoftnessRange(min=request.shadow_softness_min, max=request.shadow_softness_max),
    )


def _hue_saturation(request: AugmentationRequest) -> HueSaturation:
    return HueSaturation(
        hue=HueRange(min=request.hue_shift_min, max=request.hue_shift_max),
        saturation=SaturationRange(min=request.saturation_min, max=request.saturation_max),
    )


def _generative(request: AugmentationRequest) -> Generative | None:
    given = _given(**{name.removeprefix("cosmos_"): getattr(request, name) for name in GENERATIVE_FIELDS})
    return Generative(**given) if given else None


def _given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None: to a model, these are the ones that were set."""
    return {name: value for name, value in fields.items() if value is not None}
