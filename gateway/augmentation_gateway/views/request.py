"""AugmentationRequest: the body of POST /v1/augmentation, field by field."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from augmentation_api.spec import EPISODES_PATTERN, CameraKey, RepoID
from augmentation_api.transforms import MAX_COPIES, MAX_SEED, TransformName
from augmentation_api.vocabulary import AugmentationMode, AugmentationType

Fraction = Annotated[float, Field(ge=0.01, le=1)]
Prompt = Annotated[str, StringConstraints(max_length=8192)]

RANGES = (
    "augment_brightness",
    "augment_contrast",
    "augment_color_temp",
    "noise_gaussian_sigma",
    "noise_shot_scale",
    "blur_motion_kernel",
    "blur_defocus_sigma",
    "occlusion_num_patches",
    "occlusion_patch_width",
    "occlusion_patch_height",
    "gamma",
    "jpeg_quality",
    "shadow_strength",
    "shadow_softness",
    "hue_shift",
    "saturation",
)
"""What has a `_min` and a `_max`."""

GENERATIVE_FIELDS = (
    "cosmos_prompt",
    "cosmos_prompts",
    "cosmos_control_type",
    "cosmos_control_weight",
    "cosmos_guidance",
    "cosmos_num_steps",
    "cosmos_seed",
    "cosmos_model_variant",
    "cosmos_disable_guardrails",
    "cosmos_camera_name",
)


def _unusable(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("unusable", "{sentence}", {"sentence": sentence})


class AugmentationRequest(BaseModel):
    """Request to start a dataset augmentation job."""

    # Defaults are validated too: {"augment_brightness_min": 20} alone is a range whose min is above its max.
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [
                {
                    "project_id": "7a1c9e9e-1f0a-4f0e-9b6e-0c7b6f6f2b11",
                    "dataset_id": "lerobot/pusht",
                    "name": "pusht under other lights",
                    "augment_transforms": "lighting,noise",
                    "augment_copies": 3,
                    "seed": 7,
                }
            ]
        },
    )

    project_id: UUID = Field(description="Project ID to associate the job with")
    dataset_id: RepoID = Field(description="HuggingFace dataset ID to augment, `owner/name`")
    augmentation_type: AugmentationType = Field(
        AugmentationType.DETERMINISTIC,
        description="'deterministic' applies transforms (lighting, noise, blur, occlusion and more). 'generative' "
        "re-renders frames in a target environment; 400 where the cluster has no class for it.",
    )
    name: str | None = Field(None, max_length=255, description="Name of the job, for people")
    augment_transforms: str = Field(
        "lighting",
        max_length=255,
        description=f"Comma-separated transforms, in the order they are applied, of {', '.join(TransformName)}",
    )
    augment_mode: AugmentationMode = Field(
        AugmentationMode.STACKED,
        description="'stacked' applies all transforms to each copy. 'independent' creates one copy per transform.",
    )
    augment_copies: int = Field(
        3, ge=1, le=MAX_COPIES, description="Number of augmented copies per episode (when augment_dataset_mode=copy)"
    )
    augment_copies_per_transform: (
        dict[TransformName, Annotated[int, Field(strict=True, ge=1, le=MAX_COPIES)]] | None
    ) = Field(None, description="Copies of each transform with augment_mode=independent; one where none is named")
    augment_dataset_mode: Literal["copy", "inplace"] = Field(
        "copy",
        description="'copy' adds augmented copies to the original dataset. 'inplace' replaces the originals with "
        "augmented versions; with augment_mode=independent it takes exactly one transform.",
    )

    augment_brightness_min: float = Field(-15, ge=-50, description="Percent of full scale")
    augment_brightness_max: float = Field(15, le=50, description="Percent of full scale")
    augment_contrast_min: float = Field(-10, ge=-50, description="Percent")
    augment_contrast_max: float = Field(10, le=50, description="Percent")
    augment_color_temp_min: int = Field(4000, ge=2000, le=6500, description="Kelvin")
    augment_color_temp_max: int = Field(6500, ge=4000, le=10000, description="Kelvin")

    noise_type: Literal["mixed", "gaussian", "shot"] = Field("mixed", description="Mixed draws the type for each copy")
    noise_gaussian_sigma_min: float = Field(3, ge=0, le=100, description="Of 255")
    noise_gaussian_sigma_max: float = Field(15, ge=0, le=100, description="Of 255")
    noise_shot_scale_min: float = Field(0.3, ge=0, le=10, description="Variance is scale x value")
    noise_shot_scale_max: float = Field(1, ge=0, le=10, description="Variance is scale x value")

    blur_type: Literal["mixed", "motion", "defocus"] = Field("mixed", description="Mixed draws the type for each copy")
    blur_motion_kernel_min: int = Field(5, ge=3, le=101, description="Pixels; the length that is drawn is odd")
    blur_motion_kernel_max: int = Field(15, ge=3, le=101, description="Pixels; the length that is drawn is odd")
    blur_defocus_sigma_min: float = Field(0.5, ge=0.1, le=20, description="Pixels")
    blur_defocus_sigma_max: float = Field(2.5, ge=0.1, le=20, description="Pixels")

    occlusion_type: Literal["mixed", "solid", "mean", "noise"] = Field(
        "mixed", description="Filling of the patches; mixed draws the type for each copy"
    )
    occlusion_num_patches_min: int = Field(1, ge=1, le=20, description="Patches")
    occlusion_num_patches_max: int = Field(3, ge=1, le=20, description="Patches")
    occlusion_patch_width_min: Fraction = Field(0.05, description="Of the frame's width")
    occlusion_patch_width_max: Fraction = Field(0.2, description="Of the frame's width")
    occlusion_patch_height_min: Fraction = Field(0.05, description="Of the frame's height")
    occlusion_patch_height_max: Fraction = Field(0.2, description="Of the frame's height")

    gamma_min: float = Field(0.7, ge=0.1, le=10, description="Exponent of value ** gamma")
    gamma_max: float = Field(1.5, ge=0.1, le=10, description="Exponent of value ** gamma")
    jpeg_quality_min: int = Field(20, ge=1, le=100, description="Quality of libjpeg")
    jpeg_quality_max: int = Field(70, ge=1, le=100, description="Quality of libjpeg")
    shadow_strength_min: float = Field(20, ge=0, le=100, description="Percent darker")
    shadow_strength_max: float = Field(60, ge=0, le=100, description="Percent darker")
    shadow_softness_min: float = Field(0.02, ge=0, le=1, description="Width of the edge, of the frame's diagonal")
    shadow_softness_max: float = Field(0.2, ge=0, le=1, description="Width of the edge, of the frame's diagonal")
    hue_shift_min: float = Field(-10, ge=-180, le=180, description="Degrees")
    hue_shift_max: float = Field(10, ge=-180, le=180, description="Degrees")
    saturation_min: float = Field(-30, ge=-100, le=100, description="Percent")
    saturation_max: float = Field(30, ge=-100, le=100, description="Percent")

    cosmos_prompt: Prompt | None = Field(None, description="Generative only: what the scene should look like")
    cosmos_prompts: Annotated[list[Prompt], Field(max_length=20)] | None = Field(
        None, description="Generative only: one prompt a copy, instead of cosmos_prompt"
    )
    cosmos_control_type: str | None = Field(
        None, max_length=63, description="Generative only: what is kept of the source: edge, depth, segmentation or vis"
    )
    cosmos_control_weight: float | None = Field(
        None, ge=0, le=1, description="Generative only: how strictly it is kept"
    )
    cosmos_guidance: float | None = Field(None, ge=0, le=50, description="Generative only: guidance scale")
    cosmos_num_steps: int | None = Field(None, ge=1, le=200, description="Generative only: diffusion steps")
    cosmos_seed: int | None = Field(None, ge=0, le=MAX_SEED, description="Generative only: seed of the model")
    cosmos_model_variant: str | None = Field(None, max_length=255, description="Generative only: variant of the model")
    cosmos_disable_guardrails: bool | None = Field(None, description="Generative only: no content checks")
    cosmos_camera_name: CameraKey | None = Field(None, description="Generative only: camera to repaint")

    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="Same seed, same pixels; 0 where none is given")
    revision: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        None, description="Branch, tag or commit of dataset_id to read"
    )
    output_dataset_id: RepoID | None = Field(
        None, description="Dataset to publish, `owner/name`; a new one beside the source where none is given"
    )
    private: bool | None = Field(
        None,
        description="Whether the published dataset is private if it has to be created; as private as the source where "
        "none is given. false alone lets a result have more readers than its source",
    )
    parallelism: int | None = Field(None, ge=1, le=1000, description="Shards that run at once")
    cameras: Annotated[list[CameraKey], Field(max_length=64)] | None = Field(
        None, description="Camera keys to augment, e.g. observation.images.top; all where none is given"
    )
    episodes: Annotated[str, StringConstraints(pattern=EPISODES_PATTERN, max_length=4096)] | None = Field(
        None, description="Episodes to augment, as indices and half-open ranges: `0:100,150`; all where none is given"
    )

    @property
    def transforms(self) -> list[TransformName]:
        """The names in augment_transforms, in their order."""
        return [TransformName(name) for name in _split(self.augment_transforms)]

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        # Python counts True as 1, and would make one copy of {"augment_copies": true}.
        if isinstance(value, bool) and info.field_name not in ("private", "cosmos_disable_guardrails"):
            raise _unusable(f"{info.field_name} is {str(value).lower()}, but is no true-or-false field")
        return value

    @field_validator("augment_transforms")
    @classmethod
    def _known_transforms_once(cls, text: str) -> str:
        known = ", ".join(TransformName)
        names = _split(text)
        if not names:
            raise _unusable(f"augment_transforms is empty: name at least one of {known}")
        for name in names:
            if name not in TransformName.__members__.values():
                raise _unusable(f"augment_transforms names {name[:40]!r}, which is no transform: use {known}")
            if names.count(name) > 1:
                raise _unusable(f"augment_transforms names {name} more than once: name each transform once")
        return text

    @field_validator("augment_dataset_mode")
    @classmethod
    def _one_version_in_place(cls, dataset_mode: str, info: ValidationInfo) -> str:
        transforms = _split(info.data.get("augment_transforms", ""))
        independent = info.data.get("augment_mode") is AugmentationMode.INDEPENDENT
        if dataset_mode == "inplace" and independent and len(transforms) > 1:
            raise _unusable(
                f"augment_dataset_mode inplace keeps one version of each episode, but augment_mode independent makes "
                f"one of each of {', '.join(transforms)}: name one transform, or use augment_mode stacked"
            )
        return dataset_mode

    @field_validator(*(f"{name}_max" for name in RANGES))
    @classmethod
    def _min_below_max(cls, high: float, info: ValidationInfo) -> float:
        high_name = str(info.field_name)
        low_name = high_name.removesuffix("max") + "min"
        low = info.data.get(low_name)
        if low is not None and low > high:
            raise _unusable(
                f"{low_name} is {low:g}, which is greater than {high_name}, {high:g}: swap them or widen the range"
            )
        return high

    @field_validator("episodes")
    @classmethod
    def _rising_ranges(cls, episodes: str | None) -> str | None:
        for part in (episodes or "").split(","):
            first, _, last = part.partition(":")
            if last and int(first) >= int(last):
                raise _unusable(f"episodes has the empty range {part}: write first:last with first less than last")
        return episodes

    @field_validator(*GENERATIVE_FIELDS)
    @classmethod
    def _only_generative(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("augmentation_type") is AugmentationType.DETERMINISTIC:
            raise _unusable(
                f"{info.field_name} is only for augmentation_type generative: leave it out, or ask for generative"
            )
        return value


def _split(transforms: str) -> list[str]:
    """'lighting, noise' → ['lighting', 'noise']; [] for a blank."""
    return [name.strip() for name in transforms.split(",")] if transforms.strip() else []
