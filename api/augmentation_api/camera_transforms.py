"""What one camera, or some, get in another way than the others: an entry of `augmentation.perCamera`.

Its fields are those of the transforms, each of which may be absent: derived from the models, so that a new transform
needs no edit here.
"""

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import ConfigDict, Field, StringConstraints, create_model, field_validator, model_validator

from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.transforms import TRANSFORM_MODELS, TransformName, each_once

CameraPattern = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _partial(model: type[Model]) -> Any:
    """A model of the same parameters, each of which may be absent."""
    fields: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        kind: Any = info.annotation
        for bound in info.metadata:
            kind = Annotated[kind, bound]
        description = f"{(info.description or '').rstrip('.')}. Default: as for the other cameras."
        fields[name] = (kind | None, Field(None, description=description))
    return create_model(f"{model.__name__}OfCamera", __base__=Model, __doc__=model.__doc__, **fields)


if TYPE_CHECKING:
    # The code reads a transform's field by its name in a table, never as an attribute.
    _Parameters = Model
else:
    _Parameters = create_model(
        "_Parameters",
        __base__=Model,
        **{
            name.name.lower(): (
                _partial(model) | None,
                Field(None, description=f"Parameters of the {name} transform for these cameras."),
            )
            for name, model in TRANSFORM_MODELS.items()
        },
    )


class CameraTransforms(_Parameters):
    """Transforms and parameters of one camera, or of all that match. What it does not say is as for the others."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(
                    "!has(self.transforms) || self.transforms.all(t, self.transforms.exists_one(other, other == t))",
                    "transforms names one more than once: name each transform once",
                )
            ]
        }
    )

    camera: CameraPattern = Field(
        description="Camera key, e.g. observation.images.wrist, or a pattern in which * stands for any characters: "
        "*wrist*."
    )
    transforms: list[TransformName] | None = Field(
        None,
        min_length=1,
        max_length=len(TransformName),
        description="Transforms that these cameras get, in order of application. With augmentation.mode independent, "
        "only some of augmentation.transforms: in the copies of another, these cameras stay as they are. Default: as "
        "for the other cameras.",
    )

    @field_validator("transforms")
    @classmethod
    def _each_once(cls, transforms: list[TransformName] | None) -> list[TransformName] | None:
        return transforms if transforms is None else each_once(transforms)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(value is None for name, value in self if name != "camera"):
            raise ValueError(f"the entry of {self.camera} changes nothing: give it transforms or ranges, or remove it")
        return self

    @property
    def is_pattern(self) -> bool:
        """Whether it is meant for any number of cameras."""
        return "*" in self.camera

    def matches(self, key: str) -> bool:
        """Whether it is meant for the camera with this key."""
        first, *others = self.camera.split("*")
        if not others:
            return self.camera == key
        *middle, last = others
        place, end = len(first), len(key) - len(last)
        if place > end or not (key.startswith(first) and key.endswith(last)):
            return False
        for piece in middle:
            found = key.find(piece, place, end)
            if found < 0:
                return False
            place = found + len(piece)
        return True

    def parameters(self, transform: TransformName) -> dict[str, Any]:
        """The parameters of a transform that these cameras have of their own, by name."""
        own: Model | None = getattr(self, transform.name.lower())
        return {} if own is None else {name: value for name, value in own if value is not None}
