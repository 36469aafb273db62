"""What the cameras of one scene share, and what each of them has of its own: part of what a job asks for."""

from collections.abc import Collection
from typing import Annotated, Any, Self, cast

from pydantic import Field, field_validator, model_validator

from augmentation_api.camera_transforms import CameraTransforms
from augmentation_api.model import Model, list_map
from augmentation_api.presets import PRESETS, PresetName
from augmentation_api.transforms import TRANSFORM_MODELS, TransformName, Transforms
from augmentation_api.vocabulary import AcrossCameras, AugmentationMode

Choose = Annotated[int, Field(ge=1, le=len(TransformName))]
MAX_ENTRIES = 64


class SceneTransforms(Transforms):
    """The transforms of a job, for a scene that one or more cameras see."""

    preset: PresetName | None = Field(
        None,
        description="Transforms and ranges by name, of others' training recipes: lerobot-default (LeRobot's image "
        "transforms), pi05 (openpi's, wrist cameras without geometry), seeds-default (the defaults of the first "
        "release). What the spec says itself goes before the preset: a range as a whole, and `transforms` together "
        "with `choose` and the preset's lists for single cameras. Default: none.",
    )
    choose: Choose | None = Field(
        None,
        description="Number of transforms that each copy gets, sampled from `transforms`, the same for all cameras of "
        "a scene. Only with mode stacked. Default: all of them, or as the preset has it.",
    )
    # No default in the CRD: it would be filled into the jobs of an older release, too, whose pixels it would change.
    across_cameras: AcrossCameras | None = Field(
        None,
        description="shared: what belongs to the scene (lighting, gamma, hueSaturation, background; of a shadow its "
        "strength, softness and direction) is sampled once for each copy of an episode, for all its cameras; what "
        "belongs to a camera (all other transforms) for each of them. independent: everything for each camera. "
        "Default: shared; independent for a job that was resolved by a release without this field.",
    )
    per_camera: list[CameraTransforms] = Field(
        default=[],
        max_length=MAX_ENTRIES,
        json_schema_extra=list_map("camera"),
        description="Cameras that get other transforms or ranges than the rest, e.g. wrist cameras without geometry. "
        "Where several entries match a camera, later ones go before earlier ones. Default: none.",
    )

    @field_validator("per_camera")
    @classmethod
    def _one_entry_each(cls, entries: list[CameraTransforms]) -> list[CameraTransforms]:
        cameras = [entry.camera for entry in entries]
        repeated = sorted({camera for camera in cameras if cameras.count(camera) > 1})
        if repeated:
            raise ValueError(f"{', '.join(repeated)} has more than one entry: put all of it into one")
        return entries

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        independent = self.mode is AugmentationMode.INDEPENDENT
        if independent and self.choose is not None:
            raise ValueError(
                f"choose is {self.choose}, but with mode independent each copy gets one transform: leave choose out, "
                "or use mode stacked"
            )
        names = self.effective.transforms
        if self.choose is not None and self.choose > len(names):
            raise ValueError(
                f"choose is {self.choose}, but transforms names only {', '.join(names)}: choose at most {len(names)}, "
                "or name more transforms"
            )
        for entry in self.per_camera if independent else ():
            extra = [name for name in entry.transforms or () if name not in names]
            if extra:
                raise ValueError(
                    f"perCamera: {', '.join(extra)} of {entry.camera} is not in transforms, so with mode independent "
                    "no copy gets it: name it in transforms, too, or use mode stacked"
                )
        return self

    @property
    def effective(self) -> Self:
        """The same, with everything said that follows from what was left out, and from the preset.

        What it says is complete: its preset is only a name any more.
        """
        across_cameras = self.across_cameras or AcrossCameras.SHARED
        if self.preset is None:
            return self if self.across_cameras else self.model_copy(update={"across_cameras": across_cameras})
        preset = PRESETS[self.preset]
        update: dict[str, Any] = {"across_cameras": across_cameras}
        if "transforms" not in self.model_fields_set:
            update["transforms"] = list(preset.transforms)
            if self.choose is None and self.mode is AugmentationMode.STACKED:
                update["choose"] = preset.choose
            taken = {entry.camera for entry in self.per_camera}
            own_lists = (
                CameraTransforms.model_validate({"camera": _unlike(pattern, taken), "transforms": list(names)})
                for pattern, names in preset.transforms_of_cameras.items()
            )
            update["per_camera"] = [*own_lists, *self.per_camera]
        for name, model in TRANSFORM_MODELS.items():
            of_preset, own = preset.parameters.get(name), _field_of(self, name)
            if of_preset is not None:
                update[name.name.lower()] = model(**{**_said_by(of_preset), **_said_by(own)})
        return self.model_copy(update=update)

    def of_camera(self, key: str) -> Self:
        """What one camera gets: its own transforms and parameters where it has any, else those of all.

        Of a preset this takes nothing: that is up to `effective`.
        """
        update: dict[str, Any] = {}
        for entry in self.per_camera:
            if not entry.matches(key):
                continue
            if entry.transforms is not None:
                update["transforms"] = entry.transforms
            for name in TransformName:
                if own := entry.parameters(name):
                    before = update.get(name.name.lower(), _field_of(self, name))
                    update[name.name.lower()] = before.model_copy(update=own)
        return self.model_copy(update=update) if update else self


def _field_of(transforms: Transforms, name: TransformName) -> Model:
    return cast(Model, getattr(transforms, name.name.lower()))


def _unlike(pattern: str, taken: Collection[str]) -> str:
    """A pattern that matches the same, but is not one of those taken: records, like specs, have one entry for each."""
    while pattern in taken:
        pattern = pattern.replace("*", "**", 1)
    return pattern


def _said_by(parameters: Model) -> dict[str, Any]:
    """The parameters that were given, not left to their defaults."""
    return {name: getattr(parameters, name) for name in parameters.model_fields_set}
