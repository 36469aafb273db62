"""AugmentationRequest: the body of POST /v1/augmentation, field by field."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    WithJsonSchema,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from augmentation_api.camera_transforms import CameraTransforms
from augmentation_api.presets import PRESETS, PresetName
from augmentation_api.scene import MAX_ENTRIES, Choose
from augmentation_api.spec import (
    AlsoApplyTo,
    Cameras,
    DisplayName,
    Episodes,
    FolderPath,
    Masks,
    Parallelism,
    PendingDeadline,
    Revision,
    Splits,
    Where,
)
from augmentation_api.tasks import Tasks
from augmentation_api.transforms import Copies, Seed, TransformName
from augmentation_api.video_output import CODEC_PRESETS, VideoOutput, VideoPreset
from augmentation_api.vocabulary import (
    AcrossCameras,
    AugmentationMode,
    AugmentationType,
    Calibration,
    EncoderChoice,
    OnBadEpisode,
    VideoCodec,
    VideoProfile,
)
from augmentation_api.where_clause import WhereError
from augmentation_api.where_parser import parse_where
from augmentation_gateway.views.dataset_id import DatasetId, is_url
from augmentation_gateway.views.parameters import GENERATIVE, TRANSFORMS, describe_preset, field_definitions

_VIDEO_PRESETS = {
    "anyOf": [
        {"type": "string", "enum": [*CODEC_PRESETS[VideoCodec.AV1], *CODEC_PRESETS[VideoCodec.H264]]},
        {"type": "integer", "minimum": 0, "maximum": len(CODEC_PRESETS[VideoCodec.AV1]) - 1},
    ]
}
"""Two schemas, as generators of clients know no enum of texts and numbers; the page takes the first."""
_RANGES = [parameter.name for parameters in TRANSFORMS.values() for parameter in parameters if parameter.is_range]


def _unusable(cause: str, fix: str | None = None, place: str | None = None) -> PydanticCustomError:
    context = {"cause": cause, "fix": fix, "place": place}
    return PydanticCustomError("unusable", "{cause}: {fix}" if fix else "{cause}", context)


class _JobFields(BaseModel):
    """The fields of a request that stand before those of parameters."""

    # Defaults are validated too: {"augment_brightness_min": 20} alone is a range whose min is above its max.
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    project_id: UUID = Field(description="Project ID to associate the job with")
    dataset_id: DatasetId = Field(
        description="HuggingFace dataset ID to augment, `owner/name`, or the URL of a folder in an object store: "
        "s3://bucket/path, gs://bucket/path, abfss://container@account.dfs.core.windows.net/path"
    )
    augmentation_type: AugmentationType = Field(
        AugmentationType.DETERMINISTIC,
        description="'deterministic' applies transforms (lighting, noise, blur, occlusion and more). 'generative' "
        "re-renders frames in a target environment; 400 where the cluster has no class for it.",
    )
    name: DisplayName | None = Field(None, description="Name of the job, for people")
    augment_transforms: str = Field(
        "lighting",
        max_length=255,
        description=f"Comma-separated transforms, in order of application, of {', '.join(TransformName)}",
    )
    augment_mode: AugmentationMode = Field(
        AugmentationMode.STACKED,
        description="'stacked' applies all transforms to each copy. 'independent' creates one copy per transform.",
    )
    augment_copies: Copies = Field(
        3, description="Number of augmented copies per episode (when augment_dataset_mode=copy)"
    )
    augment_copies_per_transform: dict[TransformName, Annotated[Copies, Strict()]] | None = Field(
        None, description="Copies per transform with augment_mode=independent; 1 for a transform that is not listed"
    )
    augment_dataset_mode: Literal["copy", "inplace"] = Field(
        "copy",
        description="'copy' adds augmented copies to the original dataset. 'inplace' replaces the originals with "
        "augmented versions; with augment_mode=independent it takes exactly one transform.",
    )


if TYPE_CHECKING:
    # The code reads a parameter's field by its name in a table, never as an attribute.
    _ParameterFields = _JobFields
else:
    _ParameterFields = create_model("_ParameterFields", __base__=_JobFields, **field_definitions())


class AugmentationRequest(_ParameterFields):
    """Request to start a dataset augmentation job."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project_id": "7a1c9e9e-1f0a-4f0e-9b6e-0c7b6f6f2b11",
                    "dataset_id": "lerobot/pusht",
                    "name": "pusht in varied lighting",
                    "augment_transforms": "lighting,noise",
                    "augment_copies": 3,
                    "seed": 7,
                }
            ],
            # For forms: which fields belong to which transform.
            "x-transforms": {name: [parameter.describe() for parameter in TRANSFORMS[name]] for name in TRANSFORMS},
            "x-generative": [parameter.describe() for parameter in GENERATIVE],
            "x-presets": {name: describe_preset(PRESETS[name]) for name in PRESETS},
        }
    )

    seed: Seed | None = Field(
        None,
        description="Seed of all sampled parameters, 0 by default; the same seed gives the same pixels",
    )
    revision: Revision | None = Field(None, description="Branch, tag or commit of dataset_id to read")
    path: FolderPath | None = Field(
        None, description="Folder of the dataset inside dataset_id, where that holds several; its root by default"
    )
    output_dataset_id: DatasetId | None = Field(
        None,
        description="Dataset to publish, `owner/name` or the URL of an empty folder in an object store; by default a "
        "new one of the hub token's owner, or next to the source in its store",
    )
    source_anonymous: bool | None = Field(
        None, description="Read dataset_id, in an object store, without credentials, as from a public bucket"
    )
    private: bool | None = Field(
        None,
        description="Whether the published dataset is private if it has to be created; by default as private as the "
        "source. Only false lets a result have more readers than its source",
    )
    video_profile: VideoProfile | None = Field(
        None,
        description="How augmented videos are encoded, in one word. 'like-source', the default: as the source's. "
        "'fast': H.264, in about half of AV1's encoding time, larger, and read by every decoder. 'small': "
        "AV1 with fewer key frames, in less than half of the bytes, slower to encode and to read at random",
    )
    video_codec: VideoCodec | None = Field(
        None, description="Codec of augmented videos; 'source', the default, leaves it to video_profile"
    )
    video_crf: Annotated[int, Field(ge=0, le=63)] | None = Field(
        None,
        description="Constant rate factor: lower means better quality and larger files. av1 takes 0 to 63, h264 and "
        "hevc 0 to 51; as video_profile says by default",
    )
    video_gop: Annotated[int, Field(ge=1, le=600)] | None = Field(
        None,
        description="Keyframe interval of augmented videos, in frames; 2 makes random access fastest. As video_profile "
        "says by default",
    )
    video_preset: Annotated[VideoPreset, WithJsonSchema(_VIDEO_PRESETS)] | None = Field(
        None,
        description="Preset of the encoder: 0 to 13 of av1, the names of h264 and hevc. Higher numbers are faster, and "
        "earlier names; setting it disables the hardware encoder. As video_profile says by default",
    )
    video_encoder: EncoderChoice | None = Field(
        None,
        description="'auto', the default: the hardware encoder where the pod has a GPU with one for the codec. "
        "'software': always the software encoder, whose files are the same to the byte on every machine",
    )
    parallelism: Parallelism | None = Field(None, description="Maximum number of concurrent shards")
    pending_deadline_seconds: PendingDeadline | None = Field(
        None,
        description="How long the job may wait for pods that do not run, in a queue or for a node, until it fails; no "
        "limit by default",
    )
    cameras: Cameras | None = Field(
        None, description="Camera keys to augment, e.g. observation.images.top; all by default"
    )
    episodes: Episodes | None = Field(
        None, description="Episodes to augment, as indices and half-open ranges: `0:100,150`; all by default"
    )
    also_apply_to: AlsoApplyTo | None = Field(
        None,
        max_length=64,
        description="By camera, the mask and depth streams that affine, cropResize and perspective move as "
        "they move the camera; all other streams stay as they are",
    )
    masks: Masks | None = Field(
        None,
        max_length=64,
        description="By camera, the stream of images of which every value but 0 keeps the camera's pixel (of video: "
        "white), or a folder of the source with a PNG per frame, as episode_000000/frame_000000.png; background "
        "replaces the others",
    )
    background_images: FolderPath | None = Field(
        None,
        description="Folder of the source with the images of which background puts one behind what is kept",
    )
    calibration: Calibration | None = Field(
        None,
        description="What becomes of a job whose affine, cropResize or perspective moves a camera of which the "
        "metadata has a calibration, e.g. intrinsics. 'refuse', the default, or 'keep' the source's values, which are "
        "wrong where pixels were moved",
    )
    splits: Splits | None = Field(
        None, description="Splits to augment, e.g. train: only their episodes, together with `episodes`; all by default"
    )
    where: Where | None = Field(
        None,
        description="Episodes to augment, by a condition on meta/episodes: success == true and task contains 'cup'. "
        "Only those of `episodes` and `splits`, where they are given; all by default",
    )

    tasks: Tasks | None = Field(
        None,
        description="Other words for the task of an episode, one for each copy: {from: dataset}, or {paraphrases: "
        "[{task, as: [...]}]}; the tasks of the source by default",
    )

    on_bad_episode: OnBadEpisode | None = Field(
        None,
        description="What becomes of selected episodes (or rows) that cannot be decoded, all of which are found first. "
        "'fail', the default: nothing is published. 'skip': they get no augmented version, the originals stay",
    )
    preset: PresetName | None = Field(
        None,
        description="Transforms and ranges by name: lerobot-default (LeRobot's image transforms), pi05 (openpi's), "
        "seeds-default. What the request gives itself goes before it: its ranges, and augment_transforms together with "
        "choose and the preset's lists for single cameras",
    )
    choose: Choose | None = Field(
        None,
        description="Number of transforms that each copy gets, sampled from augment_transforms; only with "
        "augment_mode=stacked. All by default, or as the preset has it",
    )
    across_cameras: AcrossCameras | None = Field(
        None,
        description="'shared' samples what belongs to the scene once for all cameras, 'independent' all for each of "
        "them; shared by default",
    )
    per_camera: Annotated[list[CameraTransforms], Field(max_length=MAX_ENTRIES)] | None = Field(
        None,
        description="Cameras that get other transforms or ranges than the rest, as in a manifest: "
        '[{"camera": "*wrist*", "transforms": ["lighting"], "lighting": {"brightness": {"min": -5, "max": 5}}}]',
    )

    @property
    def transforms(self) -> list[TransformName]:
        """The transforms, in order of application: those named, else those of the preset."""
        if self.preset is not None and "augment_transforms" not in self.model_fields_set:
            return list(PRESETS[self.preset].transforms)
        return [TransformName(name) for name in transform_names(self.augment_transforms)]

    @model_validator(mode="after")
    def _fit_the_storage(self) -> Self:
        for name, fields in (("dataset_id", ("revision", "path")), ("output_dataset_id", ("private",))):
            dataset_id = getattr(self, name)
            for field in fields:
                if dataset_id is not None and is_url(dataset_id) and getattr(self, field) is not None:
                    raise _unusable(
                        f"{field} is for datasets on a hub, but {name} is in an object store",
                        "put the folder into the URL" if field == "path" else f"leave {field} out",
                    )
        if self.source_anonymous and not is_url(self.dataset_id):
            raise _unusable(
                "source_anonymous is for object stores, but dataset_id is on a hub", "leave source_anonymous out"
            )
        return self

    @model_validator(mode="after")
    def _fit_the_codec(self) -> Self:
        # Not validated: it would say what is wrong of the spec, and of none of its fields.
        output = VideoOutput.model_construct(
            profile=self.video_profile,
            codec=self.video_codec or VideoCodec.SOURCE,
            crf=self.video_crf,
            preset=self.video_preset,
        )
        if output.named_codec is not None:
            try:
                output.check(output.named_codec)
            except ValueError as error:
                raise _unusable(f"video_{error}") from error
        return self

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        independent, names = self.augment_mode is AugmentationMode.INDEPENDENT, self.transforms
        if self.choose is not None and independent:
            raise _unusable(
                f"choose is {self.choose}, but with augment_mode independent each copy gets one transform",
                "leave choose out, or use augment_mode stacked",
            )
        if self.choose is not None and self.choose > len(names):
            raise _unusable(
                f"choose is {self.choose}, but the transforms are only {', '.join(names)}",
                f"choose at most {len(names)}, or name more in augment_transforms",
            )
        cameras = [entry.camera for entry in self.per_camera or ()]
        for entry in self.per_camera or ():
            if cameras.count(entry.camera) > 1:
                raise _unusable(f"per_camera has several entries of {entry.camera[:40]}", "put all of it into one")
            extra = [name for name in entry.transforms or () if name not in names] if independent else []
            if extra:
                raise _unusable(
                    f"per_camera gives {entry.camera[:40]} {', '.join(extra)}, but with augment_mode independent no "
                    "copy gets what augment_transforms does not name",
                    "name it there, too, or use augment_mode stacked",
                )
        if independent and self.augment_dataset_mode == "inplace" and len(names) > 1:
            raise _unusable(
                f"augment_dataset_mode inplace keeps one version of each episode, but preset {self.preset} with "
                f"augment_mode independent makes one of each of {', '.join(names)}",
                "name one transform in augment_transforms, or use augment_mode stacked",
            )
        return self

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        # Python counts True as 1, and would make one copy of {"augment_copies": true}.
        name = str(info.field_name)
        if isinstance(value, bool) and cls.model_fields[name].annotation not in (bool, bool | None):
            raise _unusable(f"{name} is {str(value).lower()}, but this field is no boolean")
        return value

    @field_validator("augment_transforms")
    @classmethod
    def _known_transforms_once(cls, text: str) -> str:
        known = ", ".join(TransformName)
        names = transform_names(text)
        if not names:
            raise _unusable("augment_transforms is empty", f"name at least one of {known}")
        for name in names:
            if name not in TransformName.__members__.values():
                raise _unusable(f"augment_transforms names {name[:40]!r}, which is no transform", f"use {known}")
            if names.count(name) > 1:
                raise _unusable(f"augment_transforms names {name} more than once", "name each transform once")
        return text

    @field_validator("augment_dataset_mode")
    @classmethod
    def _one_version_in_place(cls, dataset_mode: str, info: ValidationInfo) -> str:
        transforms = transform_names(info.data.get("augment_transforms", ""))
        independent = info.data.get("augment_mode") is AugmentationMode.INDEPENDENT
        if dataset_mode == "inplace" and independent and len(transforms) > 1:
            raise _unusable(
                "augment_dataset_mode inplace keeps one version of each episode, but augment_mode independent makes "
                f"one of each of {', '.join(transforms)}",
                "name one transform, or use augment_mode stacked",
            )
        return dataset_mode

    @field_validator(*(f"{name}_max" for name in _RANGES))
    @classmethod
    def _min_below_max(cls, high: float, info: ValidationInfo) -> float:
        high_name = str(info.field_name)
        low_name = high_name.removesuffix("max") + "min"
        low = info.data.get(low_name)
        if low is not None and low > high:
            raise _unusable(
                f"{low_name} is {low:g}, which is greater than {high_name}, {high:g}", "swap them or widen the range"
            )
        return high

    @field_validator("episodes")
    @classmethod
    def _rising_ranges(cls, episodes: str | None) -> str | None:
        for part in (episodes or "").split(","):
            first, _, last = part.partition(":")
            if last and int(first) >= int(last):
                raise _unusable(f"episodes has the empty range {part}", "write first:last with first less than last")
        return episodes

    @field_validator("where")
    @classmethod
    def _condition(cls, where: str | None) -> str | None:
        if where is not None:
            try:
                parse_where(where)
            except WhereError as error:
                raise _unusable(f"where: {error.line}", place=error.place) from error
        return where

    @field_validator(*(parameter.name for parameter in GENERATIVE))
    @classmethod
    def _only_generative(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("augmentation_type") is AugmentationType.DETERMINISTIC:
            raise _unusable(
                f"{info.field_name} is only for augmentation_type generative", "leave it out, or use generative"
            )
        return value


def transform_names(transforms: str) -> list[str]:
    """The names in `augment_transforms`: 'lighting, noise' → ['lighting', 'noise']; [] for a blank."""
    return [name.strip() for name in transforms.split(",")] if transforms.strip() else []
