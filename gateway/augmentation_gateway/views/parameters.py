"""The request's fields for the parameters of transforms and of generative models, derived from the resource's models.

Each parameter becomes a field with the bounds and the default that it has in the resource; a range becomes two fields.
A transform that is added to the resource needs no edit here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final

from annotated_types import Ge, Le
from pydantic import BaseModel, Field
from pydantic.alias_generators import to_snake
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from augmentation_api.presets import Preset
from augmentation_api.spec import Generative
from augmentation_api.transforms import TRANSFORM_MODELS, Range, TransformName

_NAMES: Final = {
    "lighting.brightness": "augment_brightness",
    "lighting.contrast": "augment_contrast",
    "lighting.colorTemperature": "augment_color_temp",
    "occlusion.patches": "occlusion_num_patches",
    "gamma.exponent": "gamma",
    "hueSaturation.hue": "hue_shift",
    "hueSaturation.saturation": "saturation",
}
"""Released fields that are not named `<transform>_<parameter>`, or `<transform>_type` for its `kind`."""
_OUTER_BOUNDS_ONLY: Final = {
    "augment_brightness_min": Le,
    "augment_brightness_max": Ge,
    "augment_contrast_min": Le,
    "augment_contrast_max": Ge,
}
"""Released fields that are bounded on one side only, and the bound that they lack: the range's other end has it."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a transform, or of a generative model.

    Attributes:
        name: its field in a request; of a range, the prefix of its two fields, `<name>_min` and `<name>_max`.
        path: where it is in a job's spec, e.g. `augmentation.gamma.exponent`.
        info: its definition in the resource.
    """

    name: str
    path: str
    info: FieldInfo

    @property
    def attribute(self) -> str:
        """Its name in the model of its transform."""
        return to_snake(self.path.rpartition(".")[2])

    @property
    def is_range(self) -> bool:
        """Whether it has a smallest and a largest value, from between which each copy samples its own."""
        kind = self.info.annotation
        return isinstance(kind, type) and issubclass(kind, Range)

    @property
    def paths(self) -> Mapping[str, str]:
        """Where each of its fields is in a job's spec."""
        if self.is_range:
            return {f"{self.name}_{end}": f"{self.path}.{end}" for end in ("min", "max")}
        return {self.name: self.path}

    @property
    def definitions(self) -> Mapping[str, FieldInfo]:
        """The resource's definition of each of its fields."""
        ends: type[BaseModel] | Any = self.info.annotation
        return {name: ends.model_fields[name[-3:]] if self.is_range else self.info for name in self.paths}

    def describe(self) -> JsonDict:
        """What a form shows of it."""
        label = self.path.rpartition(".")[2]
        return {
            "name": self.name,
            "label": to_snake(label).replace("_", " ").capitalize(),
            "description": _sentence(self.info),
            "is_range": self.is_range,
        }


def _parameters(transform: TransformName) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(
            _NAMES.get(f"{transform}.{info.alias}", f"{to_snake(transform)}_{'type' if name == 'kind' else name}"),
            f"augmentation.{transform}.{info.alias}",
            info,
        )
        for name, info in TRANSFORM_MODELS[transform].model_fields.items()
    )


TRANSFORMS: Final[Mapping[str, tuple[Parameter, ...]]] = MappingProxyType(
    {name.value: _parameters(name) for name in TransformName}
)
"""The parameters of each transform, in the resource's order."""
GENERATIVE: Final = tuple(
    Parameter(f"cosmos_{name}", f"generative.{info.alias}", info) for name, info in Generative.model_fields.items()
)
"""The parameters of a generative model."""


def describe_preset(preset: Preset) -> JsonDict:
    """What a form shows of a preset: `values` are those of the request's fields."""
    values: JsonDict = {}
    for name, model in preset.parameters.items():
        for parameter in TRANSFORMS[name]:
            value = getattr(model, parameter.attribute)
            ends = value.bounds if isinstance(value, Range) else (value,)
            values |= dict(zip(parameter.paths, ends, strict=True))
    return {"source": preset.source, "transforms": list(preset.transforms), "choose": preset.choose, "values": values}


def field_definitions() -> dict[str, Any]:
    """The fields of all parameters, as `pydantic.create_model` takes them."""
    transforms = {
        name: (_constrained(name, info), Field(info.default, description=_sentence(info)))
        for parameters in TRANSFORMS.values()
        for parameter in parameters
        for name, info in parameter.definitions.items()
    }
    generative = {
        parameter.name: (
            _constrained(parameter.name, parameter.info) | None,
            Field(None, description=f"Generative only: {_sentence(parameter.info)}"),
        )
        for parameter in GENERATIVE
    }
    return transforms | generative


def _constrained(name: str, info: FieldInfo) -> Any:
    """The type of a field with the bounds of its definition."""
    kind: Any = info.annotation
    for bound in info.metadata:
        if not isinstance(bound, _OUTER_BOUNDS_ONLY.get(name, ())):
            kind = Annotated[kind, bound]
    return kind


def _sentence(info: FieldInfo) -> str:
    return (info.description or "").rstrip(".")
