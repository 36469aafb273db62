"""Pieces of a pod that several fields of an AugmentationClass take: quantities, labels, resources, tolerations."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from augmentation_api.model import Model
from augmentation_api.quantity import MAX_QUANTITY_LENGTH, QUANTITY_SCHEMA, parse_quantity


def _quantity(value: str) -> str:
    parse_quantity(value)
    return value


Quantity = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value),
    StringConstraints(max_length=MAX_QUANTITY_LENGTH),
    AfterValidator(_quantity),
    WithJsonSchema(QUANTITY_SCHEMA),
]
"""A Kubernetes quantity: 500m, 2, 4Gi."""

LabelKey = Annotated[str, StringConstraints(min_length=1, max_length=317)]
LabelValue = Annotated[str, StringConstraints(max_length=63, pattern=r"^([A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?)?$")]


class Resources(Model):
    """Requests and limits of a container, as in a pod."""

    requests: dict[LabelKey, Quantity] = Field(default={}, description="Resources that the node must have available.")
    limits: dict[LabelKey, Quantity] = Field(default={}, description="Maximum resources that the container may use.")


class Toleration(Model):
    """A taint that the pods tolerate, as in a pod."""

    key: Annotated[str, StringConstraints(max_length=317)] | None = Field(None, description="Key of the taint.")
    operator: Literal["Equal", "Exists"] = Field("Equal", description="Equal compares the value, Exists ignores it.")
    value: LabelValue | None = Field(None, description="Value of the taint.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Effect of the taint; empty: any effect."
    )
