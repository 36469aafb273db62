"""Pieces of a pod that several fields of an AugmentationClass take: quantities, labels, resources, tolerations."""

import re
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

LABEL_KEY_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$"
"""A key of a label, annotation or resource (IsQualifiedName of k8s.io/apimachinery), of which a prefix is no more than
letters, digits, - and dots here."""
LABEL_KEY_FORM = (
    "a key is a name of at most 63 letters, digits, -, _ and ., which begins and ends with a letter or digit; a domain "
    "and a slash may stand before it, as in example.com/team"
)


def _label_key(value: str) -> str:
    if re.fullmatch(LABEL_KEY_PATTERN, value) is None:
        raise ValueError(LABEL_KEY_FORM)
    return value


LongName = Annotated[str, StringConstraints(min_length=1, max_length=317)]
LabelKey = Annotated[LongName, AfterValidator(_label_key)]
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
